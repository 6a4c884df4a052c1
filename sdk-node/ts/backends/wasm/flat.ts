/** Headers as they cross to the engine: name, value, name, value, the names in lower case. */

import type { HeaderPairs } from "../../backend.js";

/** Header names and values, one after the other. */
export type FlatHeaders = readonly string[];

/** The head of an answer. */
export interface Head {
  readonly status: number;
  readonly headers: FlatHeaders;
  /** The values of a header, joined; `undefined` where it is absent. */
  header(name: string): string | undefined;
}

/** A head of headers that are all at hand. */
export function headOf(status: number, headers: FlatHeaders): Head {
  return { status, headers, header: (name) => headerOf(headers, name) };
}

/** The values of a header, joined; `undefined` where it is absent. */
export function headerOf(headers: FlatHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (let place = 0; place < headers.length; place += 2) {
    if (headers[place] === name) found = found === undefined ? headers[place + 1] : `${found}, ${headers[place + 1]}`;
  }
  return found;
}

/** The same headers with this value in place of any other of its name. */
export function withHeader(headers: FlatHeaders, name: string, value: string): FlatHeaders {
  return [...headers.filter((_, place) => headers[place & ~1] !== name), name, value];
}

/** Flat names and values as pairs. */
export function pairsOf(flat: FlatHeaders): HeaderPairs {
  const pairs: [string, string][] = [];
  for (let place = 0; place + 1 < flat.length; place += 2) pairs.push([flat[place] as string, flat[place + 1] as string]);
  return pairs;
}
