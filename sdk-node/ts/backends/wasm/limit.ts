/**
 * How long a request may take, and what drops it.
 *
 * Promises: a limit that was begun and not ended passes, within a few milliseconds of its time; no timer is left a second after the last limit ended.
 */

import { Failed, type Stop } from "./drive.js";
import { failureOf } from "./failure.js";

/** The longest that a host's timer can be set to. */
export const LONGEST = 2 ** 31 - 1;
/** How long a timer that is shared goes on at the most before it is looked whether anybody needs it. */
const LINGERS = 1000;

/**
 * What tells limits that their time has passed. One that is shared is set once for many calls: to set and clear a host's timer for each costs a page as much
 * as a third of the engine's work.
 */
export class Timer {
  readonly #shared: boolean;
  readonly #limits = new Set<Limit>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it goes off. */
  #due = Infinity;

  constructor(shared: boolean) {
    this.#shared = shared;
  }

  add(limit: Limit, now: number): void {
    this.#limits.add(limit);
    if (limit.until < this.#due) this.#set(limit.until, now);
  }

  remove(limit: Limit): void {
    this.#limits.delete(limit);
    if (this.#shared || this.#limits.size > 0) return;
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  #set(until: number, now: number): void {
    clearTimeout(this.#timer);
    this.#due = this.#shared ? Math.min(until, now + LINGERS) : until;
    this.#timer = setTimeout(() => this.#look(), Math.max(this.#due - now, 0));
  }

  /** Sooner than it was set to, perhaps, and without anybody who waits. */
  #look(): void {
    this.#due = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const limit of this.#limits) {
      if (limit.until <= now) limit.pass();
      else next = Math.min(next, limit.until);
    }
    if (next < Infinity) this.#set(next, now);
  }
}

/** The time that something may take. Its signal drops the request: when the time has passed, when the call is given up, when nobody wants the rest. */
export class Limit {
  readonly #controller = new AbortController();
  readonly #timer: Timer;
  /** Where what is waited for does not end by the signal alone. */
  readonly #aborted: Promise<never> | undefined;
  /** It ran out. */
  #passed = false;
  /** When it is reached; nothing is limited until the next beginning when it is infinite. */
  until = Infinity;

  constructor(timer: Timer, deaf: boolean) {
    this.#timer = timer;
    if (deaf) {
      this.#aborted = new Promise((_, reject) => {
        this.signal.addEventListener("abort", () => reject(new Error("dropped")), { once: true });
      });
      this.#aborted.catch(() => undefined);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(timeout: number, stop: Stop): void {
    const now = performance.now();
    this.until = now + Math.min(timeout, LONGEST);
    stop.now = () => this.abort();
    this.#timer.add(this, now);
  }

  /** Whatever comes first: its end, or the limit. */
  over<T>(work: Promise<T>): Promise<T> {
    return this.#aborted === undefined ? work : Promise.race([work, this.#aborted]);
  }

  /** Nothing is waited for, for the moment. */
  pause(): void {
    this.until = Infinity;
  }

  /** Nothing will be waited for any more. */
  end(): void {
    this.until = Infinity;
    this.#timer.remove(this);
  }

  /** The time has passed. */
  pass(): void {
    this.#passed = true;
    this.abort();
  }

  /** What went wrong, in the engine's words; the request is dropped. */
  failed(error: unknown, timeout: number, reading: boolean): Failed {
    const failure = this.#passed ? new Failed("timeout", true, `no answer within ${timeout} ms`) : failureOf(error, reading);
    this.abort();
    return failure;
  }

  abort(): void {
    this.end();
    this.#controller.abort();
  }
}
