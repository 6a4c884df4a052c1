/**
 * Does as the engine's steps say: one call from its start to its end, on a {@link Host} that has the sockets, the timers and the clock. It decides nothing.
 *
 * Promises: a cancelled call ends at once and drops its request; whatever an interceptor or a script throws ends the call and is what it rejects with; the
 * engine hears of every end, so that its breaker waits for nobody.
 */

import type { Done, Engine, Event, FlatHeaders, Step } from "@waypost/wasm";
import { CallFailed, type CallSettings, type HeaderPairs, type Report } from "../../backend.js";
import { callList } from "./settings.js";

/** A request of an attempt. */
export interface Sending {
  readonly operation: string;
  readonly attempt: number;
  readonly method: string;
  readonly url: string;
  readonly headers: FlatHeaders;
  readonly body: string | Uint8Array | undefined;
  readonly timeout: number;
}

/** The head of an answer, and its body to be read. */
export interface Received {
  readonly status: number;
  readonly headers: FlatHeaders;
  /** The whole body, at most `limit` bytes of it. */
  read(limit: number, timeout: number): Promise<{ bytes: Uint8Array; cut: boolean }>;
  /** The body piece by piece, each within the timeout. */
  pieces(timeout: number): Pieces;
  /** Lets go of the answer. */
  drop(): void;
}

/** A body piece by piece. */
export interface Pieces {
  /** The next piece; `undefined` at the end. Rejects with {@link Failed}. */
  next(): Promise<Uint8Array | undefined>;
  /** Ends the request. */
  cancel(): void;
}

/** No complete answer, in the words of the engine. */
export class Failed {
  constructor(
    readonly kind: string,
    readonly sent: boolean,
    readonly message: string,
  ) {}
}

/** What an interceptor or a script threw: the caller's own. */
export class Thrown {
  constructor(readonly error: unknown) {}
}

/** Sockets, timers and a clock, or what stands for them. */
export interface Host {
  /** Milliseconds since any beginning, and since 1970. */
  now(): readonly [elapsed: number, unix: number];
  /** Sends, and resolves with the answer's head. Rejects with {@link Failed} or {@link Thrown}. */
  send(sending: Sending, stop: Stop): Promise<Received>;
  sleep(milliseconds: number, stop: Stop): Promise<void>;
}

/** The caller's wish to end a call, for whatever is being waited for. */
export class Stop {
  stopped = false;
  /** Ends what is being waited for now. */
  now: (() => void) | undefined;
}

/** The end of a call that succeeded. */
export interface Landed {
  readonly done: Done;
  readonly body: Uint8Array;
  /** The body of a streamed answer. */
  readonly rest?: StreamedRest;
}

const NOTHING = new Uint8Array();
/** More of an answer than this is not shown to the engine, which looks for its first letter and quotes its beginning. */
const BEGINNING = 4096;

/** One call. */
export class Flight {
  readonly #stop = new Stop();
  readonly #engine: Engine;
  readonly #host: Host;
  readonly #operation: string;
  readonly #body: string | Uint8Array | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #caches: boolean;
  #reason: unknown;
  #call: number | null = null;

  constructor(
    engine: Engine,
    host: Host,
    operation: string,
    body: string | Uint8Array | undefined,
    signal: AbortSignal | undefined,
    caches: boolean,
  ) {
    this.#engine = engine;
    this.#host = host;
    this.#operation = operation;
    this.#body = body;
    this.#signal = signal;
    this.#caches = caches;
  }

