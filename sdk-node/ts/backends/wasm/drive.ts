/**
 * Does as the engine's steps say: one call from its start to its end, on a {@link Host} that has the sockets, the timers and the clock. It decides nothing:
 * the engine is told what happened, in numbers, and says what comes next.
 *
 * Promises: a cancelled call ends at once and drops its request; whatever an interceptor or a script throws ends the call and is what it rejects with; the
 * engine hears of every end, so that its breaker waits for nobody.
 */

import type { Engine, Texts, Told } from "@waypost/wasm";
import { CallFailed, type AnswerDetails, type AttemptReport, type CallSettings, type Report } from "../../backend.js";
import { redactUrl } from "../../redact.js";
import { keyOf, refreshed, type Cache, type Stored } from "./cache.js";
import { headerOf, headOf, pairsOf, withHeader, type FlatHeaders, type Head } from "./flat.js";
import { END, FAILURES, mismatch, reportOf, requestIdOf, type Attempted } from "./outcome.js";
import { problemOf } from "./problem.js";
import { checkCall, refuse } from "./settings.js";
import type { Tokens } from "./tokens.js";

/** A request of an attempt. */
export interface Sending {
  readonly operation: string;
  readonly attempt: number;
  readonly method: string;
  readonly url: string;
  readonly headers: FlatHeaders;
  readonly body: string | Uint8Array | undefined;
  readonly timeout: number;
  /** Its answer is read whole, however long it is in coming. */
  readonly whole: boolean;
  /** It is the client's own, as those for tokens are: interceptors are not told of it. */
  readonly own: boolean;
}

/** The head of an answer, and its body to be read. */
export interface Received extends Head {
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
  /** Milliseconds since any beginning. */
  now(): number;
  /** Milliseconds since 1970. */
  unix(): number;
  /** Sends, and resolves with the answer's head. Rejects with {@link Failed} or {@link Thrown}. */
  send(sending: Sending, stop: Stop): Promise<Received>;
  sleep(milliseconds: number, stop: Stop): Promise<void>;
  /** Waits for work that never fails, within a time: `undefined` when that has passed. */
  within<T>(work: Promise<T>, milliseconds: number, stop: Stop): Promise<T | undefined>;
}

/** The caller's wish to end a call, for whatever is being waited for. */
export class Stop {
  stopped = false;
  /** Ends what is being waited for now. */
  now: (() => void) | undefined;
}

/** An operation as the engine knows it. */
export interface Row {
  readonly id: string;
  readonly number: number;
  readonly method: string;
  readonly retry: number;
  readonly json: boolean;
  /** Its answers may be kept. */
  readonly kept: boolean;
  readonly form: boolean;
}

/** A client as the engine knows it, and the answers that it keeps. */
export interface Line {
  readonly engine: Engine;
  readonly number: number;
  readonly cache: Cache | undefined;
  /** Where the tokens of its calls come from. */
  readonly tokens: Tokens | undefined;
}

/** A request of the client's own, in place of an operation's. */
export interface Own {
  readonly url: string;
  readonly headers: FlatHeaders;
  /** The engine's first step. */
  begin(now: number): Told;
}

/** An attempt that ended. What is told of it is made when somebody asks: few callers do. */
interface Tried {
  readonly head: Head | undefined;
  readonly cause: string | null;
  readonly delay: number;
  readonly duration: number;
}

/** The end of a call that succeeded. */
export interface Landed {
  readonly status: number;
  readonly body: Uint8Array;
  /** The body of a streamed answer. */
  readonly rest: StreamedRest | undefined;
  /** Everything around it, made when it is asked for. */
  details(): AnswerDetails;
}

const NOTHING = new Uint8Array();
const NO_TEXTS: Texts = [];
/** Steps, by the numbers of `sdk-wasm/src/engine.rs`; above them are the ends of {@link END}. */
const SEND = 0;
const READ = 1;
const AUTHORIZE = 12;
/** What the engine is told, by its numbers. */
const HAPPENED = { slept: 0, head: 1, body: 2, failed: 3, cancelled: 4, authorized: 5, unauthorized: 6 } as const;

