/**
 * The host's `fetch`, timers and clock.
 *
 * Promises: a request has the headers that the engine gave it and no other, and nothing is set on it that a plain `fetch` has not, but that redirects are not
 * followed; each wait has an end; a dropped request is aborted, also where a `fetch` of the caller's does not listen.
 */

import type { HeaderPairs, Interceptor } from "../../backend.js";
import { Failed, Thrown, type Host, type Pieces, type Received, type Sending, type Stop } from "./drive.js";
import { pairsOf } from "./flat.js";

/**
 * An answer that says it is at most so long is read in one go, which is quicker than piece by piece, where as much as `LARGE` may be read: should it be
 * compressed by gzip, of which browsers do not tell, it cannot become longer than that.
 */
const SHORT = 60_000;
const LARGE = 64 * 1024 * 1024;
/** The longest that a host's timer can be set to. */
const LONGEST = 2 ** 31 - 1;

/** Node's and its relatives' words for what went wrong below a failed `fetch`. Browsers have none: a page may not know. */
const CODES: readonly (readonly [code: RegExp, kind: string, sent: boolean])[] = [
  [/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, "connect", false],
  [/^(?:UND_ERR_CONNECT_TIMEOUT)$/, "timeout", false],
  [/^(?:ETIMEDOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, "timeout", true],
  [/CERT|SELF_SIGNED|^ERR_TLS|^ERR_SSL|^EPROTO$|UNABLE_TO_/, "tls", false],
  [/^HPE_|^Z_|BROTLI|^ERR_HTTP_INVALID/, "protocol", true],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET|ConnectionClosed|ConnectionReset)$/, "reset", true],
  [/^(?:ConnectionRefused|FailedToOpenSocket)$/, "connect", false],
  [/^(?:UND_ERR_INVALID_ARG|ERR_INVALID_URL)$/, "request", false],
];

/** Makes requests. */
export class Fetching implements Host {
  readonly #fetch: typeof globalThis.fetch | undefined;
  readonly #interceptor: Interceptor | undefined;

  constructor(fetch: typeof globalThis.fetch | undefined, interceptor: Interceptor | undefined) {
    this.#fetch = fetch;
    this.#interceptor = interceptor;
  }

  now(): readonly [number, number] {
    return [performance.now(), Date.now()];
  }

