/**
 * What is behind every resource of a client: it takes calls from generated methods to the engine, and answers back to results and errors.
 *
 * Promises: a call fails with an error of the SDK, with a `TypeError` for a wrong argument, or with what the caller's own middleware threw;
 * no rejection of the engine's goes unhandled by the facade's doing.
 *
 * @module
 */

import { CallFailed, EngineMissing, type Answer, type AnswerDetails, type AnswerStream, type Backend, type BackendClient } from "./backend.js";
import { joined, prepare } from "./arguments.js";
import type { Caller, CallOptions, Operation, OperationDescription } from "./call.js";
import { attemptOf, ConfigError, errorOf } from "./errors.js";
import { Log } from "./logger.js";
import { interceptorOf } from "./middleware.js";
import { environmentOf, merged, settingsOf, storeOf, type ClientOptions } from "./options.js";
import { pageOf, PagePromise, type Listing } from "./paging.js";
import { ApiPromise } from "./promise.js";
import { BytesPromise, ByteStream, EventsPromise, EventStream, type Source } from "./streams.js";

/** The largest answer that is read into memory, unless told otherwise: the engine's default. */
const LARGEST = 64 * 1024 * 1024;
/** Options that a call can have as well: a client that differs in these alone shares the engine's client. */
const OF_A_CALL = ["timeoutMs", "deadlineMs", "maxRetries", "headers"];
const PAGE = ["data", "cursor", "next_cursor", "has_more"] as const;
const strict = new TextDecoder("utf-8", { fatal: true });

/** How a client of the engine is made: the real one, or one on a script. */
export type Opening = (...args: Parameters<Backend["client"]>) => BackendClient;

/** The engine's client and everything that the facade knows beside it. */
export class Core implements Caller {
  readonly #client: BackendClient;
  readonly #backend: Backend;
  readonly #opening: Opening;
  readonly #options: ClientOptions;
  readonly #defaults: CallOptions | undefined;
  readonly #log: Log | undefined;

  /** Opens a client. Throws a `ConfigError` or a `TypeError` that says what is wrong with the options. */
  static open(backend: Backend, options: ClientOptions, opening: Opening = (...args) => backend.client(...args)): Core {
    const environment = environmentOf(options);
    const settings = settingsOf(options, environment);
    const store = storeOf(options);
    const log = Log.of(options.logger, options.logLevel, environment?.["WAYPOST_LOG"]);
    const own = log?.middleware();
    const interceptor = interceptorOf([...(options.middleware ?? []), ...(own === undefined ? [] : [own])]);
    if (options.fetch !== undefined && backend.name === "native") {
      const message = "`fetch` is for the WebAssembly engine, and this is the native one, which speaks HTTP itself. Leave it out, or use `middleware`";
      throw new ConfigError({ kind: "config", message, attempts: [] });
    }
    try {
      return new Core(opening(settings, interceptor, options.fetch, store), backend, opening, options, undefined, log);
    } catch (error) {
      throw failed(error);
    }
  }

  private constructor(
    client: BackendClient,
    backend: Backend,
    opening: Opening,
    options: ClientOptions,
    defaults: CallOptions | undefined,
    log: Log | undefined,
  ) {
    this.#client = client;
    this.#backend = backend;
    this.#opening = opening;
    this.#options = options;
    this.#defaults = defaults;
    this.#log = log;
  }

