/**
 * An API in the process, for users' own tests: the real client and the real engine (retries, deadlines, paging, errors), and in place of the
 * network the answers that the test gives. The entry `waypost/testing`.
 *
 * Promises: no socket is opened; time is virtual, so a call that waits a minute between attempts ends at once; every attempt is recorded;
 * what the test forgot to answer fails with an error that says so. It knows nothing of a test runner, so it works in each.
 *
 * @module
 */

import type { Backend, HeaderPairs, ScriptedAnswer, ScriptedClient, ScriptedFailure, ScriptedRequest } from "./backend.js";
import { snake } from "./arguments.js";
import type { Waypost } from "./client.js";
import { Core } from "./core.js";
import { HeaderList } from "./headers.js";
import { usesTokens, type ClientOptions } from "./options.js";

/** How an attempt fails: in a word, or with what else is known of it. */
export type FakeFailure =
  | ScriptedFailure["kind"]
  | {
      /** The word. */
      readonly kind: ScriptedFailure["kind"];
      /** May a byte of the request have left? (`true`) An operation that must not happen twice is only sent again if not. */
      readonly bytesSent?: boolean | undefined;
      /** What the HTTP library says. */
      readonly message?: string | undefined;
    };

/** What the fake answers to one attempt. */
export interface FakeAnswer {
  /** 200; 204 where there is neither `json` nor `body`. */
  readonly status?: number | undefined;
  /** Headers, as an object or as pairs where one repeats; `content-type` fits by itself. */
  readonly headers?: Readonly<Record<string, string>> | HeaderPairs | undefined;
  /** A body as JSON. */
  readonly json?: unknown;
  /** A body as it is, also one that is wrong. */
  readonly body?: string | Uint8Array | undefined;
  /** How long after the request the head comes, in virtual milliseconds (0). More than the attempt's timeout is a timeout. */
  readonly afterMs?: number | undefined;
  /** How long after the head the body comes, in virtual milliseconds (0). */
  readonly bodyAfterMs?: number | undefined;
  /** No answer: the attempt fails like this. */
  readonly failure?: FakeFailure | undefined;
  /** No body: after the head, the attempt fails like this. */
  readonly bodyFailure?: FakeFailure | undefined;
}

/** An attempt, as the server would see it. */
export interface FakeRequest {
  /** The operation's id: `wallets_get`. */
  readonly operation: string;
  /** From 1. */
  readonly attempt: number;
  /** `GET`. */
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** `/v1/wallets/wal_1`. */
  readonly path: string;
  /** The parameters of the query. */
  readonly query: URLSearchParams;
  /** Credentials included. */
  readonly headers: HeaderList;
  /** The body as text; empty where there is none. */
  readonly body: string;
  /** The body read as JSON; `undefined` where there is none. */
  readonly json: unknown;
  /** What the engine gave this attempt, in milliseconds. */
  readonly timeoutMs: number;
  /** The virtual clock, in milliseconds since the client was made. */
  readonly atMs: number;
}

/** Makes an answer of a request. */
export type FakeHandler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/** An error answer, as the API gives it (RFC 9457). */
export function problem(status: number, code: string, more: Readonly<Record<string, unknown>> = {}): FakeAnswer {
  const { headers, ...members } = more;
  const json = { type: `urn:waypost:problem:${code}`, title: code.replaceAll("_", " "), status, code, ...members };
  return {
    status,
    json,
    headers: { "content-type": "application/problem+json", ...(headers as Record<string, string> | undefined) },
  };
}

/** A page of a list. */
export function page(data: readonly unknown[], nextCursor?: string): FakeAnswer {
  return { json: { data, next_cursor: nextCursor ?? null, has_more: nextCursor !== undefined } };
}

/** An attempt that gets no answer. */
export function failure(kind: FakeFailure, afterMs = 0): FakeAnswer {
  return { failure: kind, afterMs };
}

/** Server-sent events. */
export function events(...list: readonly { readonly event?: string; readonly id?: string; readonly data: unknown }[]): FakeAnswer {
  const lines = list.map(({ event, id, data }) => {
    const head = (event === undefined ? "" : `event: ${event}\n`) + (id === undefined ? "" : `id: ${id}\n`);
    return `${head}data: ${JSON.stringify(data)}\n\n`;
  });
  return { headers: { "content-type": "text/event-stream" }, body: lines.join("") };
}

/** The client's class and its engine, as an entry of the package binds them. */
export interface Bound {
  /** The engine. */
  readonly engine: Backend;
  /** The class of its clients. */
  readonly Client: new (options?: ClientOptions) => Waypost;
}

/**
 * The API, faked.
 *
 * ```ts
 * import { FakeWaypost, failure, problem } from "waypost/testing";
 *
 * const fake = new FakeWaypost();
 * fake.on("wallets.get", failure("reset"), { json: { id: "wal_1", balance: 500 } });
 *
 * const wallet = await fake.client.wallets.get("wal_1"); // is sent again after the reset, and no time passes
 *
 * console.log(wallet.id, fake.requests.length); // wal_1 2
 * fake.verify(); // everything that was scripted was asked for
 * ```
 */
export class FakeWaypost {
  /** What an entry of the package binds. @internal */
  protected static readonly bound: Bound | undefined;

