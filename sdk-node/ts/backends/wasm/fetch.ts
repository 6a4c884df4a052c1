/**
 * The host's `fetch`, timers and clock.
 *
 * Promises: a request has the headers that the engine gave it and no other, and nothing is set on it that a plain `fetch` has not, but that redirects are not
 * followed; each wait has an end; a dropped request is aborted, also where a `fetch` of the caller's does not listen.
 */

import type { HeaderPairs, Interceptor } from "../../backend.js";
import { Thrown, type Host, type Pieces, type Received, type Sending, type Stop } from "./drive.js";
import { pairsOf, type FlatHeaders } from "./flat.js";
import { Limit, LONGEST, Timer } from "./limit.js";
import { inBrowser } from "./settings.js";

/**
 * An answer that says it is at most so long is read in one go, which is quicker than piece by piece, where as much as `LARGE` may be read: should it be
 * compressed by gzip, of which browsers do not tell, it cannot become longer than that.
 */
const SHORT = 60_000;
const LARGE = 64 * 1024 * 1024;
/** Makes requests. */
export class Fetching implements Host {
  readonly #fetch: typeof globalThis.fetch | undefined;
  readonly #interceptor: Interceptor | undefined;
  /**
   * A page has one timer for all calls of a client. Elsewhere each call has its own: one that goes on would keep a process waiting, and an edge runtime ends
   * the timers that a request of its own set, together with that request.
   */
  readonly #timer = inBrowser ? new Timer(true) : undefined;

  constructor(fetch: typeof globalThis.fetch | undefined, interceptor: Interceptor | undefined) {
    this.#fetch = fetch;
    this.#interceptor = interceptor;
  }

  now(): number {
    return performance.now();
  }

  unix(): number {
    return Date.now();
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

  within<T>(work: Promise<T>, milliseconds: number, stop: Stop): Promise<T | undefined> {
    return new Promise((resolve) => {
      const end = (outcome?: T): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const timer = setTimeout(end, Math.min(milliseconds, LONGEST), undefined);
      stop.now = () => end();
      void work.then(end);
    });
  }

  send(sending: Sending, stop: Stop): Promise<Received> {
    const interceptor = sending.own ? undefined : this.#interceptor;
    if (this.#fetch !== undefined || interceptor !== undefined) return this.#watched(sending, stop, interceptor ?? {});
    const { timeout } = sending;
    const limit = new Limit(this.#timer ?? new Timer(false), false);
    const broken = (error: unknown): never => {
      throw limit.failed(error, timeout, false);
    };
    try {
      const answer = fetch(sending.url, requestOf(sending, pairsOf(sending.headers), limit));
      // The request is under way: what is done now takes no time from it.
      limit.begin(timeout, stop);
      return answer.then((response) => replyOf(response, sending, limit, stop), broken);
    } catch (error) {
      return broken(error);
    }
  }

  /** With the caller's own code around it, or in place of it. */
  async #watched(sending: Sending, stop: Stop, interceptor: Interceptor): Promise<Received> {
    const { operation, attempt, method, url, timeout } = sending;
    const began = performance.now();
    // The host's own `fetch` ends when its signal is aborted; code of the caller's may not.
    const limit = new Limit(this.#timer ?? new Timer(false), true);
    limit.begin(timeout, stop);
    try {
      let headers = pairsOf(sending.headers);
      if (interceptor.request !== undefined) {
        const more = await limit.over(own(() => interceptor.request?.({ operation, attempt, method, url, headers })));
        if (more !== undefined) headers = replaced(headers, more);
      }
      // Called as a plain function: a browser's `fetch` refuses to be anybody's method.
      const fetch = this.#fetch ?? globalThis.fetch;
      const response = await limit.over(fetch(url, requestOf(sending, headers, limit)));
      if (interceptor.response !== undefined) {
        const told = { operation, attempt, status: statusOf(response), headers: [...response.headers], elapsed_ms: performance.now() - began };
        await limit.over(own(() => interceptor.response?.(told)));
      }
      return replyOf(response, sending, limit, stop);
    } catch (error) {
      if (error instanceof Thrown) {
        limit.abort();
        throw error;
      }
      const failure = limit.failed(error, timeout, false);
      if (!stop.stopped && interceptor.failure !== undefined) {
        const { kind: cause, message } = failure;
        await own(() => interceptor.failure?.({ operation, attempt, cause, message, elapsed_ms: performance.now() - began }));
      }
      throw failure;
    }
  }
}

function requestOf({ method, body }: Sending, headers: HeaderPairs, { signal }: Limit): RequestInit {
  const init: RequestInit = { method, headers: headers as [string, string][], redirect: "manual", signal };
  if (body !== undefined) init.body = body as BodyInit;
  return init;
}

/** A browser says of a redirect that is not followed only that there was one. */
function statusOf({ type, status }: Response): number {
  return type === "opaqueredirect" ? 302 : status;
}

function replyOf(response: Response, { whole }: Sending, limit: Limit, stop: Stop): Reply {
  limit.pause();
  return new Reply(response, whole, limit, stop);
}

/** The head of an answer, and the rest. */
class Reply implements Received {
  readonly status: number;
  readonly #response: Response;
  readonly #limit: Limit;
  readonly #stop: Stop;
  readonly #short: boolean;
  /** A short body is read while the engine is told of its head. */
  #early: Promise<ArrayBuffer> | undefined;
  #headers: string[] | undefined;

  constructor(response: Response, whole: boolean, limit: Limit, stop: Stop) {
    this.#response = response;
    this.#limit = limit;
    this.#stop = stop;
    this.status = statusOf(response);
    this.#short = Number(this.header("content-length") ?? Infinity) <= SHORT;
    // Whoever looks at `body` has a stream made of it.
    if (whole && this.#short) this.#early = response.arrayBuffer();
  }

  get headers(): FlatHeaders {
    return (this.#headers ??= [...this.#response.headers].flat());
  }

  header(name: string): string | undefined {
    return this.#response.headers.get(name) ?? undefined;
  }

  async read(limit: number, timeout: number): Promise<{ bytes: Uint8Array; cut: boolean }> {
    this.#limit.begin(timeout, this.#stop);
    try {
      const early = this.#early ?? (this.#short && limit >= LARGE ? this.#response.arrayBuffer() : undefined);
      this.#early = undefined;
      const bytes = early === undefined ? await this.#upTo(limit, this.#response.body?.getReader()) : new Uint8Array(await this.#limit.over(early));
      const cut = bytes.length > limit;
      if (cut) this.drop();
      else this.#limit.end();
      return { bytes: cut ? bytes.subarray(0, limit) : bytes, cut };
    } catch (error) {
      throw this.#limit.failed(error, timeout, true);
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
          throw this.#limit.failed(error, timeout, true);
        } finally {
          this.#limit.end();
        }
      },
      cancel: () => this.drop(),
    };
  }

  drop(): void {
    this.#early?.catch(() => undefined);
    this.#limit.abort();
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
