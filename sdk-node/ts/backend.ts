/**
 * The border between the TypeScript facade and the engine. Two engines stand behind it: the addon of Node (`backends/native.ts`) and WebAssembly
 * (`backends/wasm.ts`). The facade knows this file and neither of them.
 *
 * Promises:
 * - An operation is named by its id (`wallets_create`), and brings its row of the operation table for an engine that has none; parameters are flat pairs of wire name and text; a body is JSON text or bytes that nobody below
 *   parses. There is no code of a single operation below this line.
 * - What fails, fails with {@link CallFailed}, whose report tells everything; text is never parsed to find out what happened. Whatever an interceptor or a
 *   script throws is what the call rejects with, unchanged.
 * - Nothing here keeps a process alive but calls, and open streams that are being read.
 *
 * Names within reports and settings are those of the engine, in snake_case: they cross as JSON and are not rewritten on the way.
 */

/** Header names and values, flat: `["content-type", "application/json", "etag", "\"1\""]`. Names are in lower case where the engine made them. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/**
 * An engine: what `backends/native.ts` and `backends/wasm.ts` export as `backend`. The facade imports neither: each entry of the package
 * (`entries/node.ts`, `entries/web.ts`, `entries/inline.ts`) hands one to it, and the `exports` of package.json choose the entry.
 */
export interface Backend {
  /** `"native"` or `"wasm"`. */
  readonly name: "native" | "wasm";

  /**
   * The engine's version, which is the package's: one that differs is refused when the engine is loaded, naming both.
   *
   * @throws {@link EngineMissing} when no engine can be loaded, saying what to do.
   */
  version(): Promise<string>;

  /**
   * A client. Wrong settings throw {@link CallFailed} of kind `config`, here where the engine is loaded already (always for the addon) and
   * otherwise from the first call.
   *
   * @param interceptor - sees every attempt of every call of this client. The facade makes one of many.
   * @param fetch - used in place of the host's. WebAssembly only: the facade refuses it for the addon.
   * @param store - where access tokens that the client gets are kept.
   */
  client(settings: Settings, interceptor?: Interceptor, fetch?: typeof globalThis.fetch, store?: Store): BackendClient;

  /**
   * A client whose server is `script` and whose clock is virtual: waits take no time, they move the clock. The real engine decides over everything else.
   * Calls run one after another, in the order they were made.
   */
  scripted(settings: Settings, script: Script, interceptor?: Interceptor, store?: Store): ScriptedClient;

  /**
   * Describes an operation at run time, for tests and fakes, and returns the id to call it by. The same description gives the same id.
   */
  define(operation: OperationDescription): Promise<string>;

  /**
   * A pure policy by the name of its runner in `openapi/vectors` (`backoff`, `retry_after`, `traceparent`, `redaction`, `base_url`, `environment`,
   * `request`, `form`, `paging`, `webhook`): input and outcome are those that `openapi/vectors/README.md` describes.
   */
  policy(runner: string, input: unknown): Promise<unknown>;
}

/** An operation, as a call names it. */
export interface Named {
  readonly id: string;
  /** Its row of the operation table, without its id. Absent where it was described to the engine ({@link Backend.define}). */
  readonly row?: string;
}

/** A client of the engine. */
export interface BackendClient {
  /**
   * Calls an operation and reads its whole answer.
   *
   * @param operation - which one.
   * @param parameters - wire name, text, wire name, text: `["wallet_id", "wal_1", "limit", "20"]`. An array parameter is its name several times.
   * @param body - JSON text, or bytes; `undefined` where there is none.
   * @param options - what differs from the client's settings; `undefined` in the common case, so that nothing is read.
   * @param signal - aborting it drops the request on the wire; one that is aborted already sends nothing. The promise rejects with {@link CallFailed}
   *   of kind `cancelled`, whose `cause` is `signal.reason`. No listener stays on it.
   */
  call(
    operation: Named,
    parameters: readonly string[],
    body: string | Uint8Array | undefined,
    options?: CallSettings,
    signal?: AbortSignal,
  ): Promise<Answer>;

  /** As {@link BackendClient.call}, but resolves when the answer's head is there; the body is read piece by piece. */
  open(
    operation: Named,
    parameters: readonly string[],
    body: string | Uint8Array | undefined,
    options?: CallSettings,
    signal?: AbortSignal,
  ): Promise<AnswerStream>;

  /** Ends calls that are under way (`cancelled`), refuses later ones (`config`), and closes the connections. Closing twice is closing once. */
  close(): void;
}

/** A client on virtual time. */
export interface ScriptedClient extends BackendClient {
  /** The virtual clock, in milliseconds since the client was made. Waits of the engine and of the script move it. */
  now(): number;
  /** Moves the virtual clock on, between two calls. */
  advance(milliseconds: number): void;
}