/** One call. */
export class Flight {
  readonly #line: Line;
  readonly #host: Host;
  readonly #row: Row;
  readonly #body: string | Uint8Array | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new Stop();
  readonly #tried: Tried[] = [];
  #reason: unknown;
  #call = -1;
  #url = "";
  #headers: FlatHeaders = [];
  #stored: Stored | undefined;
  #key: string | undefined;
  /** When the last attempt was sent, and the wait before it. */
  #sent = 0;
  #waited = 0;
  /** The access token that was sent, where the client got it. */
  #token: string | undefined;
  readonly #own: Own | undefined;

  constructor(line: Line, host: Host, row: Row, body: string | Uint8Array | undefined, signal: AbortSignal | undefined, own?: Own) {
    this.#own = own;
    this.#line = line;
    this.#host = host;
    this.#row = row;
    this.#body = body;
    this.#signal = signal;
  }

  /** The body of the last answer that was none of success. */
  refusal: Uint8Array = NOTHING;

  /** Ends the call, whatever it is waiting for. */
  cancel(reason: unknown): void {
    if (this.#stop.stopped) return;
    this.#stop.stopped = true;
    this.#reason = reason;
    this.#stop.now?.();
  }

  /**
   * Makes the call, and gives what `land` makes of its end. `over` is called once nothing of it is left.
   *
   * One function from the beginning to the end: each `async` function on the way of a call costs a page as much as the engine's next step.
   */
  async run<T>(parameters: readonly string[], settings: CallSettings | undefined, land: (landed: Landed) => T | Promise<T>, over: () => void): Promise<T> {
    const signal = this.#signal;
    let aborted: (() => void) | undefined;
    let received: Received | undefined;
    let rest: StreamedRest | undefined;
    let body: Uint8Array = NOTHING;
    let last: Attempted | undefined;
    const ended = (): void => {
      if (aborted !== undefined) signal?.removeEventListener("abort", aborted);
      over();
    };
    try {
      let step = this.#start(parameters, settings);
      if (signal !== undefined) {
        aborted = () => this.cancel(signal.reason);
        if (signal.aborted) aborted();
        else signal.addEventListener("abort", aborted);
      }
      for (;;) {
        if (step.number === END.success) {
          const landed = this.#landed(received as Received, body, step.first);
          rest = landed.rest;
          rest?.ended(ended);
          return land(landed);
        }
        if (step.number > END.success && step.number !== AUTHORIZE) {
          received?.drop();
          throw this.#failed(reportOf(this.#about(), step, last));
        }
        if (this.#stop.stopped) {
          received?.drop();
          received = undefined;
          step = this.#next(HAPPENED.cancelled);
          continue;
        }
        try {
          if (step.number === SEND) {
            received = await this.#send(step);
            if (!this.#stop.stopped) step = this.#head(received);
          } else if (step.number === READ) {
            const head = received as Received;
            const read = await head.read(step.first, step.second);
            if (this.#stop.stopped) continue;
            body = read.bytes;
            [step, last] = this.#read(head, body, read.cut ? step.first : undefined);
          } else if (step.number === AUTHORIZE) {
            received?.drop();
            received = undefined;
            step = await this.#authorize(step.first);
          } else {
            received?.drop();
            received = undefined;
            this.#waited += step.first;
            await this.#host.sleep(step.first, this.#stop);
            if (!this.#stop.stopped) step = this.#next(HAPPENED.slept);
          }
        } catch (error) {
          // Its own failure and the end of waiting are one moment for a request that is dropped.
          if (this.#stop.stopped) continue;
          if (error instanceof CallFailed) throw error;
          if (!(error instanceof Failed)) {
            this.#next(HAPPENED.cancelled);
            throw error instanceof Thrown ? error.error : error;
          }
          [step, last] = this.#broke(error, step.number === READ ? received : undefined);
        }
      }
    } finally {
      if (rest === undefined) ended();
    }
  }

  #start(parameters: readonly string[], settings: CallSettings | undefined): Told {
    if (this.#own !== undefined) {
      const { url, headers } = this.#own;
      [this.#url, this.#headers] = [url, headers];
      const step = this.#own.begin(this.#host.now());
      this.#call = step.third;
      return step;
    }
    if (settings !== undefined) checkCall(settings);
    const { idempotency_key, accept, trace_parent, headers = [], timeout_ms = NaN, deadline_ms = NaN, max_retries = NaN } = settings ?? {};
    const { id, number, form } = this.#row;
    const texts = [idempotency_key, accept, trace_parent, ...headers.flat(), ...parameters];
    const body = this.#body === undefined ? 0 : form ? 3 : typeof this.#body === "string" ? 1 : 2;
    const { engine, number: client } = this.#line;
    const step = engine.start(seed(), texts, client, number, body, headers.length, timeout_ms, deadline_ms, max_retries, this.#host.now());
    if (step.number === END.mistakes) refuse(id, [step.text], id);
    const [url = "", ...given] = step.text.split("\0");
    this.#url = url;
    this.#headers = given;
    this.#call = step.third;
    this.#look();
    // The first attempt's trace is among its headers already.
    return { ...step, text: "" };
  }

  /** Looks for an answer that is kept: of the very request, its credentials included. */
  #look(): void {
    const { cache } = this.#line;
    if (!this.#row.kept || cache === undefined) return;
    this.#key = keyOf(this.#url, this.#headers);
    this.#stored = this.#key === undefined ? undefined : cache.get(this.#key);
    if (this.#stored !== undefined) this.#headers = withHeader(this.#headers, "if-none-match", this.#stored.etag);
  }

  /** Gets a token that is not the one that was sent. */
  async #authorize(within: number): Promise<Told> {
    const refused = this.#token;
    const outcome = await this.#line.tokens?.get(this.#row.id, refused, within, this.#host, this.#stop);
    if (this.#stop.stopped) return this.#next(HAPPENED.cancelled);
    if (outcome?.token !== undefined) {
      this.#token = outcome.token;
      const bare = this.#headers.filter((_, place, all) => this.#stored === undefined || all[place & ~1] !== "if-none-match");
      this.#headers = withHeader(bare, "authorization", `Bearer ${outcome.token}`);
      this.#look();
      return this.#next(HAPPENED.authorized);
    }
    const step = this.#next(HAPPENED.unauthorized);
    if (step.number !== END.unauthorized || outcome === undefined) return step;
    const { report } = outcome.error;
    throw new CallFailed({ ...report, attempts: [...this.#attempts(), ...(report.attempts ?? [])] });
  }

  #send({ first: attempt, second: timeout, text }: Told): Promise<Received> {
    if (text !== "") this.#headers = withHeader(this.#headers, "traceparent", text);
    this.#sent = this.#host.now();
    const { id: operation, method, json: whole } = this.#row;
    return this.#host.send({ operation, attempt, method, url: this.#url, headers: this.#headers, body: this.#body, timeout, whole, own: this.#own !== undefined }, this.#stop);
  }

  #head(head: Head): Told {
    const { status } = head;
    const asked = head.header("retry-after");
    const limits = head.header("ratelimit");
    const confirms = status === 304 && (this.#stored !== undefined || headerOf(this.#headers, "if-none-match") !== undefined);
    const texts = asked === undefined && limits === undefined ? NO_TEXTS : [asked, head.header("date"), limits];
    const step = this.#next(HAPPENED.head, status, Number(confirms), texts);
    if (step.number === END.success) this.#record(head, null);
    return step;
  }

  /** A whole body; more than `limit` bytes, where that is said. */
  #read(head: Head, body: Uint8Array, limit: number | undefined): [Told, Attempted | undefined] {
    if (isSuccess(head)) {
      const unusable = limit !== undefined ? `more than ${limit} bytes` : this.#row.json ? mismatch(head, body) : undefined;
      this.#record(head, unusable === undefined ? null : "decode");
      const step = this.#next(HAPPENED.body, Number(unusable === undefined), NaN);
      if (unusable !== undefined) return [step, { head, body, unusable }];
      if (this.#key !== undefined) this.#line.cache?.put(this.#key, head.status, head.headers, body);
      return [step, undefined];
    }
    const problem = problemOf(body);
    this.refusal = body;
    this.#record(head, "status");
    return [this.#next(HAPPENED.body, 0, problem?.retry_after ?? NaN), { head, body, problem }];
  }

  /** No complete answer. */
  #broke(failure: Failed, head: Head | undefined): [Told, Attempted] {
    // Of a refusal the status alone decides; that its body cannot be had takes nothing from it.
    if (head !== undefined && !isSuccess(head)) return this.#read(head, NOTHING, undefined) as [Told, Attempted];
    this.#record(head, failure.kind);
    return [this.#next(HAPPENED.failed, FAILURES.indexOf(failure.kind), Number(failure.sent)), { head, failure }];
  }

  #next(happened: number, first = 0, second = 0, texts = NO_TEXTS): Told {
    // What day it is matters where the server names one.
    return this.#line.engine.next(texts, this.#call, happened, first, second, this.#host.now(), texts.length > 0 ? this.#host.unix() : 0);
  }

  #record(head: Head | undefined, cause: string | null): void {
    this.#tried.push({ head, cause, delay: this.#waited, duration: this.#host.now() - this.#sent });
    this.#waited = 0;
  }

  /** The attempts, in the words of a report. */
  #attempts(): AttemptReport[] {
    return this.#tried.map(({ head, cause, delay, duration }, place) => ({
      number: place + 1,
      delay_ms: delay,
      // The difference of two moments, to the nanosecond: what floating point adds to it is no time.
      duration_ms: Math.round(duration * 1e6) / 1e6,
      status: head?.status ?? null,
      cause,
      request_id: (head && requestIdOf(head)) ?? null,
    }));
  }

  #landed(received: Received, body: Uint8Array, idle: number): Landed {
    const stored = received.status === 304 ? this.#stored : undefined;
    const head = stored === undefined ? received : headOf(200, refreshed(stored.headers, received.headers));
    const details = (): AnswerDetails => ({
      status: head.status,
      headers: pairsOf(head.headers),
      request_id: requestIdOf(head) ?? null,
      attempts: this.#attempts(),
      from_cache: stored !== undefined,
      url: redactUrl(this.#url),
    });
    const { status } = head;
    if (stored !== undefined || received.status === 304) {
      received.drop();
      return { status, body: stored?.body ?? NOTHING, rest: undefined, details };
    }
    if (idle === 0) return { status, body, rest: undefined, details };
    return { status, body: NOTHING, rest: new StreamedRest(received.pieces(idle), this.#stop, (failure) => this.#broken(details(), failure)), details };
  }

  #about(): Parameters<typeof reportOf>[0] {
    const { id: operation, retry, method } = this.#row;
    return { operation, retry, method, url: this.#url, headers: this.#headers, attempts: this.#attempts() };
  }

  #failed(report: Report): CallFailed {
    return new CallFailed(report, report.kind === "cancelled" && this.#reason !== undefined ? { cause: this.#reason } : undefined);
  }

  /** A stream that broke after its head: the engine is done with the call. */
  #broken(details: AnswerDetails, failure: Failed | undefined): CallFailed {
    const { id: operation } = this.#row;
    const [kind, message] =
      failure === undefined
        ? (["cancelled", `${operation} was given up by its caller`] as const)
        : failure.kind === "timeout"
          ? (["timeout", `${operation}: the stream stood still: ${failure.message}`] as const)
          : (["connection", `${operation}: the connection ended within the answer: ${failure.message}`] as const);
    const { status, request_id, attempts, url } = details;
    return this.#failed({ kind, message, hint: "Try again", operation, status, url, request_id, attempts });
  }
}

function isSuccess({ status }: Head): boolean {
  return status >= 200 && status < 300;
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

/** Random bytes for some calls at once: asking the host for them costs more than they do. */
let drawn = NOTHING;
let used = 0;

function seed(): Uint8Array {
  if (used === drawn.length) {
    drawn = crypto.getRandomValues(new Uint8Array(16 * 32));
    used = 0;
  }
  return drawn.subarray(used, (used += 32));
}
