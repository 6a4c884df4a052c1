/**
 * A server that is a function, and a clock that only waits move: for users' own tests and for the shared vectors. The engine and the code that drives it are
 * those of every other call.
 */

import type { Interceptor, Script, ScriptedAnswer, ScriptedFailure } from "../../backend.js";
import { Failed, Thrown, type Host, type Pieces, type Received, type Sending, type Stop } from "./drive.js";
import { headOf, pairsOf } from "./flat.js";

/** 2023-11-14T22:13:20Z: what the calendar says when a script begins, in every language. */
const BEGIN = 1_700_000_000_000;
const encoder = new TextEncoder();

/** Answers attempts by a script. */
export class Scripted implements Host {
  /** The clock, in milliseconds. */
  elapsed = 0;
  readonly #script: Script;
  readonly #interceptor: Interceptor | undefined;

  constructor(script: Script, interceptor: Interceptor | undefined) {
    this.#script = script;
    this.#interceptor = interceptor;
  }

  now(): number {
    return this.elapsed;
  }

  unix(): number {
    return BEGIN + this.elapsed;
  }

  sleep(milliseconds: number): Promise<void> {
    this.elapsed += milliseconds;
    return Promise.resolve();
  }

  /** What is waited for moves the clock itself. */
  within<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  async send(sending: Sending, stop: Stop): Promise<Received> {
    const { operation, attempt, method, url, timeout } = sending;
    const interceptor = sending.own ? undefined : this.#interceptor;
    const began = this.elapsed;
    const body = sending.body ?? "";
    let headers = pairsOf(sending.headers);
    const failed = async (failure: Failed): Promise<never> => {
      const told = { operation, attempt, cause: failure.kind, message: failure.message, elapsed_ms: this.elapsed - began };
      await own(() => interceptor?.failure?.(told));
      throw failure;
    };
    const more = await own(() => interceptor?.request?.({ operation, attempt, method, url, headers }));
    if (more !== undefined) {
      const names = new Set(more.map(([name]) => name.toLowerCase()));
      headers = [...headers.filter(([name]) => !names.has(name)), ...more];
    }
    const answer = await own(() => this.#script({ operation, attempt, method, url, headers, body, timeout_ms: timeout, now_ms: this.elapsed }));
    if (stop.stopped) throw new Failed("request", false, "given up");
    if (!this.#within(answer.after_ms, timeout)) return failed(late(timeout));
    if (answer.failure !== undefined) return failed(failureOf(answer.failure));
    const status = answer.status ?? 200;
    await own(() => interceptor?.response?.({ operation, attempt, status, headers: answer.headers ?? [], elapsed_ms: this.elapsed - began }));
    const read = async (limit: number, within: number): Promise<{ bytes: Uint8Array; cut: boolean }> => {
      if (!this.#within(answer.body_after_ms, within)) return failed(late(within));
      if (answer.body_failure !== undefined) return failed(failureOf(answer.body_failure));
      const bytes = bytesOf(answer);
      return { bytes: bytes.subarray(0, limit), cut: bytes.length > limit };
    };
    const pieces = (): Pieces => {
      let left = true;
      const next = async (): Promise<Uint8Array | undefined> => {
        if (!left) return undefined;
        left = false;
        if (answer.body_failure !== undefined) throw failureOf(answer.body_failure);
        const bytes = bytesOf(answer);
        return bytes.length === 0 ? undefined : bytes;
      };
      return { next, cancel: () => void (left = false) };
    };
    const flat = (answer.headers ?? []).flatMap(([name, value]) => [name.toLowerCase(), value]);
    return { ...headOf(status, flat), read, pieces, drop: () => undefined };
  }

  /** Moves the clock to what comes, or to the limit when that is earlier. */
  #within(after = 0, limit: number): boolean {
    this.elapsed += Math.min(after, limit);
    return after <= limit;
  }
}

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

function failureOf({ kind, bytes_sent, message }: ScriptedFailure): Failed {
  return new Failed(kind, bytes_sent ?? true, message ?? "as the script has it");
}

function bytesOf({ body }: ScriptedAnswer): Uint8Array {
  return typeof body === "string" ? encoder.encode(body) : (body ?? new Uint8Array());
}
