/**
 * Headers of a request or an answer, as middleware and callers see them.
 *
 * Promises: names are matched without regard to case; printed as JSON or by `console.log`, values of secret headers are not shown.
 *
 * @module
 */

import type { HeaderPairs } from "./backend.js";
import { redactHeader } from "./redact.js";

/** Names and values. */
export class HeaderList implements Iterable<readonly [name: string, value: string]> {
  readonly #pairs: HeaderPairs;

  /** Wraps name and value pairs. */
  constructor(pairs: HeaderPairs) {
    this.#pairs = pairs;
  }

  /** The values of a header, joined with `, `; `null` where it is absent. */
  get(name: string): string | null {
    const wanted = name.toLowerCase();
    const values = this.#pairs.filter(([given]) => given.toLowerCase() === wanted).map(([, value]) => value);
    return values.length > 0 ? values.join(", ") : null;
  }

  /** Is there such a header? */
  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** Name and value of each, as received or sent. */
  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#pairs[Symbol.iterator]();
  }

  /** An object for printing: lower-case names, and `[redacted]` in place of secrets. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(
      this.#pairs.map(([name]) => [name.toLowerCase(), redactHeader(name, this.get(name) ?? "")]),
    );
  }
}

Object.defineProperty(HeaderList.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: HeaderList) {
    return this.toJSON();
  },
});
