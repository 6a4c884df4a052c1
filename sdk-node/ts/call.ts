/**
 * The border between generated resources and the hand-written runtime. A generated method says which operation it is and hands over its
 * arguments; everything else (checking, sending, decoding, paging) happens behind {@link Caller}, once for all operations.
 *
 * Promises: nothing here runs anything; generated code depends on this module and on no other.
 *
 * A generated resource looks like this:
 *
 * ```ts
 * import type { ApiPromise, Caller, CallOptions, Operation } from "../call.js";
 *
 * const GET: Operation = { id: "wallets_get", path: ["wallet_id"], result: "json", row: "GET\t/v1/wallets/{wallet_id}\tsafe…" };
 *
 * export class Wallets {
 *   readonly #caller: Caller;
 *   constructor(caller: Caller) {
 *     this.#caller = caller;
 *   }
 *   get(walletId: string, options?: CallOptions): ApiPromise<Wallet> {
 *     return this.#caller.call(GET, [walletId], options);
 *   }
 * }
 * ```
 *
 * @module
 */

import type { OperationDescription } from "./backend.js";
import type { ApiPromise } from "./promise.js";
import type { PagePromise } from "./paging.js";
import type { BytesPromise, EventsPromise } from "./streams.js";

export type { ApiPromise, RawResponse, ResponseInfo } from "./promise.js";
export type { Page, PagePromise } from "./paging.js";
export type { OperationDescription } from "./backend.js";
export type { ByteStream, BytesPromise, EventStream, EventsPromise, ServerEvent } from "./streams.js";

/** Settings of one call. What is left out is the client's. */
export interface CallOptions {
  /** The longest that one attempt may take, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** The longest that the call may take, all attempts and waits together, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** How often a failed attempt is sent again. `0`: never. */
  readonly maxRetries?: number | undefined;
  /** Sent as `Idempotency-Key` in place of one made for the call. Only where the operation takes one. */
  readonly idempotencyKey?: string | undefined;
  /** Sent with this call; they replace the client's of the same name. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The media type to ask for, where the operation offers several. */
  readonly accept?: string | undefined;
  /** The W3C `traceparent` of the trace that this call belongs to. */
  readonly traceParent?: string | undefined;
  /** Gives the call up when it is aborted: the request is dropped on the wire, the promise rejects with a `CancelledError`. */
  readonly signal?: AbortSignal | undefined;
}

/** The type of an argument as far as it is checked at run time. `?`: may be left out. `~`: may be null. */
export type Check = `${"string" | "integer" | "number" | "boolean" | "object" | "array" | "any"}${"" | "?"}${"" | "~"}`;

/** Arguments by their name on the wire. */
export type Checks = Readonly<Record<string, Check>>;

/**
 * What the runtime needs to know of an operation, and its row for the engine for browsers; the addon has it in its table under the same id.
 *
 * The arguments of a call come in this order: path parameters, the body if there is one, query and header parameters if there are any.
 */
export interface Operation {
  /** `wallets_create`. */
  readonly id: string;
  /** Path parameters, in the order of the path, as on the wire. */
  readonly path?: readonly string[];
  /** What the request carries; absent: nothing. */
  readonly body?: "json" | "form" | "bytes";
  /** The top-level fields of a body that is an object. Absent: the body is a union or something else, and only its presence is checked. */
  readonly fields?: Checks;
  /** Query and header parameters. Absent: the method takes none. */
  readonly params?: Checks;
  /** What a success carries. */
  readonly result: "json" | "none" | "text" | "page" | "bytes" | "events";
  /** How a list continues, where its names are not `data`, `cursor`, `next_cursor`, `has_more` (in this order). */
  readonly page?: readonly [items: string, cursor: string, nextCursor: string, hasMore: string];
  /** Its row of the operation table, without its id: what an engine that has no table learns it of (`Operation::read` of the crate `waypost`). */
  readonly row?: string;
  /** The operation itself, where the engine's table does not have it: generated code of another API carries this. */
  readonly define?: OperationDescription;
}

/** What a generated resource calls. `args` are in the order of {@link Operation}. */
export interface Caller {
  /** An operation with the result `json`, `none` (`T` is `void`) or `text` (`T` is `string`). */
  call<T>(operation: Operation, args: readonly unknown[], options?: CallOptions): ApiPromise<T>;
  /** An operation with the result `page`; `P` is the page as on the wire, `T` an item of it. */
  page<P extends object, T>(operation: Operation, args: readonly unknown[], options?: CallOptions): PagePromise<P, T>;
  /** An operation with the result `bytes`. */
  bytes(operation: Operation, args: readonly unknown[], options?: CallOptions): BytesPromise;
  /** An operation with the result `events`; `T` is what an event's data holds, decoded from JSON. */
  events<T>(operation: Operation, args: readonly unknown[], options?: CallOptions): EventsPromise<T>;
}
