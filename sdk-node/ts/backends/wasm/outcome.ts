/**
 * From the end of a call to what its caller is told: which kind of error, and a message that says what happened, to what, and what to do. The engine
 * decides that a call is over and why; here are the words, which are those of every Waypost SDK (`sdk-core/src/engine/classify.rs`).
 *
 * Promises: every status and every failure has exactly one kind; whatever the body is, it gives no other kind and does not throw; nothing of the request's
 * credentials comes out, even where a server or a library repeated them.
 */

import type { AttemptReport, ErrorKind, Report } from "../../backend.js";
import { isSecretName, REDACTED, redactUrl } from "../../redact.js";
import { pairsOf, type FlatHeaders, type Head } from "./flat.js";
import { cleaned, saysSomething, type Stated } from "./problem.js";

/** The steps that end a call, by the numbers of `sdk-wasm/src/engine.rs`. */
export const END = { success: 3, attempt: 4, overBudget: 5, cancelled: 6, late: 7, held: 8, open: 9, over: 10, mistakes: 11, unauthorized: 13 } as const;
/** The kinds of failures, in the order of their numbers. */
export const FAILURES = ["connect", "tls", "reset", "interrupted", "timeout", "protocol", "request"];
/** Retry classes, by their numbers. */
const SAFE = 0;
const NEVER = 2;

/** The call of which is told. */
export interface About {
  readonly operation: string;
  /** Its retry class. */
  readonly retry: number;
  readonly method: string;
  readonly url: string;
  /** Of its request. */
  readonly headers: FlatHeaders;
  readonly attempts: readonly AttemptReport[];
}

/** How the last attempt went, where it was no success. */
export type Attempted =
  | { readonly head: Head; readonly body: Uint8Array; readonly problem: Stated | undefined }
  /** A success that cannot be used. */
  | { readonly head: Head; readonly body: Uint8Array; readonly unusable: string }
  | { readonly head: Head | undefined; readonly failure: { readonly kind: string; readonly message: string } };

/** How a call ended: the step, how long the server asked to wait, and whether the deadline is over; then the limit that the attempt had. */
export interface Ended {
  readonly number: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
}

/** An error before the secrets are taken out of it. */
type Told = Report & { readonly headers?: never };

/** The error of a call. */
export function reportOf(about: About, { number, first, second, third }: Ended, last: Attempted | undefined): Report {
  const wait = first < 0 ? undefined : first;
  const { operation } = about;
  const told = ((): Told => {
    switch (number) {
      case END.attempt:
      case END.overBudget:
        if (last === undefined) break;
        return attempted(about, last, wait, second !== 0, third);
      case END.cancelled:
        return { kind: "cancelled", message: `${operation} was given up by its caller`, hint: unknownEffect(about) };
      case END.late:
        return { kind: "timeout", message: `${operation} did not finish within its deadline`, hint: LATE };
      case END.held:
        return { kind: "rate_limited", message: `${operation} was not sent: the server asked to wait beyond the call's deadline`, hint: advice("rate_limited", undefined, wait) };
      case END.open:
        return { kind: "circuit_open", message: `${operation} was not sent: the circuit breaker is open`, hint: advice("circuit_open", undefined, wait) };
    }
    return { kind: "config", message: `${operation}: the driver broke the protocol of the engine` };
  })();
  const budget = number === END.overBudget ? " (it was not tried again: the client's retry budget is used up, as too many calls fail)" : "";
  const head = last?.head !== undefined && number <= END.overBudget ? last.head : undefined;
  return sealed(about, { ...told, hint: (told.hint ?? "") + budget, ...(wait !== undefined && { retry_after_s: wait / 1000 }) }, head);
}

const LATE = "Allow a longer deadline, or find out why the server is slow";

function attempted(about: About, last: Attempted, wait: number | undefined, late: boolean, limit: number): Told {
  if ("failure" in last) return failed(about, last.failure, late, limit);
  const { operation } = about;
  const { status } = last.head;
  if ("unusable" in last) {
    return { kind: "decode", message: `${operation} answered ${status} with ${last.unusable}`, hint: advice("decode"), excerpt: excerpt(last.body) };
  }
  const kind = kindOf(status);
  const problem = last.problem !== undefined && saysSomething(last.problem) ? last.problem : undefined;
  return {
    kind,
    message: sentence(operation, status, problem),
    hint: kind === "decode" && status >= 300 && status < 400 ? "Redirects are not followed: set the base URL to where the API is" : advice(kind, problem, wait),
    ...(problem === undefined ? { excerpt: excerpt(last.body) } : { problem, code: problem.code ?? null, request_id: problem.request_id ?? null }),
  };
}

function failed(about: About, { kind, message }: { kind: string; message: string }, late: boolean, limit: number): Told {
  const { operation } = about;
  switch (kind) {
    case "timeout":
      return late
        ? { kind: "timeout", message: `${operation} did not finish within its deadline of ${seconds(limit)}`, hint: LATE }
        : { kind: "timeout", message: `${operation} had no complete answer within ${seconds(limit)}: ${message}`, hint: "Allow a longer timeout, or find out why the server is slow" };
    case "protocol":
      return { kind: "decode", message: `the answer to ${operation} is not valid HTTP: ${message}`, hint: advice("decode") };
    case "request":
      return { kind: "config", message: `${operation} cannot be sent: ${message}`, hint: "Check the base URL and the headers that were set" };
    case "tls":
      return { kind: "connection", message: `${operation}: no secure connection: ${message}`, hint: "Check the server's certificate and name" };
    case "connect":
      return { kind: "connection", message: `${operation}: cannot connect: ${message}`, hint: "Check the base URL, and that the server is up" };
    default: {
      const place = kind === "reset" ? "before the answer" : "within the answer";
      return { kind: "connection", message: `${operation}: the connection ended ${place}: ${message}`, hint: unknownEffect(about) };
    }
  }
}