  sleep(milliseconds: number, stop: Stop): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST));
      stop.now = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async send(sending: Sending, stop: Stop): Promise<Received> {
    const { operation, attempt, method, url, timeout } = sending;
    const began = performance.now();
    // The host's own `fetch` ends when its signal is aborted; code of the caller's may not.
    const limit = new Limit(timeout, stop, this.#fetch !== undefined || this.#interceptor !== undefined);
    try {
      let headers = pairsOf(sending.headers);
      if (this.#interceptor?.request !== undefined) {
        const more = await limit.over(own(() => this.#interceptor?.request?.({ operation, attempt, method, url, headers })));
        if (more !== undefined) headers = replaced(headers, more);
      }
      // Called as a plain function: a browser's `fetch` refuses to be anybody's method.
      const fetch = this.#fetch ?? globalThis.fetch;
      const init: RequestInit = { method, headers: headers as [string, string][], redirect: "manual", signal: limit.signal };
      if (sending.body !== undefined) init.body = sending.body as BodyInit;
      const response = await limit.over(fetch(url, init));
      const received = new Reply(response, limit, stop);
      if (this.#interceptor?.response !== undefined) {
        const { status } = received;
        const told = { operation, attempt, status, headers: pairsOf(received.headers), elapsed_ms: performance.now() - began };
        await limit.over(own(() => this.#interceptor?.response?.(told)));
      }
      limit.pause();
      return received;
    } catch (error) {
      limit.end();
      if (error instanceof Thrown) {
        limit.abort();
        throw error;
      }
      const failure = limit.passed ? late(timeout) : failureOf(error, false);
      limit.abort();
      if (!stop.stopped && this.#interceptor?.failure !== undefined) {
        const { kind: cause, message } = failure;
        await own(() => this.#interceptor?.failure?.({ operation, attempt, cause, message, elapsed_ms: performance.now() - began }));
      }
      throw failure;
    }
  }
}

/** The head of an answer, and the rest. */
class Reply implements Received {
  readonly status: number;
  readonly headers: string[] = [];
  readonly #response: Response;
  readonly #limit: Limit;
  readonly #stop: Stop;

  constructor(response: Response, limit: Limit, stop: Stop) {
    this.#response = response;
    this.#limit = limit;
    this.#stop = stop;
    // A browser says of a redirect that is not followed only that there was one.
    this.status = response.type === "opaqueredirect" ? 302 : response.status;
    response.headers.forEach((value, name) => this.headers.push(name, value));
  }

  async read(limit: number, timeout: number): Promise<{ bytes: Uint8Array; cut: boolean }> {
    const short = Number(this.#response.headers.get("content-length") ?? Infinity) <= SHORT && limit >= LARGE;
    this.#limit.begin(timeout, this.#stop);
    try {
      // Whoever looks at `body` has a stream made of it.
      const bytes = short ? new Uint8Array(await this.#limit.over(this.#response.arrayBuffer())) : await this.#upTo(limit, this.#response.body?.getReader());
      const cut = bytes.length > limit;
      if (cut) this.drop();
      return { bytes: cut ? bytes.subarray(0, limit) : bytes, cut };
    } catch (error) {
      const failure = this.#limit.passed ? late(timeout) : failureOf(error, true);
      this.#limit.abort();
      throw failure;
    } finally {
      this.#limit.end();
    }
  }

  /** The whole body, or what there is of it when it is longer than the limit. */
  async #upTo(limit: number, reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<Uint8Array> {
    if (reader === undefined) return new Uint8Array();
    const pieces: Uint8Array[] = [];
    let size = 0;
    while (size <= limit) {
      const { done, value } = await this.#limit.over(reader.read());
      if (done) break;
      pieces.push(value);
      size += value.length;
    }
    return joined(pieces, size);
  }

  pieces(timeout: number): Pieces {
    // Somebody reads it when they want to: until then no timer is to keep a process alive.
    this.#limit.end();
    const reader = this.#response.body?.getReader();
    return {
      next: async () => {
        this.#limit.begin(timeout, this.#stop);
        try {
          for (;;) {
            const read = await this.#limit.over(reader?.read() ?? Promise.resolve({ done: true as const, value: undefined }));
            if (read.done) return undefined;
            if (read.value.length > 0) return read.value;
          }
        } catch (error) {
          const failure = this.#limit.passed ? late(timeout) : failureOf(error, true);
          this.#limit.abort();
          throw failure;
        } finally {
          this.#limit.end();
        }
      },
      cancel: () => this.drop(),
    };
  }

  drop(): void {
    this.#limit.abort();
  }
}

/**
 * The time that something may take. Its signal drops the request: when the time has passed, when the call is given up, when nobody wants the rest.
 *
 * Head and body have a limit each and one timer together: setting another would cost more than looking, when it goes off, whether it is too early.
 */
class Limit {
  readonly #controller = new AbortController();
  /** Where what is waited for does not end by the signal alone. */
  readonly #aborted: Promise<never> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off, and when the limit is reached; nothing is limited until the next beginning when it is infinite. */
  #due = Infinity;
  #until = Infinity;
  /** It ran out. */
  passed = false;

  constructor(timeout: number, stop: Stop, deaf: boolean) {
    if (deaf) {
      this.#aborted = new Promise((_, reject) => {
        this.#controller.signal.addEventListener("abort", () => reject(new Error("dropped")), { once: true });
      });
      this.#aborted.catch(() => undefined);
    }
    this.begin(timeout, stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(timeout: number, stop: Stop): void {
    this.#until = performance.now() + Math.min(timeout, LONGEST);
    stop.now = () => this.abort();
    if (this.#timer === undefined || this.#due > this.#until) this.#set();
  }

  #set(): void {
    clearTimeout(this.#timer);
    this.#due = this.#until;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#until > this.#due) {
        if (this.#until !== Infinity) this.#set();
        return;
      }
      this.passed = true;
      this.abort();
    }, Math.max(this.#until - performance.now(), 0));
  }

  /** Whatever comes first: its end, or the limit. */
  over<T>(work: Promise<T>): Promise<T> {
    return this.#aborted === undefined ? work : Promise.race([work, this.#aborted]);
  }

  /** Nothing is waited for, for the moment. */
  pause(): void {
    this.#until = Infinity;
  }

  /** Nothing will be waited for any more. */
  end(): void {
    this.#until = Infinity;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  abort(): void {
    this.end();
    this.#controller.abort();
  }
}

/** Runs code of the caller's: what it throws is the caller's own. */
async function own<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Thrown(error);
  }
}

function late(timeout: number): Failed {
  return new Failed("timeout", true, `no answer within ${timeout} ms`);
}

/** What a failed `fetch` or body says, in the engine's words. */
function failureOf(error: unknown, reading: boolean): Failed {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string; errors?: { code?: string }[] } };
  const code = String(cause?.code ?? cause?.errors?.[0]?.code ?? (error as { code?: string }).code ?? "");
  const said = [message ?? String(error), cause?.message].filter((text) => text !== undefined && text !== "").join(": ");
  const known = CODES.find(([pattern]) => pattern.test(code));
  if (reading) return new Failed(known?.[1] === "protocol" || known?.[1] === "timeout" ? known[1] : "interrupted", true, said);
  if (known !== undefined) return new Failed(known[1], known[2], said);
  // Nobody tells a page whether a byte left; so it may have.
  return new Failed("connect", true, `${said} (no connection, or the server does not let this page read its answers: CORS)`);
}

function replaced(headers: HeaderPairs, more: HeaderPairs): HeaderPairs {
  const names = new Set(more.map(([name]) => name.toLowerCase()));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...more];
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only.subarray(0, size);
  const whole = new Uint8Array(size);
  let place = 0;
  for (const piece of pieces) {
    const part = piece.subarray(0, size - place);
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
