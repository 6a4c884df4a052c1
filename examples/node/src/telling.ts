/**
 * How the story looks: a heading a chapter, a line a call. The lines show what a program can know about a call after it was made: its status,
 * and every attempt with its cause and the wait before it.
 */

import type { ApiPromise, Attempt, WaypostError } from "waypost";

/** A call that went well, and did not do what it should have done. */
export class Untrue extends Error {}

/** Fails with `claim` if it does not hold. */
export function check(holds: boolean, claim: string): void {
  if (!holds) throw new Untrue(`This should have been so and is not: ${claim}`);
}

/** The story so far. */
export class Telling {
  #chapters = 0;
  #calls = 0;
  #attempts = 0;

  /** Starts a chapter. */
  chapter(title: string): void {
    this.#chapters += 1;
    console.log(`\n${this.#chapters}. ${title}\n`);
    console.log(`   ${"call".padEnd(24)} ${"status".padEnd(6)}  ${"attempts".padEnd(26)} what came of it`);
  }

  /** Makes a call and tells what came of it. */
  async call<T>(name: string, call: ApiPromise<T>, told: (data: T) => string): Promise<T> {
    const { data, response } = await call.withResponse();
    this.line(name, response.status, response.attempts, told(data));
    return data;
  }

  /** A call that was refused, as it should be. */
  refused(name: string, error: WaypostError): void {
    this.line(name, error.status, error.attempts, `${error.kind} \`${error.code ?? "no code"}\`: ${error.problem?.detail ?? error.message}`);
  }

  /** A line about a call, whatever it was. */
  line(name: string, status: number | undefined, attempts: readonly Attempt[], result: string): void {
    this.count(attempts);
    console.log(`   ${name.padEnd(24)} ${String(status ?? "-").padEnd(6)}  ${how(attempts).padEnd(26)} ${result}`);
  }

  /** Counts a call that gets no line of its own. */
  count(attempts: readonly Attempt[]): void {
    this.#calls += 1;
    this.#attempts += attempts.length;
  }

  /** What the calls above mean. */
  note(text: string): void {
    console.log(`   > ${text}`);
  }

  /** Prints the end. */
  end(): void {
    console.log(`\nEverything went as told: ${this.#calls} calls in ${this.#attempts} attempts.`);
  }
}

/** The attempts of a call in a few words: `1`, or `3 (429, reset; waited 1.3 s)`. */
function how(attempts: readonly Attempt[]): string {
  const seconds = waited(attempts) / 1000;
  const causes = attempts.slice(0, -1).map(({ cause, status }) => (cause === "status" ? String(status) : (cause ?? "unknown")));
  const told = [causes.join(", "), seconds > 0 ? `waited ${seconds.toFixed(1)} s` : ""].filter((part) => part !== "").join("; ");
  return told === "" ? String(attempts.length) : `${attempts.length} (${told})`;
}

/** How long the SDK waited between the attempts of a call, in milliseconds. */
export function waited(attempts: readonly Attempt[]): number {
  return attempts.reduce((sum, { delayMs }) => sum + delayMs, 0);
}

/** `1234` minor units of `EUR` as `12.34 EUR`. Right for currencies of two decimals, such as the story's. */
export function money(amount: number, currency: string): string {
  return `${(amount / 100).toFixed(2)} ${currency}`;
}
