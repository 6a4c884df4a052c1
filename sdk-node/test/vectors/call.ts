/**
 * The runners `call` and `tokens`, through the client as a user has it: `FakeWaypost` plays the script, and the outcome is read from what the client gives
 * back, throws, and sends.
 *
 * What is left out: of a call with `cancel_at_ms`, the moment and the attempts. Virtual time passes at once, so a caller cannot give up in its
 * middle: here the caller gives up when the answer of the first attempt is there, which is before the wait that follows it, or when its token is asked for. A call that is
 * given up is dropped at once, and nobody is left to tell of its attempts.
 */

import { inspect } from "node:util";

import { type CallOptions, type ClientOptions, isWaypostError, type Operation, type Waypost } from "waypost";
import { TokenSet, type TokenStore } from "waypost/oauth";
import type { FakeAnswer, FakeRequest } from "waypost/testing";

import type { Engine } from "../support/engines.js";

type Json = Record<string, unknown>;

/** Runs a script. */
export async function call({ FakeWaypost, name }: Engine, input: Json): Promise<Json> {
  const operation = operationOf((input["operation"] ?? {}) as Json);
  let givenUp: AbortController | undefined;
  const store = input["store"] === undefined ? undefined : new Kept(input["store"] as Json);
  const fake = new FakeWaypost({
    apiKey: undefined,
    trace: false,
    // For browsers, which have a cache of their own, the engine keeps answers only when it is told to.
    ...(name === "wasm" && { cache: {} }),
    ...clientOf((input["client"] ?? {}) as Json),
    middleware: [{ response: () => givenUp?.abort() }],
    ...store?.option,
  });
  let answers: FakeAnswer[] = [];
  let tokenAnswers: FakeAnswer[] = [];
  let meanwhile: Json | undefined;
  fake.always("*", ({ operation: asked }) => {
    if (asked === "oauth_token") {
      givenUp?.abort();
      if (meanwhile !== undefined && store !== undefined) store.kept = meanwhile;
      meanwhile = undefined;
    }
    const next = (asked === "oauth_token" ? tokenAnswers : answers).shift();
    if (next === undefined) throw new Error("the script has no further answer");
    return next;
  });
  const calls: Json[] = [];
  for (const one of input["calls"] as Json[]) {
    fake.advance(Number(one["after_ms"] ?? 0));
    answers = ((one["answers"] ?? []) as Json[]).map(answerOf);
    tokenAnswers = ((one["token_answers"] ?? []) as Json[]).map(answerOf);
    meanwhile = one["kept_at_refresh"] as Json | undefined;
    if (store !== undefined && "kept" in one) store.kept = one["kept"] as Json;
    givenUp = one["cancel_at_ms"] === undefined ? undefined : new AbortController();
    calls.push({ ...(await oneCall(fake.client, operation, one, fake, givenUp?.signal)), ...(store && { store: store.kept }) });
  }
  return { calls };
}

function clientOf({ tokens, ...rest }: Json): ClientOptions {
  return { ...(camel(rest) as ClientOptions), ...(tokens !== undefined && { tokens: TokenSet.parse(JSON.stringify(tokens)) }) };
}

/** What is expected of a script, without what cannot be observed here. */
export function observable(input: Json, expected: unknown): unknown {
  const calls = input["calls"] as Json[];
  if (!calls.some((one) => "cancel_at_ms" in one)) return expected;
  const told = (expected as { calls: Json[] }).calls;
  return { ...(expected as Json), calls: told.map((one, place) => ("cancel_at_ms" in (calls[place] ?? {}) ? { ...one, attempts: undefined } : one)).map(defined) };
}

