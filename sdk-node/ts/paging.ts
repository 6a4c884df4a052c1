/**
 * Cursor paging: how a list that the server gives in pages becomes one sequence, and when it ends.
 *
 * Promises: a page is asked for when it is wanted; a server that says "there is more" without a way on, or that leads in a circle, gives an
 * error after the items instead of an endless loop.
 *
 * @module
 */

import { ApiPromise } from "./promise.js";

/** What a page can do beside holding its items. */
export interface PageMethods<P extends object, T> extends AsyncIterable<T> {
  /** Does the server say that there is more? */
  hasNextPage(): boolean;
  /** The page after this one; `undefined` when this was the last. */
  nextPage(): Promise<Page<P, T> | undefined>;
}

/** A page as it is on the wire, with its methods. Iterating over it (`for await`) gives its items and those of all later pages. */
export type Page<P extends object, T> = P & PageMethods<P, T>;

/** How to go on in a listing. */
export interface Listing<P extends object> {
  /** The members' names: items, next cursor, flag. */
  readonly names: readonly [items: string, nextCursor: string, hasMore: string];
  /** Asks for the page at a cursor. */
  ask(cursor: string): Promise<P>;
  /** The error of a page that is none. */
  broken(message: string): Error;
}

/** Where a listing stands. */
export interface Position {
  /** The cursor that this page was asked with. */
  readonly cursor: string | undefined;
  /** A cursor of long ago, replaced after 1, 2, 4, … pages (Brent), so a circle of any length is found in constant memory. */
  readonly mark: string | undefined;
  /** How many pages came before. */
  readonly steps: number;
}

class PageOf<P extends object, T> implements PageMethods<P, T> {
  readonly #listing: Listing<P>;
  readonly #at: Position;

  constructor(body: P, listing: Listing<P>, at: Position) {
    this.#listing = listing;
    this.#at = at;
    Object.assign(this, body);
  }

  #member(place: 0 | 1 | 2): unknown {
    return (this as Record<string, unknown>)[this.#listing.names[place]];
  }

  hasNextPage(): boolean {
    const flag = this.#member(2);
    return typeof flag === "boolean" ? flag : typeof this.#member(1) === "string";
  }

  async nextPage(): Promise<Page<P, T> | undefined> {
    if (!this.hasNextPage()) return undefined;
    const { cursor, mark, steps } = this.#at;
    const next = this.#member(1);
    if (typeof next !== "string" || next === "") {
      throw this.#listing.broken("the page says that there is more and gives no cursor to ask with");
    }
    if (next === cursor || next === mark) {
      throw this.#listing.broken("the page's cursor leads back to a page that was there: the list would never end");
    }
    const powerOfTwo = ((steps + 1) & steps) === 0;
    const body = await this.#listing.ask(next);
    return pageOf<P, T>(body, this.#listing, { cursor: next, mark: powerOfTwo ? next : mark, steps: steps + 1 });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let page: PageOf<P, T> | undefined = this; page !== undefined; page = (await page.nextPage()) as PageOf<P, T> | undefined) {
      yield* page.#member(0) as T[];
    }
  }
}
// What a page prints as is the page, not the machinery behind it.
Object.defineProperty(PageOf, "name", { value: "Page" });

/** A page of its decoded body. Throws where the body is no page. */
export function pageOf<P extends object, T>(body: P, listing: Listing<P>, at: Position): Page<P, T> {
  const items = (body as Record<string, unknown> | null)?.[listing.names[0]];
  if (!Array.isArray(items)) throw listing.broken(`the page has no array \`${listing.names[0]}\``);
  return new PageOf<P, T>(body, listing, at) as unknown as Page<P, T>;
}

/**
 * A list: `await` it for one page, iterate over it for all items of all pages, or go page by page.
 *
 * ```ts
 * const page = await client.wallets.list({ limit: 20 });
 * for await (const wallet of client.wallets.list()) console.log(wallet.id);
 * for await (const page of client.wallets.list().pages()) console.log(page.data.length);
 * ```
 */
export class PagePromise<P extends object, T> extends ApiPromise<Page<P, T>> implements AsyncIterable<T> {
  /** Every page, from this one on. */
  async *pages(): AsyncGenerator<Page<P, T>, void, undefined> {
    for (let page: Page<P, T> | undefined = await this; page !== undefined; page = await page.nextPage()) yield page;
  }

  /** Every item, from the first of this page on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }
}