/** A success. */
export interface Answer {
  readonly status: number;
  /** The body: text where it is small and UTF-8, bytes otherwise. Empty text where there is none. */
  readonly body: string | Uint8Array;
  /** How it came; made when it is asked for, since few callers ask. */
  details(): AnswerDetails;
}

/** Everything around an answer. */
export interface AnswerDetails {
  readonly status: number;
  /** As received. */
  readonly headers: HeaderPairs;
  readonly request_id: string | null;
  /** Every attempt, the successful one last. */
  readonly attempts: readonly AttemptReport[];
  /** The server confirmed that the answer it gave before still holds. */
  readonly from_cache: boolean;
  /** What was asked, without secrets. */
  readonly url: string;
}

/** A success whose body is being read. */
export interface AnswerStream {
  readonly status: number;
  details(): AnswerDetails;
  /**
   * The next piece, `undefined` at the end. One at a time. Rejects with {@link CallFailed} of kind `connection` when the stream broke, `timeout` when it
   * stood still for the call's timeout, `cancelled` when the call's signal was aborted. After an error there is nothing more.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Ends the request. A reader that stops early must call it; after the end it does nothing. */
  cancel(): void;
}

/** Why a call failed: one shape in every language. */
export interface Report {
  readonly kind: ErrorKind;
  /** What happened, for a person. Holds no secret. */
  readonly message: string;
  /** What to do about it, for a person. */
  readonly hint?: string | null;
  /** The status of the last answer. */
  readonly status?: number | null;
  /** The problem's code, for programs: `insufficient_funds`. */
  readonly code?: string | null;
  /** What the server said (RFC 9457), whole. */
  readonly problem?: Record<string, unknown> | null;
  /** What the authorization server said (RFC 6749, section 5.2). */
  readonly oauth?: { readonly error?: string | null; readonly error_description?: string | null; readonly error_uri?: string | null } | null;
  readonly request_id?: string | null;
  /** How long the server asked to wait, in seconds. */
  readonly retry_after_s?: number | null;
  readonly attempts?: readonly AttemptReport[];
  /** The beginning of a body that was no problem. */
  readonly excerpt?: string | null;
  /** The operation's id. */
  readonly operation?: string | null;
  readonly method?: string | null;
  /** Without its query. */
  readonly url?: string | null;
  /** The last answer's headers. */
  readonly headers?: HeaderPairs;
}

/** The kinds of errors, as every language names them. */
export type ErrorKind =
  | "bad_request"
  | "authentication"
  | "permission_denied"
  | "not_found"
  | "conflict"
  | "gone"
  | "unprocessable"
  | "rate_limited"
  | "server"
  | "connection"
  | "timeout"
  | "cancelled"
  | "circuit_open"
  | "decode"
  | "oauth"
  | "config";

/** One attempt of a call. */
export interface AttemptReport {
  /** From 1. */
  readonly number: number;
  /** The wait before it. */
  readonly delay_ms: number;
  readonly duration_ms: number;
  readonly status: number | null;
  /** Why it was not the last, or why it failed: `connect`, `reset`, `timeout`, `status`, `decode`, ... */
  readonly cause: string | null;
  readonly request_id: string | null;
}

/** What a call rejects with. The facade makes its typed errors of it. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  constructor(
    readonly report: Report,
    options?: { readonly cause?: unknown },
  ) {
    super(report.message, options);
  }
}

/** No engine, or one of another version: what is wrong with the installation, and what to do. */
export class EngineMissing extends Error {
  override readonly name = "EngineMissing";
}

/** Settings of a client. What is left out is the engine's default. `environment` is read by the engine; explicit settings win over it. */
export interface Settings {
  base_url?: string | undefined;
  api_key?: string | undefined;
  access_token?: string | undefined;
  client_id?: string | undefined;
  client_secret?: string | undefined;
  scope?: string | undefined;
  token_url?: string | undefined;
  /** What the client begins with. */
  tokens?: StoredTokens | undefined;
  tenant?: string | undefined;
  api_version?: string | undefined;
  user_agent?: string | undefined;
  timeout_ms?: number | undefined;
  connect_timeout_ms?: number | undefined;
  deadline_ms?: number | undefined;
  max_retries?: number | undefined;
  backoff_base_ms?: number | undefined;
  backoff_cap_ms?: number | undefined;
  /** `false`: no common limit of retries. */
  budget?: { capacity?: number; refill_every_ms?: number; refill_after_successes?: number } | false | undefined;
  breaker?: {
    failure_percent?: number;
    window_ms?: number;
    minimum_attempts?: number;
    reset_ms?: number;
    reset_cap_ms?: number;
    probes?: number;
  } | undefined;
  /** `false`: keep no answers. */
  cache?: { entries?: number; bytes?: number } | false | undefined;
  pacing?: boolean | undefined;
  trace?: boolean | undefined;
  max_answer_bytes?: number | undefined;
  headers?: HeaderPairs | undefined;
  /** `"environment"`, `"none"`, or the URL of a proxy. The addon only. */
  proxy?: string | undefined;
  /** A file with certificates in PEM. The addon only. */
  ca_bundle?: string | undefined;
  /** Certificates in PEM. The addon only. */
  ca_pem?: string | undefined;
  /** The variables that the engine may read, or `null` for none. */
  environment?: Record<string, string> | null | undefined;
}

