/**
 * From the arguments of a method to what the engine takes: checked, and flat.
 *
 * Promises: a wrong argument gives a `TypeError` that names it, before anything is sent; a value never appears in a message, because it may be
 * a secret; what a later version of the API knows and this one does not passes through in a body.
 *
 * @module
 */

import type { CallSettings } from "./backend.js";
import type { CallOptions, Check, Checks, Operation } from "./call.js";

/** A call, ready for the engine. */
export interface Prepared {
  /** Wire name, text, wire name, text. */
  readonly parameters: string[];
  /** JSON text or bytes. */
  readonly body: string | Uint8Array | undefined;
  /** What differs from the client. */
  readonly settings: CallSettings | undefined;
  /** Gives the call up. */
  readonly signal: AbortSignal | undefined;
}

const CALL_OPTIONS: Checks = {
  timeoutMs: "number?",
  deadlineMs: "number?",
  maxRetries: "integer?",
  idempotencyKey: "string?",
  headers: "object?",
  accept: "string?",
  traceParent: "string?",
  signal: "object?",
};

/** Checks and flattens. Throws a `TypeError` that names what is wrong. */
export function prepare(operation: Operation, args: readonly unknown[], options: CallOptions | undefined): Prepared {
  const { id, path, body, params } = operation;
  const parameters: string[] = [];
  let place = 0;
  for (const name of path ?? []) {
    const value = args[place++];
    if (typeof value !== "string" && typeof value !== "number") throw wrong(id, name, "a string", value);
    if (value === "") throw new TypeError(`${id}: \`${name}\` is empty; give the identifier`);
    parameters.push(name, String(value));
  }
  const sent = body === undefined ? undefined : bodyOf(operation, args[place++]);
  if (params !== undefined) flatten(id, params, args[place], parameters);
  const settings = settingsOf(id, options);
  return { parameters, body: sent, settings, signal: options?.signal };
}

/** Checks the members of an object and turns their names to those of the engine: `timeoutMs` to `timeout_ms`. */
export function renamed(about: string, checks: Checks, given: object, skipped: readonly string[] = []): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    known(about, checks, name);
    const mistake = mistakeOf(checks[name] as Check, value);
    if (mistake !== undefined) throw wrong(about, name, mistake, value);
    if (value !== undefined && !skipped.includes(name)) made[snake(name)] = value;
  }
  return made;
}

/** `timeoutMs` to `timeout_ms`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** An object of headers as pairs, each checked to be text. */
export function headerPairs(about: string, headers: object): [string, string][] {
  return Object.entries(headers).map(([name, value]) => {
    if (typeof value !== "string") throw wrong(about, `headers.${name}`, "a string", value);
    return [name, value];
  });
}

/** Headers with others in place of those of the same name, whatever its case. */
export function joined(headers: Readonly<Record<string, string>> = {}, others: Readonly<Record<string, string>> = {}): Record<string, string> {
  const names = new Set(Object.keys(others).map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...others };
}

function settingsOf(id: string, options: CallOptions | undefined): CallSettings | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null) throw wrong(id, "options", "an object", options);
  const settings = renamed(id, CALL_OPTIONS, options, ["signal"]);
  if (options.headers !== undefined) settings["headers"] = headerPairs(id, options.headers);
  const { signal } = options;
  if (signal !== undefined && typeof signal.addEventListener !== "function") throw wrong(id, "signal", "an AbortSignal", signal);
  return Object.keys(settings).length > 0 ? settings : undefined;
}

function bodyOf({ id, body, fields }: Operation, given: unknown): string | Uint8Array {
  if (body === "bytes") {
    if (typeof given === "string" || given instanceof Uint8Array) return given;
    throw wrong(id, "body", "a string or a Uint8Array", given);
  }
  if (given === undefined) throw wrong(id, "body", "an object", given);
  if (fields !== undefined) {
    if (typeof given !== "object" || given === null || Array.isArray(given)) throw wrong(id, "body", "an object", given);
    for (const name in fields) {
      const value = own(given, name);
      const mistake = mistakeOf(fields[name] as Check, value);
      if (mistake !== undefined) throw wrong(id, name, mistake, value);
    }
  }
  try {
    const text = JSON.stringify(given);
    if (typeof text === "string") return text;
  } catch (error) {
    // A BigInt or a circle; the message of the host names no value.
    throw new TypeError(`${id}: the body cannot be written as JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  throw wrong(id, "body", "a value that JSON can hold", given);
}

function flatten(id: string, checks: Checks, given: unknown, into: string[]): void {
  if (given !== undefined && (typeof given !== "object" || given === null)) throw wrong(id, "params", "an object", given);
  const params = (given ?? {}) as Record<string, unknown>;
  for (const name of Object.keys(params)) known(id, checks, name);
  for (const name in checks) {
    const value = own(params, name);
    const mistake = mistakeOf(checks[name] as Check, value);
    if (mistake !== undefined) throw wrong(id, name, mistake, value);
    if (value == null) continue;
    for (const one of Array.isArray(value) ? value : [value]) into.push(name, String(one));
  }
}

/** What an object holds itself, as JSON would write it: `constructor` and the like are on every object. */
function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function known(about: string, checks: Checks, name: string): void {
  if (!Object.hasOwn(checks, name)) {
    throw new TypeError(`${about}: there is no \`${name}\`; there are ${Object.keys(checks).join(", ")}`);
  }
}

const EXPECTED = {
  string: "a string",
  integer: "an integer between -(2^53 - 1) and 2^53 - 1",
  number: "a finite number",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  any: "a value",
} as const;

/** Each check that was met, taken apart. */
const parsed = new Map<Check, readonly [type: keyof typeof EXPECTED, optional: boolean, nullable: boolean]>();

/** What was expected, if the value is not that. */
function mistakeOf(check: Check, value: unknown): string | undefined {
  let rule = parsed.get(check);
  if (rule === undefined) {
    rule = [check.replace(/\W/g, "") as keyof typeof EXPECTED, check.includes("?"), check.includes("~")];
    parsed.set(check, rule);
  }
  const [type, optional, nullable] = rule;
  if (value === undefined) return optional ? undefined : EXPECTED[type];
  if (value === null) return nullable || type === "any" ? undefined : EXPECTED[type];
  return holds(type, value) ? undefined : EXPECTED[type];
}

function holds(type: keyof typeof EXPECTED, value: unknown): boolean {
  switch (type) {
    case "any":
      return true;
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return Number.isFinite(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

function wrong(about: string, name: string, expected: string, value: unknown): TypeError {
  const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `of type ${typeof value}`;
  const found = value === undefined ? "is missing" : typeof value === "number" && /^(?:an integer|a finite)/.test(expected) ? "is a number that is none" : `is ${kind}`;
  return new TypeError(`${about}: \`${name}\` must be ${expected}, and ${found}`);
}