function defined(object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** A token store that others may put something into, and that may fail. */
class Kept implements TokenStore {
  kept: Json | null;
  readonly #fails: readonly string[];

  constructor({ kept, fails }: Json) {
    this.kept = (kept ?? null) as Json | null;
    this.#fails = (fails ?? []) as string[];
  }

  get option(): ClientOptions {
    return { tokenStore: this };
  }

  load(): TokenSet | undefined {
    this.#may("load");
    return this.kept === null ? undefined : TokenSet.parse(JSON.stringify(this.kept));
  }

  async save(tokens: TokenSet): Promise<void> {
    await Promise.resolve();
    this.#may("save");
    const { accessToken, tokenType, expiresAt, refreshToken, scope } = tokens;
    this.kept = { access_token: accessToken, token_type: tokenType, expires_at: expiresAt ?? null, refresh_token: refreshToken ?? null, scope: scope ?? null };
  }

  clear(): void {
    this.#may("clear");
    this.kept = null;
  }

  #may(verb: string): void {
    if (this.#fails.includes(verb)) throw new Error(`it cannot ${verb}`);
  }
}

async function oneCall(
  client: Waypost,
  operation: Operation,
  one: Json,
  fake: { readonly requests: FakeRequest[]; now(): number },
  signal: AbortSignal | undefined,
): Promise<Json> {
  const options: CallOptions = {
    ...(camel({
      timeout_ms: one["timeout_ms"],
      deadline_ms: one["deadline_ms"],
      max_retries: one["max_retries"],
      idempotency_key: one["idempotency_key"],
    }) as CallOptions),
    headers: { ...headersOf(one["headers"]), ...(typeof one["api_key"] === "string" && { "x-api-key": one["api_key"] }) },
    signal,
  };
  const first = fake.requests.length;
  const since = fake.now();
  const args = operation.body === undefined ? [] : [{}];
  let told: Json;
  try {
    told = operation.result === "bytes" || operation.result === "events" ? await streamed(client, operation, args, options) : await whole(client, operation, args, options);
  } catch (error) {
    told = failed(error);
  }
  const made = fake.requests.slice(first);
  const sent = made.filter((request) => request.operation !== "oauth_token");
  // Nobody is told of waits before token requests; here nothing else takes time between two of them.
  const asked = made.filter((request) => request.operation === "oauth_token");
  const waited = asked.slice(1).map(({ atMs }, place) => Math.round((atMs - (asked[place]?.atMs ?? 0)) * 1e3) / 1e3);
  const attempts = told["attempts"] as { delay_ms: number }[] | undefined;
  const keys = sent.map((request) => request.headers.get("idempotency-key"));
  return {
    sent: sent.length,
    waits_ms: [...waited, ...(attempts ?? []).map(({ delay_ms }) => delay_ms)].filter((wait) => wait > 0),
    timeouts_ms: sent.map(({ timeoutMs }) => timeoutMs),
    // A sum of waits that are no whole milliseconds, in floating point: to the microsecond.
    elapsed_ms: Math.round((fake.now() - since) * 1e3) / 1e3,
    has_key: keys.length > 0 && keys.every((key) => key !== null),
    same_key: new Set(keys).size <= 1,
    sent_headers: Object.fromEntries(
      ["if-none-match", "idempotency-key", "traceparent", "authorization", "x-api-key"].map((name) => [name, sent.at(-1)?.headers.get(name) ?? null]),
    ),
    token_requests: asked.map(({ url, headers, body }) => ({ url, authorization: headers.get("authorization"), body })),
    ...told,
  };
}

async function whole(client: Waypost, operation: Operation, args: unknown[], options: CallOptions): Promise<Json> {
  // The body's text is wanted as it came, so the facade is told that it is text; the engine knows what the case says.
  const { data, response } = await client.caller.call<string>({ ...operation, result: "text" }, args, options).withResponse();
  return success(response, data);
}

async function streamed(client: Waypost, operation: Operation, args: unknown[], options: CallOptions): Promise<Json> {
  const { data, response } = await client.caller.bytes({ ...operation, result: "bytes" }, args, options).withResponse();
  data.cancel();
  return success(response, { stream: true });
}

function success(response: Awaited<ReturnType<ReturnType<Waypost["wallets"]["get"]>["withResponse"]>>["response"], body: unknown): Json {
  return {
    result: "ok",
    status: response.status,
    body,
    headers: Object.fromEntries(response.headers),
    from_cache: response.fromCache,
    request_id: response.requestId ?? null,
    attempts: response.attempts.map(attempt),
  };
}

function failed(error: unknown): Json {
  if (!isWaypostError(error)) return { result: String(error) };
  const { type: _, title, status: __, detail, instance: ___, code: ____, errors, ...extra } = (error.problem ?? {}) as Json;
  return {
    result: error.kind,
    status: error.status ?? null,
    code: error.code ?? null,
    title: title ?? null,
    detail: detail ?? null,
    errors: errors ?? [],
    extra,
    has_problem: error.problem !== undefined,
    excerpt: error.excerpt ?? null,
    retry_after_s: error.retryAfter === undefined ? null : Math.floor(error.retryAfter),
    // Rust's message begins with the kind; here the kind is in the name that stands before a message.
    message: `${error.kind}: ${error.message}`,
    printed: [inspect(error, { depth: 10 }), JSON.stringify(error), String(error), error.stack].join("\n"),
    request_id: error.requestId ?? null,
    oauth: {
      error: error.error ?? null,
      error_description: error.errorDescription ?? null,
      error_uri: error.errorUri ?? null,
      status: error.status ?? null,
    },
    attempts: error.attempts.map(attempt),
  };
}

function attempt({ number, delayMs, durationMs, status, cause, requestId }: { number: number; delayMs: number; durationMs: number; status?: number; cause?: string; requestId?: string }): Json {
  return { number, delay_ms: delayMs, duration_ms: durationMs, status: status ?? null, cause: cause ?? null, request_id: requestId ?? null };
}

function operationOf(input: Json): Operation {
  const method = (input["method"] ?? "GET") as string;
  const result = (input["result"] ?? "json") as Operation["result"];
  const body = method === "POST" ? ({ body: "json" } as const) : {};
  const define = {
    method,
    path: "/v1/things",
    parameters: [{ name: "Idempotency-Key", in: "header" }],
    retry: input["retry"] ?? "safe",
    idempotency_key: input["idempotency_key"] ?? false,
    security: [["bearer"], ["header:X-API-Key"]],
    result: result === "bytes" ? ["application/x-ndjson", "text/csv"] : result,
  };
  return { id: "things_do_it", define: define as unknown as NonNullable<Operation["define"]>, result, ...body };
}

function answerOf(answer: Json): FakeAnswer {
  const failure = (name: string): object | undefined =>
    answer[name] === undefined ? undefined : { kind: answer[name], bytesSent: answer["bytes_sent"] ?? true, message: answer["message"] ?? "as the script has it" };
  return {
    status: Number(answer["status"] ?? 200),
    headers: Array.isArray(answer["headers"]) ? answer["headers"] : Object.entries(headersOf(answer["headers"])),
    body: answer["json"] === undefined ? String(answer["body"] ?? "") : JSON.stringify(answer["json"]),
    afterMs: Number(answer["after_ms"] ?? 0),
    bodyAfterMs: Number(answer["body_after_ms"] ?? 0),
    failure: failure("failure"),
    bodyFailure: failure("body_failure"),
  } as FakeAnswer;
}

function headersOf(input: unknown): Record<string, string> {
  return (Array.isArray(input) ? Object.fromEntries(input as [string, string][]) : (input ?? {})) as Record<string, string>;
}

/** `max_retries` to `maxRetries`, within objects as well. */
function camel(input: unknown): unknown {
  if (typeof input !== "object" || input === null) return input;
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), camel(value)]),
  );
}
