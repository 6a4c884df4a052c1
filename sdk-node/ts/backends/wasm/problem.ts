/**
 * RFC 9457 problems, read leniently: an error path must not fail over the error's own form. A body that is HTML, truncated, of the wrong type or of wrong
 * member types gives as much of a problem as can be read, or none, and never throws. `openapi/vectors/problem.json` holds it.
 */

/** What a server said about an error. Members that are not known here are kept. */
export interface Stated {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly instance?: string;
  readonly code?: string;
  readonly request_id?: string;
  readonly retry_after?: number;
  readonly errors?: readonly FieldError[];
  readonly [member: string]: unknown;
}

interface FieldError {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

const TEXTS = ["type", "title", "detail", "instance", "code", "request_id"];
const NUMBERS: readonly (readonly [name: string, most: number])[] = [
  ["status", 65_535],
  ["retry_after", Number.MAX_SAFE_INTEGER],
];
/** Deeper nesting is refused, as a parser of unknown bodies must. */
const DEEPEST = 128;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a problem from an error's body, whatever its content type claims; nothing where the body is no JSON object. */
export function problemOf(body: Uint8Array): Stated | undefined {
  let read: unknown;
  try {
    read = JSON.parse(decoder.decode(body));
  } catch {
    return undefined;
  }
  if (!isObject(read) || isDeep(read, DEEPEST)) return undefined;
  const known: Record<string, unknown> = {};
  for (const name of TEXTS) {
    const value = read[name];
    if (value != null) known[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  for (const [name, most] of NUMBERS) {
    const value = wholeOf(read[name]);
    if (value !== undefined && value <= most) known[name] = value;
  }
  const errors = Array.isArray(read["errors"]) ? read["errors"].filter(isObject).map(fieldOf).filter(({ pointer, code, detail }) => pointer + code + detail !== "") : [];
  if (errors.length > 0) known["errors"] = errors;
  const names = new Set([...TEXTS, "status", "retry_after", "errors"]);
  // Made from entries, since a server may name a member `__proto__`; assigned, it would change the object's prototype.
  return Object.fromEntries([...Object.entries(known), ...Object.entries(read).filter(([name]) => !names.has(name))]);
}

/** Is there anything in it that a problem has? Some JSON objects are only an object. */
export function saysSomething({ code, title, detail, type, errors }: Stated): boolean {
  return [code, title, detail, type, errors].some((member) => member !== undefined);
}

/** The same with every text that is meant for a person, or that is not known, passed through `clean`. */
export function cleaned(problem: Stated, clean: (text: string) => string): Stated {
  const kept = new Set(["type", "request_id", "errors"]);
  const { errors } = problem;
  const members = Object.entries(problem).map(([name, value]) => [name, kept.has(name) ? value : deeply(value, clean)]);
  return { ...Object.fromEntries(members), ...(errors && { errors: errors.map((field) => ({ ...field, detail: clean(field.detail) })) }) };
}

function deeply(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map((item) => deeply(item, clean));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, deeply(member, clean)])) : value;
}

function fieldOf(value: Record<string, unknown>): FieldError {
  const text = (name: string): string => (typeof value[name] === "string" ? value[name] : "");
  return { pointer: text("pointer"), code: text("code"), detail: text("detail") };
}

/** A whole number from 0, also where a server wrote it as a text or with a fraction, which is rounded up. */
function wholeOf(value: unknown): number | undefined {
  if (typeof value === "string") return /^\s*\d+\s*$/.test(value) ? Number(value) : undefined;
  return typeof value === "number" && value >= 0 ? Math.ceil(value) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDeep(value: unknown, left: number): boolean {
  return typeof value === "object" && value !== null && (left === 0 || Object.values(value).some((member) => isDeep(member, left - 1)));
}