  /** A client of the fake. `withOptions` gives further ones. */
  readonly client: Waypost;
  /** Every attempt so far, the first one first. */
  readonly requests: FakeRequest[] = [];
  readonly #queues = new Map<string, FakeAnswer[]>();
  readonly #handlers = new Map<string, FakeHandler>();
  readonly #clients: ScriptedClient[] = [];

  /** Makes a fake. Options are those of a client; there is an API key, and the environment is not read unless told. */
  constructor(options: ClientOptions = {}) {
    const { bound } = new.target;
    if (bound === undefined) throw new TypeError("FakeWaypost: this class has no engine; import it from `waypost/testing`");
    const complete = { baseUrl: "https://api.example", ...(usesTokens(options) ? {} : { apiKey: "wp_test" }), environment: false, ...options } as const;
    const core = Core.open(bound.engine, complete, (settings, interceptor, _, store) => {
      const client = bound.engine.scripted(settings, (request) => this.#answer(request), interceptor, store);
      this.#clients.push(client);
      return client;
    });
    this.client = new bound.Client(core as unknown as ClientOptions);
  }

  /**
   * Answers the attempts of an operation, one after another. Called again it adds answers; when they are used up, the one given to
   * {@link FakeWaypost.always} is used.
   *
   * @param operation - as it is called, `wallets.get`, or its id, `wallets_get`.
   */
  on(operation: string, ...answers: readonly FakeAnswer[]): this {
    const id = idOf(operation);
    this.#queues.set(id, [...(this.#queues.get(id) ?? []), ...answers]);
    return this;
  }

  /** Answers every attempt of an operation, unless {@link FakeWaypost.on} still has something. `"*"`: every operation without its own. */
  always(operation: string, answer: FakeAnswer | FakeHandler): this {
    this.#handlers.set(idOf(operation), typeof answer === "function" ? answer : () => answer);
    return this;
  }

  /** The attempts of one operation. */
  requestsOf(operation: string): FakeRequest[] {
    const id = idOf(operation);
    return this.requests.filter((request) => request.operation === id);
  }

  /** The virtual clock, in milliseconds since the fake was made: how long all the waiting would have taken. */
  now(): number {
    return this.#clients[0]?.now() ?? 0;
  }

  /** Moves the virtual clock on. */
  advance(milliseconds: number): void {
    for (const client of this.#clients) client.advance(milliseconds);
  }

  /** Throws when answers are left that nothing asked for. */
  verify(): void {
    const left = [...this.#queues].filter(([, answers]) => answers.length > 0).map(([id, answers]) => `${id} (${answers.length})`);
    if (left.length > 0) throw new Error(`FakeWaypost: answers are left that nothing asked for: ${left.join(", ")}`);
  }

  async #answer(scripted: ScriptedRequest): Promise<ScriptedAnswer> {
    const request = requestOf(scripted);
    this.requests.push(request);
    const id = request.operation;
    const next = this.#queues.get(id)?.shift();
    if (next !== undefined) return scriptedOf(next);
    const handler = this.#handlers.get(id) ?? this.#handlers.get("*");
    if (handler !== undefined) return scriptedOf(await handler(request));
    const attempt = request.attempt > 1 ? ` (attempt ${request.attempt})` : "";
    throw new Error(`FakeWaypost: there is no answer for ${id}${attempt}; give one with \`fake.on("${id}", { json: … })\``);
  }
}

/** `apiKeys.create` to `api_keys_create`. */
function idOf(operation: string): string {
  return snake(operation).replace(".", "_");
}

function requestOf({ operation, attempt, method, url, headers, body, timeout_ms, now_ms }: ScriptedRequest): FakeRequest {
  const { pathname, searchParams } = new URL(url);
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch {
    // A body that is no JSON has none.
  }
  return {
    // An operation that was described at run time may have a number behind its id.
    operation: operation.replace(/~\d+$/, ""),
    attempt,
    method,
    url,
    path: pathname,
    query: searchParams,
    headers: new HeaderList(headers),
    body: text,
    json,
    timeoutMs: timeout_ms,
    atMs: now_ms,
  };
}

function scriptedOf(answer: FakeAnswer): ScriptedAnswer {
  const empty = answer.json === undefined && answer.body === undefined;
  const given = answer.headers ?? {};
  const headers: HeaderPairs = isPairs(given) ? given : Object.entries(given);
  const typed = answer.json === undefined || headers.some(([name]) => name.toLowerCase() === "content-type");
  return {
    status: answer.status ?? (empty ? 204 : 200),
    headers: typed ? headers : [...headers, ["content-type", "application/json"]],
    body: answer.json === undefined ? (answer.body ?? "") : JSON.stringify(answer.json),
    after_ms: answer.afterMs ?? 0,
    body_after_ms: answer.bodyAfterMs ?? 0,
    ...(answer.failure !== undefined && { failure: failureOf(answer.failure) }),
    ...(answer.bodyFailure !== undefined && { body_failure: failureOf(answer.bodyFailure) }),
  };
}

function failureOf(given: FakeFailure): ScriptedFailure {
  if (typeof given === "string") return { kind: given };
  return { kind: given.kind, bytes_sent: given.bytesSent, message: given.message };
}

function isPairs(headers: object): headers is HeaderPairs {
  return Array.isArray(headers);
}
