/**
 * The errors of a call, one class for each thing that a caller can do about it. They are made from the engine's report, by its kind; no text
 * is parsed to find out what happened.
 *
 * Promises: an error tells what happened, to what, and what to do; none holds or prints a credential; `kind` tells the classes apart also
 * where `instanceof` cannot (two copies of the package, another realm, an error that was sent as JSON).
 *
 * @module
 */

import type { AttemptReport, ErrorKind, Report } from "./backend.js";
import type { Problem as Stated } from "./generated/types.js";

export type { ErrorKind } from "./backend.js";

/** What the server said about an error (RFC 9457). Any member may be missing; those that this version does not know are kept. */
export interface Problem extends Partial<Stated> {
  readonly [member: string]: unknown;
}

/** One attempt of a call. */
export interface Attempt {
  /** From 1. */
  readonly number: number;
  /** How long the engine waited before it, in milliseconds. */
  readonly delayMs: number;
  /** From sending to the end of the answer, in milliseconds. */
  readonly durationMs: number;
  /** The answer's status, when its head came. */
  readonly status?: number;
  /** Why it failed: `connect`, `reset`, `timeout`, `status`, `decode`, … Absent: it did not. */
  readonly cause?: string;
  /** From `X-Request-Id`. */
  readonly requestId?: string;
}

/** What is known of an error, as `toJSON` gives it. */
export interface ErrorDetails {
  /** What a caller can do about it. */
  readonly kind: ErrorKind;
  /** What happened, to what, and what to do. */
  readonly message: string;
  /** What to do about it, for a person. */
  readonly hint?: string;
  /** The HTTP status of the last answer. */
  readonly status?: number;
  /** The problem's stable word: `insufficient_funds`. */
  readonly code?: string;
  /** What the server said. */
  readonly problem?: Problem;
  /** The request's id, to quote to the server's operator. */
  readonly requestId?: string;
  /** How long the server asked to wait, in seconds. */
  readonly retryAfter?: number;
  /** Every attempt, the last one last. */
  readonly attempts: readonly Attempt[];
  /** The operation's id: `wallets_get`. */
  readonly operation?: string;
  /** The HTTP method. */
  readonly method?: string;
  /** The URL, without query and credentials. */
  readonly url?: string;
  /** The beginning of the last answer's body, where it was not a problem. */
  readonly excerpt?: string;
  /** The authorization server's word (RFC 6749, section 5.2), or one of the SDK's own: `invalid_grant`, `access_denied`, `state_mismatch`. */
  readonly error?: string;
  /** What the authorization server says about it. */
  readonly errorDescription?: string;
  /** Where it says more. */
  readonly errorUri?: string;
}

const BRAND = Symbol.for("waypost.error");

/** Every error that a call can end with. Nothing else is thrown but a `TypeError` for a wrong argument. */
export class WaypostError extends Error implements ErrorDetails {
  declare readonly kind: ErrorKind;
  declare readonly hint?: string;
  declare readonly status?: number;
  declare readonly code?: string;
  declare readonly problem?: Problem;
  declare readonly requestId?: string;
  declare readonly retryAfter?: number;
  declare readonly attempts: readonly Attempt[];
  declare readonly operation?: string;
  declare readonly method?: string;
  declare readonly url?: string;
  declare readonly excerpt?: string;
  declare readonly error?: string;
  declare readonly errorDescription?: string;
  declare readonly errorUri?: string;

  /** Errors are made by the client, by `waypost/testing`, and by {@link errorFrom}. */
  constructor(details: ErrorDetails, options?: { readonly cause?: unknown }) {
    const { message, ...rest } = details;
    super(message, options);
    // Only what is known becomes a property, so that a printed error shows no row of `undefined`.
    for (const [name, value] of Object.entries(rest)) {
      if (value != null && value !== "") define(this, name, value, true);
    }
  }

  /** The error as plain data: what survives a log line, `structuredClone` or another process. */
  toJSON(): ErrorDetails & { readonly name: string } {
    return { ...this, name: this.name, message: this.message };
  }
}

/** The server refused or failed: 4xx or 5xx. */
export class APIError extends WaypostError {}

/** No complete answer came: no connection, too late, given up, or held back. */
export class TransportError extends WaypostError {}

/** 400, and every other 4xx that has no class of its own: the request is wrong. */
export class BadRequestError extends APIError {
  declare readonly kind: "bad_request";
  declare readonly status: number;
}
/** 401: the credentials are missing, wrong or expired. */
export class AuthenticationError extends APIError {
  declare readonly kind: "authentication";
  declare readonly status: 401;
}
/** 403: the caller may not do this. */
export class PermissionDeniedError extends APIError {
  declare readonly kind: "permission_denied";
  declare readonly status: 403;
}
/** 404: there is no such thing, or not for this caller. */
export class NotFoundError extends APIError {
  declare readonly kind: "not_found";
  declare readonly status: 404;
}
/** 409: the state of the thing does not allow it, or the same idempotency key is in flight. */
export class ConflictError extends APIError {
  declare readonly kind: "conflict";
  declare readonly status: 409;
}
/** 410: it was there and is no more. */
export class GoneError extends APIError {
  declare readonly kind: "gone";
  declare readonly status: 410;
}
/** 422: understood, and its values are wrong; `problem.errors` names each. */
export class UnprocessableError extends APIError {
  declare readonly kind: "unprocessable";
  declare readonly status: 422;
}
/** 429; or, then without a status, a request held back because the server had asked for it. */
export class RateLimitedError extends APIError {
  declare readonly kind: "rate_limited";
  declare readonly status?: 429;
}
/** 5xx: the server failed. */
export class ServerError extends APIError {
  declare readonly kind: "server";
  declare readonly status: number;
}
/** No connection, or it broke before the answer was complete. */
export class ConnectionError extends TransportError {
  declare readonly kind: "connection";
}
/** An attempt's timeout or the call's deadline passed. */
export class TimeoutError extends TransportError {
  declare readonly kind: "timeout";
}
/** The caller gave up; `cause` is the signal's reason. */
export class CancelledError extends TransportError {
  declare readonly kind: "cancelled";
}
/** The circuit breaker is open: nothing was sent. */
export class CircuitOpenError extends TransportError {
  declare readonly kind: "circuit_open";
}
/** An answer came and is not what the contract says. */
export class DecodeError extends WaypostError {
  declare readonly kind: "decode";
}
/** There is no access token, and none could be had: `error` is the word for why. */
export class OAuthError extends WaypostError {
  declare readonly kind: "oauth";
}
/** The client or the call is set up wrongly: nothing was sent. */
export class ConfigError extends WaypostError {
  declare readonly kind: "config";
}