  /** The same with other options. */
  with(change: ClientOptions): Core {
    const options = merged(this.#options, change);
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    if (given.some(([name]) => !OF_A_CALL.includes(name))) return Core.open(this.#backend, options, this.#opening);
    settingsOf(change, undefined);
    const defaults = both(this.#defaults, Object.fromEntries(given));
    return new Core(this.#client, this.#backend, this.#opening, options, defaults, this.#log);
  }

  /** Ends calls that are under way and refuses later ones. */
  close(): void {
    this.#client.close();
  }

  call<T>(operation: Operation, args: readonly unknown[], options?: CallOptions): ApiPromise<T> {
    const since = this.#since();
    return new ApiPromise<T>(
      this.#begin("call", operation, args, options),
      (answer: Answer) => {
        this.#done(operation, since, answer);
        return decoded(operation, answer) as T;
      },
      (error) => this.#failed(operation, since, error),
    );
  }

  page<P extends object, T>(operation: Operation, args: readonly unknown[], options?: CallOptions): PagePromise<P, T> {
    const [items, cursor, nextCursor, hasMore] = operation.page ?? PAGE;
    const place = (operation.path?.length ?? 0) + (operation.body === undefined ? 0 : 1);
    const params = args[place] as Record<string, unknown> | undefined;
    const since = this.#since();
    // The error of a page that is none tells how that page came.
    let last: Answer;
    const read = (answer: Answer): P => {
      this.#done(operation, since, answer);
      last = answer;
      return decoded(operation, answer) as P;
    };
    const listing: Listing<P> = {
      names: [items, nextCursor, hasMore],
      broken: (message) => undecodable(operation, last.details(), message, "This is the server's mistake: tell its operator"),
      ask: (at) => {
        const next = [...args];
        next[place] = { ...params, [cursor]: at };
        // A key belongs to one request; a listing has many.
        const rest = options === undefined ? undefined : { ...options, idempotencyKey: undefined };
        return this.#begin("call", operation, next, rest).then(read, (error: unknown) => {
          throw this.#failed(operation, since, error);
        });
      },
    };
    const first = typeof params?.[cursor] === "string" ? params[cursor] : undefined;
    return new PagePromise<P, T>(
      this.#begin("call", operation, args, options),
      (answer: Answer) => pageOf<P, T>(read(answer), listing, { cursor: first, mark: first, steps: 0 }),
      (error) => this.#failed(operation, since, error),
    );
  }

  bytes(operation: Operation, args: readonly unknown[], options?: CallOptions): BytesPromise {
    const since = this.#since();
    return new BytesPromise(
      this.#begin("open", operation, args, options),
      (answer: AnswerStream) => new ByteStream(this.#source(operation, since, answer)),
      (error) => this.#failed(operation, since, error),
    );
  }

  events<T>(operation: Operation, args: readonly unknown[], options?: CallOptions): EventsPromise<T> {
    const since = this.#since();
    return new EventsPromise<T>(
      this.#begin("open", operation, args, options),
      (answer: AnswerStream) => new EventStream<T>(this.#source(operation, since, answer)),
      (error) => this.#failed(operation, since, error),
    );
  }

  /** One call of the engine's client. What is wrong with its arguments is a rejection like every other failure. */
  #begin<K extends "call" | "open">(how: K, operation: Operation, args: readonly unknown[], options: CallOptions | undefined): ReturnType<BackendClient[K]> {
    type Begun = ReturnType<BackendClient[K]>;
    try {
      const { parameters, body, settings, signal } = prepare(operation, args, both(this.#defaults, options));
      if (operation.define === undefined) return this.#client[how](operation, parameters, body, settings, signal) as Begun;
      const defined = this.#backend.define(described(operation, operation.define));
      const begin = (made: string): Promise<unknown> => this.#client[how]({ id: made }, parameters, body, settings, signal);
      return defined.then(begin) as Begun;
    } catch (error) {
      return Promise.reject(error) as Begun;
    }
  }

  #source(operation: Operation, since: number, answer: AnswerStream): Source {
    this.#done(operation, since, answer);
    return {
      answer,
      failed,
      broken: (message) => undecodable(operation, answer.details(), message),
      limit: this.#options.maxAnswerBytes ?? LARGEST,
    };
  }

  /** When a call began, for its log line. */
  #since(): number {
    return this.#log === undefined ? 0 : Date.now();
  }

  #done({ id }: Operation, since: number, answer: Answer | AnswerStream): void {
    this.#log?.done(id, since, () => answer.details().attempts.map(attemptOf), answer.status);
  }

  #failed({ id }: Operation, since: number, thrown: unknown): unknown {
    const error = failed(thrown);
    this.#log?.failed(id, since, error);
    return error;
  }
}

/** The descriptions that were given of operations so far, by their id: one engine serves clients of several APIs. */
const descriptions = new Map<string, string[]>();

/** A description with its body, and with an id that no other one has: the operation's, with a number where another API has it too. */
function described({ id, body }: Operation, define: OperationDescription): OperationDescription {
  const text = JSON.stringify(define);
  const known = descriptions.get(id) ?? [];
  descriptions.set(id, known);
  const place = known.includes(text) ? known.indexOf(text) : known.push(text) - 1;
  return { body: body === "bytes" ? "application/octet-stream" : (body ?? "none"), ...define, id: place === 0 ? id : `${id}~${place + 1}` };
}

/** The error of the SDK for what the engine threw; what is the caller's own stays as it is. */
export function failed(error: unknown): unknown {
  if (error instanceof CallFailed) return errorOf(error.report, error.cause);
  if (error instanceof EngineMissing) return new ConfigError({ kind: "config", message: error.message, attempts: [] }, { cause: error });
  return error;
}

function decoded(operation: Operation, answer: Answer): unknown {
  if (operation.result === "none") return undefined;
  const { body } = answer;
  let text: string;
  try {
    text = typeof body === "string" ? body : strict.decode(body);
  } catch {
    throw undecodable(operation, answer.details(), "the body is not UTF-8");
  }
  if (operation.result === "text") return text;
  try {
    return JSON.parse(text);
  } catch {
    // The host's message quotes the body, which may hold a secret.
    throw undecodable(operation, answer.details(), `the body, ${text.length} characters, is not what ${operation.id} promises: it is no JSON, or was cut short`);
  }
}

function undecodable(
  operation: Operation,
  { status, url, request_id, attempts }: AnswerDetails,
  message: string,
  hint = "Check that client and server are of versions that fit, and that no proxy in between answers for the API",
): Error {
  return errorOf({ kind: "decode", message, hint, operation: operation.id, status, url: url.split("?", 1)[0] ?? url, request_id, attempts });
}

function both(defaults: CallOptions | undefined, options: CallOptions | undefined): CallOptions | undefined {
  if (defaults === undefined) return options;
  if (options === undefined) return defaults;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given, ...(defaults.headers && options.headers && { headers: joined(defaults.headers, options.headers) }) };
}
