/** Header names and values, one after the other. */
export type FlatHeaders = string[];

/** What to do next: send, read, wait, or nothing more. Times are in milliseconds. */
export type Step =
  | [kind: 0, method: string, url: string, headers: FlatHeaders, attempt: number, timeout: number]
  | [kind: 1, limit: number, timeout: number]
  | [kind: 2, wait: number]
  | [kind: 3, answer: Done]
  | [kind: 4, report: Record<string, unknown>];

/** The end of a call that succeeded. */
export interface Done {
  status: number;
  headers: FlatHeaders;
  request_id: string | null;
  attempts: unknown[];
  from_cache: boolean;
  /** The body is the caller's to read, piece by piece. */
  streams: boolean;
  /** The body, where it comes from the cache; of any other the caller has it. */
  body: Uint8Array | null;
  /** Without secrets. */
  url: string;
  /** How long a streamed answer may stand still, in milliseconds. */
  idle: number;
}

/** What happened, and its particulars. */
export type Event =
  | [event: "slept", elapsed: number, unix: number]
  | [event: "head", elapsed: number, unix: number, status: number, headers: FlatHeaders]
  | [event: "body", elapsed: number, unix: number, bytes: Uint8Array, cut: boolean]
  | [event: "failure", elapsed: number, unix: number, kind: string, bytesSent: boolean, message: string]
  | [event: "cancelled", elapsed: number, unix: number];

/** The engine: it plans calls and makes none. Its clock and its randomness are the caller's. */
export interface Engine {
  readonly version: string;
  client(settings: readonly unknown[]): [report: null, client: number] | [report: Record<string, unknown>];
  close(client: number): void;
  start(
    client: number,
    operation: string,
    parameters: readonly string[],
    body: "json" | "bytes" | null,
    options: readonly unknown[] | null,
    seed: Uint8Array,
    elapsed: number,
    unix: number,
  ): [call: number | null, step: Step];
  next(call: number, ...event: Event): Step;
  define(operation: object): void;
}

/** What the module can be made of. */
export type Source = WebAssembly.Module | BufferSource | URL | string | Response | Promise<Response>;

/**
 * The engine; loaded at the first call, and the same one after. Rejects with an error that says what to do where the file is missing, may not be
 * compiled, or is of another version; a later call tries again.
 */
export function init(source?: Source): Promise<Engine>;

/** The engine, where it is loaded already. */
export function current(): Engine | undefined;

/** The version of this package. */
export const version: string;