/** What one call sets for itself. */
export interface CallSettings {
  timeout_ms?: number | undefined;
  deadline_ms?: number | undefined;
  max_retries?: number | undefined;
  idempotency_key?: string | undefined;
  headers?: HeaderPairs | undefined;
  accept?: string | undefined;
  trace_parent?: string | undefined;
}

/** Code around every attempt. An attempt's time limit holds for it as well. What it throws ends the call and is what the call rejects with. */
export interface Interceptor {
  /** Before an attempt is sent. The headers it returns are set on the request, each replacing those of its name. */
  request?(outgoing: Outgoing): HeaderPairs | undefined | Promise<HeaderPairs | undefined>;
  /** When the head of an answer is there, whatever its status. */
  response?(incoming: Incoming): void | Promise<void>;
  /** When an attempt failed without a complete answer. */
  failure?(broken: Broken): void | Promise<void>;
}

/** A token set, as stores keep it in every language. */
export interface StoredTokens {
  readonly access_token: string;
  readonly token_type?: string | null | undefined;
  /** Seconds since 1970. */
  readonly expires_at?: number | null | undefined;
  readonly refresh_token?: string | null | undefined;
  readonly scope?: string | null | undefined;
}

/** A token store, to which token sets are JSON of {@link StoredTokens}. What it throws is told in the words that it has. */
export interface Store {
  load(): Promise<string | undefined>;
  save(tokens: string): Promise<void>;
  clear(): Promise<void>;
}

/** Which attempt of what. */
export interface Exchange {
  /** The operation's id. */
  readonly operation: string;
  /** From 1. */
  readonly attempt: number;
}

/** A request about to be sent. */
export interface Outgoing extends Exchange {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** Credentials included. */
  readonly headers: HeaderPairs;
}

/** The head of an answer. */
export interface Incoming extends Exchange {
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly elapsed_ms: number;
}

/** A failed attempt. */
export interface Broken extends Exchange {
  readonly cause: string;
  readonly message: string;
  readonly elapsed_ms: number;
}

/** Answers an attempt in place of a server. */
export type Script = (request: ScriptedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** An attempt, as the server would see it. */
export interface ScriptedRequest extends Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderPairs;
  readonly body: string | Uint8Array;
  /** What the engine gave this attempt. */
  readonly timeout_ms: number;
  /** The virtual clock, in milliseconds since the client was made. */
  readonly now_ms: number;
}

/** What comes back: an answer, or a failure in place of one. */
export interface ScriptedAnswer {
  /** How long after the sending the head comes, or the failure (0). What comes later than the attempt's timeout is a timeout. */
  after_ms?: number | undefined;
  /** 200. */
  status?: number | undefined;
  headers?: HeaderPairs | undefined;
  body?: string | Uint8Array | undefined;
  /** How long after the head the body comes (0). */
  body_after_ms?: number | undefined;
  /** In place of the whole answer. */
  failure?: ScriptedFailure | undefined;
  /** In place of the body. */
  body_failure?: ScriptedFailure | undefined;
}

/** How an attempt fails. */
export interface ScriptedFailure {
  kind: "connect" | "tls" | "reset" | "interrupted" | "timeout" | "protocol" | "request";
  /** May a byte of the request have left? (`true`) */
  bytes_sent?: boolean | undefined;
  /** What the HTTP library says. */
  message?: string | undefined;
}

/** An operation described at run time: the members of a row of the engine's table. */
export interface OperationDescription {
  /** What to call it, in errors as well. Left out: one is made. */
  id?: string | undefined;
  /** `GET`. */
  method?: string | undefined;
  /** `/v1/things/{thing_id}` */
  path?: string | undefined;
  parameters?: readonly { name: string; in: "path" | "query" | "header"; required?: boolean }[];
  /** `none`, `json`, `form`, or the media type of bytes. */
  body?: string | undefined;
  retry?: "safe" | "idempotent" | "never" | undefined;
  idempotency_key?: boolean | undefined;
  /** Which credentials it takes, alternatives of sets: `bearer`, `header:<name>`, `cookie:<name>`. Left out: none. */
  security?: readonly (readonly string[])[] | undefined;
  /** A list: bytes of one of these media types, the default first. */
  result?: "json" | "none" | "text" | "events" | readonly string[] | undefined;
  /** The success status (200). */
  status?: number | undefined;
}