  /** Ends the call, whatever it is waiting for. */
  cancel(reason: unknown): void {
    if (this.#stop.stopped) return;
    this.#stop.stopped = true;
    this.#reason = reason;
    this.#stop.now?.();
  }

  readonly #aborted = (): void => this.cancel(this.#signal?.reason);

  /** Makes the call. */
  async run(client: number, parameters: readonly string[], settings: CallSettings | undefined): Promise<Landed> {
    const kind = this.#body === undefined ? null : typeof this.#body === "string" ? "json" : "bytes";
    const options = callList(settings);
    if (this.#signal?.aborted === true) this.#aborted();
    else this.#signal?.addEventListener("abort", this.#aborted);
    let streams = false;
    try {
      const landed = await this.#steps(this.#engine.start(client, this.#operation, parameters, kind, options, seed(), ...this.#host.now()));
      streams = landed.rest !== undefined;
      landed.rest?.ended(() => this.#signal?.removeEventListener("abort", this.#aborted));
      return landed;
    } finally {
      if (!streams) this.#signal?.removeEventListener("abort", this.#aborted);
    }
  }

  async #steps([call, first]: [number | null, Step]): Promise<Landed> {
    this.#call = call;
    let step = first;
    let received: Received | undefined;
    let body: Uint8Array = NOTHING;
    let url = "";
    for (;;) {
      switch (step[0]) {
        case 3:
          return this.#landed(step[1], received, body, url);
        case 4:
          received?.drop();
          throw this.#failed(step[1] as unknown as Report);
      }
      if (this.#stop.stopped) {
        received?.drop();
        received = undefined;
        step = this.#next("cancelled");
        continue;
      }
      try {
        switch (step[0]) {
          case 0: {
            const [, method, address, headers, attempt, timeout] = step;
            url = address;
            const sending = { operation: this.#operation, attempt, method, url, headers, body: this.#body, timeout };
            received = await this.#host.send(sending, this.#stop);
            step = this.#stop.stopped ? step : this.#next("head", received.status, received.headers);
            break;
          }
          case 1: {
            const [, limit, timeout] = step;
            const { bytes, cut } = (await received?.read(limit, timeout)) ?? { bytes: NOTHING, cut: false };
            body = bytes;
            const whole = this.#caches || received === undefined || received.status >= 300;
            step = this.#stop.stopped ? step : this.#next("body", whole ? bytes : beginning(bytes), cut);
            break;
          }
          default:
            received?.drop();
            received = undefined;
            await this.#host.sleep(step[1], this.#stop);
            step = this.#stop.stopped ? step : this.#next("slept");
        }
      } catch (error) {
        // Its own failure and the end of waiting are one moment for a request that is dropped.
        if (this.#stop.stopped) continue;
        if (!(error instanceof Failed)) {
          this.#next("cancelled");
          throw error instanceof Thrown ? error.error : error;
        }
        step = this.#next("failure", error.kind, error.sent, error.message);
      }
    }
  }

  #next(event: string, ...more: unknown[]): Step {
    return this.#engine.next(this.#call as number, ...([event, ...this.#host.now(), ...more] as unknown as Event));
  }

  #landed(done: Done, received: Received | undefined, body: Uint8Array, url: string): Landed {
    if (!done.streams) {
      if (done.body !== null) received?.drop();
      return { done, body: done.body ?? body };
    }
    if (received === undefined) return { done, body };
    const pieces = received.pieces(done.idle);
    return { done, body: NOTHING, rest: new StreamedRest(pieces, this.#stop, (failure) => this.#broken(done, url, failure)) };
  }

  #failed(report: Report): CallFailed {
    return new CallFailed(report, report.kind === "cancelled" && this.#reason !== undefined ? { cause: this.#reason } : undefined);
  }

  /** A stream that broke after its head: the engine, which is done with the call, says how that is told. */
  #broken(done: Done, url: string, failure: Failed | undefined): CallFailed {
    const [kind, message] =
      failure === undefined
        ? (["cancelled", `${this.#operation} was given up by its caller`] as const)
        : failure.kind === "timeout"
          ? (["timeout", `${this.#operation}: the stream stood still: ${failure.message}`] as const)
          : (["connection", `${this.#operation}: the connection ended within the answer: ${failure.message}`] as const);
    const { status, request_id, attempts } = done;
    return this.#failed({ kind, message, hint: "Try again", operation: this.#operation, status, url: done.url || url, request_id, attempts: attempts as never[] });
  }
}

/** The body of a streamed answer, as part of its call. */
export class StreamedRest {
  readonly #pieces: Pieces;
  readonly #stop: Stop;
  readonly #broken: (failure: Failed | undefined) => CallFailed;
  readonly #ends: (() => void)[] = [];
  #over = false;

  constructor(pieces: Pieces, stop: Stop, broken: (failure: Failed | undefined) => CallFailed) {
    this.#pieces = pieces;
    this.#stop = stop;
    this.#broken = broken;
    stop.now = () => pieces.cancel();
  }

  /** Called once the stream has ended, in whatever way. */
  ended(end: () => void): void {
    this.#ends.push(end);
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#over) return undefined;
    try {
      const piece = this.#stop.stopped ? undefined : await this.#pieces.next();
      if (this.#stop.stopped) throw undefined;
      if (piece === undefined) this.#end();
      return piece;
    } catch (error) {
      this.#end();
      throw error === undefined || error instanceof Failed ? this.#broken(this.#stop.stopped ? undefined : (error as Failed)) : error;
    }
  }

  cancel(): void {
    if (this.#over) return;
    this.#pieces.cancel();
    this.#end();
  }

  #end(): void {
    this.#over = true;
    for (const end of this.#ends) end();
  }
}

/** Flat names and values as pairs. */
export function pairsOf(flat: FlatHeaders): HeaderPairs {
  const pairs: [string, string][] = [];
  for (let place = 0; place + 1 < flat.length; place += 2) pairs.push([flat[place] as string, flat[place + 1] as string]);
  return pairs;
}

function seed(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32));
}

/** From the first byte that is no white space. */
function beginning(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= BEGINNING) return bytes;
  const first = bytes.findIndex((byte) => byte !== 32 && (byte < 9 || byte > 13));
  return bytes.subarray(Math.max(first, 0), Math.max(first, 0) + BEGINNING);
}