/** Every error by its class, for a `switch` on `kind` that narrows. */
export type AnyWaypostError =
  | BadRequestError
  | AuthenticationError
  | PermissionDeniedError
  | NotFoundError
  | ConflictError
  | GoneError
  | UnprocessableError
  | RateLimitedError
  | ServerError
  | ConnectionError
  | TimeoutError
  | CancelledError
  | CircuitOpenError
  | DecodeError
  | OAuthError
  | ConfigError;

const CLASSES: Readonly<Record<ErrorKind, readonly [name: string, type: typeof WaypostError]>> = {
  bad_request: ["BadRequestError", BadRequestError],
  authentication: ["AuthenticationError", AuthenticationError],
  permission_denied: ["PermissionDeniedError", PermissionDeniedError],
  not_found: ["NotFoundError", NotFoundError],
  conflict: ["ConflictError", ConflictError],
  gone: ["GoneError", GoneError],
  unprocessable: ["UnprocessableError", UnprocessableError],
  rate_limited: ["RateLimitedError", RateLimitedError],
  server: ["ServerError", ServerError],
  connection: ["ConnectionError", ConnectionError],
  timeout: ["TimeoutError", TimeoutError],
  cancelled: ["CancelledError", CancelledError],
  circuit_open: ["CircuitOpenError", CircuitOpenError],
  decode: ["DecodeError", DecodeError],
  oauth: ["OAuthError", OAuthError],
  config: ["ConfigError", ConfigError],
};

// Names are written out because a bundler may rename the classes.
for (const [name, type] of Object.values(CLASSES)) define(type.prototype, "name", name, false);
define(WaypostError.prototype, "name", "WaypostError", false);
define(APIError.prototype, "name", "APIError", false);
define(TransportError.prototype, "name", "TransportError", false);
define(WaypostError.prototype, BRAND, true, false);

/**
 * Is this an error of this SDK? Unlike `instanceof` it also knows errors of another copy of the package (one loaded by `import`, one by
 * `require`), and it narrows to the union of all classes, so that a `switch` on `kind` narrows further.
 *
 * ```ts
 * import { isWaypostError } from "waypost";
 *
 * function told(error: unknown): string {
 *   if (!isWaypostError(error)) return "not ours";
 *   switch (error.kind) {
 *     case "rate_limited":
 *       return `again in ${error.retryAfter ?? 1} s`;
 *     case "unprocessable":
 *       return error.problem?.errors?.map((one) => one.pointer).join(", ") ?? error.message;
 *     default:
 *       return error.message;
 *   }
 * }
 * ```
 */
export function isWaypostError(error: unknown): error is AnyWaypostError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** The error of these details, of the class of its kind. A kind of a later version becomes a plain {@link WaypostError}. */
export function errorFrom(details: ErrorDetails, options?: { readonly cause?: unknown }): WaypostError {
  const type = CLASSES[details.kind]?.[1] ?? WaypostError;
  return new type(details, options);
}

/** The error of what the engine reported. `cause` is what made it fail, where the caller should see it. */
export function errorOf(report: Report, cause?: unknown): WaypostError {
  const { request_id: requestId, retry_after_s: retryAfter, hint } = report;
  const attempts = (report.attempts ?? []).map(attemptOf);
  const about: string[] = [];
  if (report.url) about.push(`${report.method ?? ""} ${report.url}`.trim());
  if (requestId) about.push(`request ${requestId}`);
  if (attempts.length > 0) about.push(attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`);
  if (retryAfter != null) about.push(`retry after ${Math.ceil(retryAfter)} s`);
  const details = {
    kind: report.kind,
    message: report.message + (about.length > 0 ? ` (${about.join(", ")})` : "") + (hint ? `. ${hint}` : ""),
    hint,
    status: report.status,
    code: report.code,
    problem: report.problem,
    requestId,
    retryAfter,
    attempts,
    operation: report.operation,
    method: report.method,
    url: report.url,
    excerpt: report.excerpt,
    error: report.oauth?.error,
    errorDescription: report.oauth?.error_description,
    errorUri: report.oauth?.error_uri,
  };
  return errorFrom(details as ErrorDetails, cause === undefined ? undefined : { cause });
}

/** An attempt as the facade shows it. */
export function attemptOf(report: AttemptReport): Attempt {
  return {
    number: report.number,
    delayMs: report.delay_ms,
    durationMs: report.duration_ms,
    ...(report.status != null && { status: report.status }),
    ...(report.cause != null && { cause: report.cause }),
    ...(report.request_id != null && { requestId: report.request_id }),
  };
}

function define(target: object, name: PropertyKey, value: unknown, enumerable: boolean): void {
  Object.defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
}
