/**
 * The conditional cache: answers of safe reads that carry an `ETag` are kept, the next request asks with `If-None-Match` whether they still hold, and a
 * 304 is answered from here. The server is asked every time, so nothing stale is ever served. `openapi/vectors/cache.json` holds it.
 *
 * Promises: an answer is found again only by the very request that it answered: URL and every header, credentials among them; what it holds is bounded,
 * and the least recently used answer makes room.
 */

import { headerOf, type FlatHeaders } from "./flat.js";

/** An answer that is kept. */
export interface Stored {
  readonly etag: string;
  readonly headers: FlatHeaders;
  readonly body: Uint8Array;
}

/** Headers that differ from call to call and select nothing. */
const PASSING = /^(?:traceparent|tracestate|x-request-id|user-agent)$/;
/** Headers of a 304 that describe its own, missing body. */
const BODILESS = /^(?:content-(?:length|type|encoding)|transfer-encoding)$/;

/** The stored answers of one client. */
export class Cache {
  readonly #entries: number;
  readonly #bytes: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Stored>();
  #size = 0;

  constructor({ entries = 256, bytes = 4 * 1024 * 1024 }: { entries?: number; bytes?: number }) {
    this.#entries = entries;
    this.#bytes = bytes;
  }

  /** The answer that is kept for a request. */
  get(key: string): Stored | undefined {
    const stored = this.#kept.get(key);
    if (stored !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, stored);
    }
    return stored;
  }

  /** Keeps an answer, if it may be kept: it has an entity tag, the server did not forbid it, and it fits. */
  put(key: string, status: number, headers: FlatHeaders, body: Uint8Array): void {
    this.#remove(key);
    const etag = headerOf(headers, "etag");
    const forbidden = /no-store/i.test(headerOf(headers, "cache-control") ?? "") || headerOf(headers, "vary")?.includes("*") === true;
    if (etag === undefined || forbidden || status !== 200 || body.length > this.#bytes / 8 || this.#entries === 0) return;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < this.#entries && this.#size + body.length <= this.#bytes) break;
      this.#remove(oldest);
    }
    this.#size += body.length;
    this.#kept.set(key, { etag, headers, body });
  }

  #remove(key: string): void {
    this.#size -= this.#kept.get(key)?.body.length ?? 0;
    this.#kept.delete(key);
  }
}

/** What a request is kept under; nothing where the caller does not want it kept. */
export function keyOf(url: string, headers: FlatHeaders): string | undefined {
  const own = (name: string): string | undefined => headerOf(headers, name);
  if (own("if-none-match") !== undefined || own("range") !== undefined || own("cache-control")?.includes("no-store")) return undefined;
  return JSON.stringify([url, headers.filter((_, place) => !PASSING.test(headers[place & ~1] as string))]);
}

/** The headers of the answer that a 304 confirms: the stored ones, brought up to date (RFC 9111, section 3.2). */
export function refreshed(stored: FlatHeaders, newer: FlatHeaders): FlatHeaders {
  const news = newer.filter((_, place) => !BODILESS.test(newer[place & ~1] as string));
  const names = new Set(news.filter((_, place) => place % 2 === 0));
  return [...stored.filter((_, place) => !names.has(stored[place & ~1] as string)), ...news];
}