/** The kind of an error status. */
function kindOf(status: number): ErrorKind {
  const known: Readonly<Record<number, ErrorKind>> = {
    401: "authentication",
    403: "permission_denied",
    404: "not_found",
    409: "conflict",
    410: "gone",
    422: "unprocessable",
    429: "rate_limited",
  };
  return known[status] ?? (status >= 400 && status < 500 ? "bad_request" : status >= 500 && status < 600 ? "server" : "decode");
}

function sentence(operation: string, status: number, problem: Stated | undefined): string {
  const { code, detail, title, errors = [] } = problem ?? {};
  const said = detail ?? title;
  const fields = errors.map((field) => `; ${field.pointer}: ${field.detail === "" ? field.code : field.detail}`);
  return `${operation} answered ${status}${code === undefined ? "" : ` ${code}`}${said === undefined ? "" : `: ${said.replace(/\.+$/, "")}`}${fields.join("")}`;
}

function advice(kind: ErrorKind, problem?: Stated, wait?: number): string {
  switch (kind) {
    case "bad_request":
      return "Correct the request; sent again as it is, it fails again";
    case "authentication":
      return "Check the API key or access token that the client was given (WAYPOST_API_KEY, WAYPOST_ACCESS_TOKEN)";
    case "permission_denied":
      return "Ask for the permission that the operation needs, or use other credentials";
    case "not_found":
      return "Check the path's ids, and that they belong to this caller";
    case "conflict":
      return problem?.code === "idempotency_in_flight" ? "A call with this idempotency key is still running: wait for it, then send again" : "Read the present state, then decide again";
    case "gone":
      return "It does not come back: forget its id";
    case "unprocessable":
      return problem?.code === "idempotency_key_reused" ? "This idempotency key belongs to another request: take a new one" : "Correct the values named above";
    case "rate_limited":
    case "circuit_open":
    case "server":
      if (wait !== undefined) return `Try again after ${seconds(wait)}`;
      return kind === "server" ? "Try again later; the server's operator finds it by the request id" : "Try again later, and less often";
    case "decode":
      return "Check that the base URL is the API's, and that no proxy in between answers for it";
    default:
      return "";
  }
}

/** After a break: may the server have done it? */
function unknownEffect({ retry }: About): string {
  if (retry === SAFE) return "Try again";
  if (retry === NEVER) return "The server may have done it: read the present state before trying again";
  return "The server may have done it: try again with the same idempotency key, or read the present state";
}

/** Seconds with as many digits after the point as milliseconds need: `1.5 s`. */
function seconds(milliseconds: number): string {
  return `${Math.ceil(milliseconds) / 1000} s`;
}

/** Adds what is known of every error, and takes out every credential of the request that found its way into a text. */
function sealed({ operation, method, url, headers, attempts }: About, told: Told, head: Head | undefined): Report {
  const secrets = secretsOf(headers);
  const clean = (text: string): string => scrub(text, secrets);
  const problem = told.problem as Stated | undefined;
  const report: Report = {
    ...told,
    message: clean(told.message),
    operation,
    method,
    url: redactUrl(url.replace(/\?[^]*$/, "")),
    attempts: [...attempts],
    ...(told.excerpt && { excerpt: clean(told.excerpt) }),
    ...(problem && { problem: cleaned(problem, clean), code: problem.code === undefined ? null : clean(problem.code) }),
  };
  if (head === undefined) return report;
  return {
    ...report,
    status: head.status,
    request_id: requestIdOf(head) ?? report.request_id ?? null,
    headers: pairsOf(head.headers.map((text, place) => (place % 2 === 0 ? text : clean(text)))),
  };
}

/** The credentials that a request carries. Very short values are left: taking every `a` out of a text hides nothing and ruins it. */
function secretsOf(headers: FlatHeaders): string[] {
  const secrets = pairsOf(headers)
    .filter(([name]) => isSecretName(name) && name !== "idempotency-key")
    .flatMap(([name, value]) => {
      const cookies = name === "cookie" ? value.split("; ").map((pair) => pair.slice(pair.indexOf("=") + 1)) : [];
      return [value, value.slice(value.indexOf(" ") + 1), ...cookies];
    });
  return secrets.filter((secret) => secret.length >= 6);
}

/** A text of somebody else's as it may be printed: every URL in it redacted, and none of the secrets. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, REDACTED);
  return clean.replace(/[^\s"'<>()`]*:\/\/[^\s"'<>()`]*/g, redactUrl);
}

/** From `X-Request-Id`. */
export function requestIdOf(head: Head): string | undefined {
  const id = head.header("x-request-id");
  return id === "" ? undefined : id;
}

/** Why a success's body cannot be the JSON that was promised; nothing when it can. */
export function mismatch(head: Head, body: Uint8Array): string | undefined {
  if (body.every((byte) => byte === 32 || (byte >= 9 && byte <= 13 && byte !== 11))) return "an empty body where JSON was promised";
  const media = head.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return media === "" || /[/+]json$/.test(media) ? undefined : `content type \`${media}\` where JSON was promised`;
}

/** The beginning of a body, for a person: one line of at most 200 characters, without control characters. */
function excerpt(body: Uint8Array): string | null {
  const line = new TextDecoder().decode(body.subarray(0, 800)).replace(/[\s\p{Cc}]+/gu, " ").trimStart();
  const [...letters] = line;
  const short = letters.slice(0, 200).join("").trimEnd();
  return short === "" ? null : short;
}
