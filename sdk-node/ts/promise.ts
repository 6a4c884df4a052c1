/**
 * What a call gives back: a promise of its result that can also tell how the result came.
 *
 * Promises: the request is under way once the method was called; the body is decoded when somebody asks for it, and once; asking only for
 * one of the two leaves no rejection unhandled.
 *
 * @module
 */

import type { AnswerDetails } from "./backend.js";
import { attemptOf, type Attempt } from "./errors.js";
import { HeaderList } from "./headers.js";

/** How an answer came. */
export interface ResponseInfo {
  /** 200 to 299. */
  readonly status: number;
  /** As received. */
  readonly headers: HeaderList;
  /** From `X-Request-Id`: what to quote to the server's operator. */
  readonly requestId: string | undefined;
  /** Every attempt, the successful one last. */
  readonly attempts: readonly Attempt[];
  /** The server confirmed (304) that an answer it gave before still holds. */
  readonly fromCache: boolean;
  /** What was asked, without secrets. */
  readonly url: string;
}

/** A result and how it came. */
export interface RawResponse<T> {
  /** What awaiting the call gives. */
  readonly data: T;
  /** How it came. */
  readonly response: ResponseInfo;
}

/** How an answer came, made of what the engine says about it. */
export function responseInfo(details: AnswerDetails): ResponseInfo {
  return {
    status: details.status,
    headers: new HeaderList(details.headers),
    requestId: details.request_id ?? undefined,
    attempts: details.attempts.map(attemptOf),
    fromCache: details.from_cache,
    url: details.url,
  };
}

/** What {@link ApiPromise} needs of an answer, whole or streamed. */
export interface Told {
  /** How it came. */
  details(): AnswerDetails;
}

/**
 * A promise of `T`. `await` it, or ask for more with {@link ApiPromise.withResponse}.
 *
 * ```ts
 * const wallet = await client.wallets.get(id);
 * const { data, response } = await client.wallets.get(id).withResponse();
 * console.log(response.status, response.requestId, response.attempts.length);
 * ```
 */
export class ApiPromise<T> extends Promise<T> {
  /** What `then` makes is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  readonly #answer: Promise<Told>;
  readonly #decode: () => Promise<T>;
  #value: Promise<T> | undefined;

  /** Made by the client. */
  constructor(answer: Promise<Told>, decode: () => Promise<T>) {
    // The promise that this class inherits is never asked: `then` below, and all that is built on it, asks the decoded answer.
    super(() => undefined);
    this.#answer = answer;
    this.#decode = decode;
  }

  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#value ??= this.#decode();
    return this.#value.then(fulfilled, rejected);
  }

  /** The result together with status, headers, request id and attempts. */
  async withResponse(): Promise<RawResponse<T>> {
    const data = await this;
    return { data, response: responseInfo((await this.#answer).details()) };
  }
}
