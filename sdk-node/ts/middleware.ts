/**
 * Code around every attempt of every call: for headers of one's own, metrics, and traces.
 *
 * Promises: hooks run for each attempt, retries included; what one throws ends the call and is what the call rejects with; printing what a
 * hook is given shows no credential.
 *
 * @module
 */

import type { HeaderPairs, Interceptor } from "./backend.js";
import { headerPairs } from "./arguments.js";
import { HeaderList } from "./headers.js";

/** Which attempt of what. */
export interface AttemptOf {
  /** The operation's id: `wallets_get`. */
  readonly operation: string;
  /** From 1. */
  readonly attempt: number;
}

/** A request about to be sent. */
export interface AttemptRequest extends AttemptOf {
  /** `GET`. */
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** Credentials included; printed, they are redacted. */
  readonly headers: HeaderList;
}

/** The head of an answer. */
export interface AttemptResponse extends AttemptOf {
  /** The HTTP status, whatever it is. */
  readonly status: number;
  /** As received. */
  readonly headers: HeaderList;
  /** Since the request was sent, in milliseconds. */
  readonly elapsedMs: number;
}

/** An attempt that failed without a complete answer. */
export interface AttemptFailure extends AttemptOf {
  /** `connect`, `reset`, `timeout`, … */
  readonly cause: string;
  /** What happened, for a person. */
  readonly message: string;
  /** Since the request was sent, in milliseconds. */
  readonly elapsedMs: number;
}

/** Headers to set on a request, each in place of one of its name. */
export type AddedHeaders = Readonly<Record<string, string>>;

/**
 * Code around every attempt. An attempt's time limit holds for it as well.
 *
 * ```ts
 * const timing: Middleware = {
 *   request: ({ operation }) => ({ "x-caller": `batch/${operation}` }),
 *   response: ({ operation, status, elapsedMs }) => console.log(operation, status, elapsedMs),
 * };
 * const client = new Waypost({ middleware: [timing] });
 * ```
 */
export interface Middleware {
  /** Before an attempt is sent. May return headers to set on the request. */
  request?(request: AttemptRequest): AddedHeaders | undefined | void | Promise<AddedHeaders | undefined | void>;
  /** When the head of an answer is there. */
  response?(response: AttemptResponse): void | Promise<void>;
  /** When an attempt failed without a complete answer. */
  failure?(failure: AttemptFailure): void | Promise<void>;
}

/** One interceptor of many: requests pass them in their order, answers and failures in the opposite one. `undefined` for none. */
export function interceptorOf(middleware: readonly Middleware[]): Interceptor | undefined {
  if (middleware.length === 0) return undefined;
  const back = [...middleware].reverse();
  const made: Interceptor = {};
  if (middleware.some((one) => one.request !== undefined)) {
    made.request = async (outgoing) => {
      let added: HeaderPairs = [];
      for (const one of middleware) {
        const headers = new HeaderList(replaced(outgoing.headers, added));
        const more = await one.request?.({ ...outgoing, headers });
        if (more) added = replaced(added, headerPairs("middleware", more));
      }
      return added;
    };
  }
  if (middleware.some((one) => one.response !== undefined)) {
    made.response = async ({ elapsed_ms, headers, ...rest }) => {
      const response = { ...rest, elapsedMs: elapsed_ms, headers: new HeaderList(headers) };
      for (const one of back) await one.response?.(response);
    };
  }
  if (middleware.some((one) => one.failure !== undefined)) {
    made.failure = async ({ elapsed_ms, ...rest }) => {
      for (const one of back) await one.failure?.({ ...rest, elapsedMs: elapsed_ms });
    };
  }
  return made;
}

function replaced(headers: HeaderPairs, by: HeaderPairs): HeaderPairs {
  const names = new Set(by.map(([name]) => name.toLowerCase()));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...by];
}
