/**
 * What carries the requests of a sign-in: the host's `fetch`, as the engine for browsers has it. In Node as well: a sign-in is a few requests, and no addon
 * need be there for them.
 *
 * @module
 */

import { Failed, Stop } from "../backends/wasm/drive.js";
import { Fetching } from "../backends/wasm/fetch.js";
import { headerOf } from "../backends/wasm/flat.js";
import { errorFrom, type WaypostError } from "../errors.js";
import type { Answer, Request } from "./answers.js";
import type { Carrier, NoAnswer } from "./flow.js";

/** The largest answer that is read, in bytes. */
const LARGEST = 262_144;

/** Sends with `fetch`; given up by the signal. */
export class FetchCarrier implements Carrier {
  readonly #host: Fetching;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  constructor(fetch: typeof globalThis.fetch | undefined, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#host = new Fetching(fetch, undefined);
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  now(): number {
    return Date.now();
  }

  wait(milliseconds: number): Promise<void> {
    return this.#unlessGivenUp((stop) => this.#host.sleep(milliseconds, stop));
  }

  send(request: Request): Promise<Answer | NoAnswer> {
    return this.#unlessGivenUp(async (stop) => {
      const { method, url, body } = request;
      const sending = { operation: "sign_in", attempt: 1, method, url, headers: Object.entries(request.headers).flat(), body, timeout: this.#timeoutMs, whole: true, own: true };
      try {
        const received = await this.#host.send(sending, stop);
        const { bytes, cut } = await received.read(LARGEST, this.#timeoutMs);
        if (cut) return { kind: "protocol", sent: true, message: `the answer is larger than ${LARGEST} bytes` };
        return { request, status: received.status, header: (name) => headerOf(received.headers, name), body: new TextDecoder().decode(bytes) };
      } catch (error) {
        if (error instanceof Failed) return { kind: error.kind, sent: error.sent, message: error.message };
        throw error;
      }
    });
  }

  async #unlessGivenUp<T>(work: (stop: Stop) => Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (signal?.aborted) throw givenUp(signal);
    const stop = new Stop();
    const end = (): void => {
      stop.stopped = true;
      stop.now?.();
    };
    signal?.addEventListener("abort", end, { once: true });
    try {
      const outcome = await work(stop);
      if (signal?.aborted) throw givenUp(signal);
      return outcome;
    } finally {
      signal?.removeEventListener("abort", end);
    }
  }
}

/** The error of a sign-in that its caller gave up. */
export function givenUp(signal: AbortSignal): WaypostError {
  return errorFrom({ kind: "cancelled", message: "the sign-in was given up by its signal", attempts: [] }, { cause: signal.reason });
}
