/**
 * What a call gives back: a promise of its result that can also tell how the result came.
 *
 * Promises: the request is under way once the method was called; the body is decoded once; however the result is asked for, no rejection
 * goes unhandled that was handled in one way.
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

  readonly #told: { answer?: Told };

  /** Made by the client: of an answer, what it means, and the error to reject with for what the engine threw. */
  constructor(answer: PromiseLike<Told>, decode: (answer: never) => T | PromiseLike<T>, failed: (error: unknown) => unknown) {
    const told: { answer?: Told } = {};
    super((resolve, reject) => {
      answer.then(
        (came) => {
          told.answer = came;
          try {
            resolve(decode(came as never));
          } catch (error) {
            reject(error);
          }
        },
        (error: unknown) => reject(failed(error)),
      );
    });
    this.#told = told;
  }

  /** The result together with status, headers, request id and attempts. */
  async withResponse(): Promise<RawResponse<T>> {
    const data = await this;
    const { answer } = this.#told;
    if (answer === undefined) throw new TypeError("a call that succeeded has an answer");
    return { data, response: responseInfo(answer.details()) };
  }
}
// `await` takes a promise whose constructor is `Promise` as it is, and wraps any other in two more.
Object.defineProperty(ApiPromise.prototype, "constructor", { value: Promise, writable: true, configurable: true });
