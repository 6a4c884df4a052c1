/**
 * The runners beside `call`, as far as a client shows them: through calls of `FakeWaypost`, on either engine. The addon has every policy itself
 * as well, and its own test (`vectors.test.ts`); the engine for browsers leaves them out, since they would make every page's download larger.
 *
 * A runner here answers with those members of the outcome that a client shows; the others it leaves out, and says so.
 */

import { type ClientOptions, HeaderList, isWaypostError, type Operation } from "waypost";
import { type FakeAnswer, type FakeRequest, page } from "waypost/testing";
import { Webhook, WebhookError } from "waypost/webhooks";

import type { Engine } from "../support/engines.js";
import { signIn } from "./sign-in.js";

type Json = Record<string, unknown>;

/** A runner; the expectation is for what can only be told to lie within it. */
export type Seen = (engine: Engine, input: Json, expected: Json) => Promise<Json>;

/** Every runner but `call`, by its name. */
export const seen: Readonly<Record<string, Seen>> = {
  backoff,
  base_url: baseUrl,
  environment,
  form,
  paging,
  redaction,
  request,
  retry_after: retryAfter,
  sign_in: async (_, input) => signIn(input),
  traceparent,
  webhook: async (_, input) => webhook(input),
};

const THING: Operation = {
  id: "things_seen",
  result: "none",
  define: { method: "GET", path: "/v1/things", result: "none", security: [["bearer"], ["header:X-API-Key"]] },
};

/** Left out: the wait for given random bits. A wait is drawn anew each time; it must lie within its bound. */
async function backoff({ FakeWaypost }: Engine, input: Json, expected: Json): Promise<Json> {
  const retry = Math.min(Number(input["retry"]), 7);
  const fake = new FakeWaypost({ budget: false, deadlineMs: 3_600_000, maxRetries: retry, ...milliseconds(input) }).always("*", { status: 503 });
  const error = await refused(fake.client.caller.call(THING, []));
  const wait = isWaypostError(error) ? error.attempts.at(-1)?.delayMs : undefined;
  const bound = Number(expected["bound_ms"] ?? Infinity);
  return { bound_ms: wait !== undefined && wait <= bound ? expected["bound_ms"] : wait };
}

function milliseconds(input: Json): ClientOptions {
  return {
    ...(input["base_ms"] !== undefined && { backoffBaseMs: Number(input["base_ms"]) }),
    ...(input["cap_ms"] !== undefined && { backoffCapMs: Number(input["cap_ms"]) }),
  };
}

async function baseUrl(engine: Engine, input: Json): Promise<Json> {
  try {
    const { url } = await sent(engine, { baseUrl: String(input["base_url"]) }, THING, []);
    const [, origin, prefix] = /^([^/]*\/\/[^/]*)(.*)\/v1\/things$/.exec(url) ?? [];
    return { origin, prefix };
  } catch (error) {
    return mistake(error);
  }
}

/**
 * Left out: what no request shows (the OAuth client's id and secret, the log's level, authorities and proxies), and on the engine for browsers,
 * where there is no environment, which variable a mistake came from.
 */
async function environment(engine: Engine, input: Json): Promise<Json> {
  // The file of authorities that a case names is not on this machine.
  const { WAYPOST_CA_BUNDLE: _, ...variables } = input["variables"] as Record<string, string>;
  // A client must have a base URL; where the case has none, one is given in code.
  const code = variables["WAYPOST_BASE_URL"] ? {} : { baseUrl: "https://api.example" };
  const made = { ...code, environment: variables } as const;
  try {
    const fake = new engine.FakeWaypost({ baseUrl: undefined, apiKey: undefined, ...made });
    fake.always("*", { status: 204 });
    // A client's id and secret would be exchanged for a token first.
    if (variables["WAYPOST_CLIENT_ID"] === undefined || variables["WAYPOST_ACCESS_TOKEN"] !== undefined) await fake.client.caller.call(THING, []);
    const [request] = fake.requests;
    if (request === undefined) return {};
    const url = request.url.replace(/\/v1\/things$/, "");
    return {
      base_url: variables["WAYPOST_BASE_URL"] ? url : null,
      tenant: request.headers.get("x-tenant-id"),
      // Of two credentials the operation's first is sent.
      ...(variables["WAYPOST_ACCESS_TOKEN"] ? { access_token: request.headers.get("authorization")?.replace("Bearer ", "") } : { api_key: request.headers.get("x-api-key") }),
    };
  } catch (error) {
    const { message, ...rest } = mistake(error);
    return engine.name === "wasm" ? rest : { ...rest, message };
  }
}

async function form(engine: Engine, input: Json): Promise<Json> {
  const define = { method: "POST", path: "/v1/form", body: "form", result: "none" } as const;
  try {
    const { body } = await sent(engine, {}, { id: "things_form", body: "form", result: "none", define }, [input["value"]]);
    return { body };
  } catch (error) {
    return mistake(error);
  }
}

async function paging({ FakeWaypost }: Engine, input: Json): Promise<Json> {
  const fake = new FakeWaypost({ cache: false });
  const pages = (input["pages"] as unknown[]).map(
    (one): FakeAnswer => (typeof one === "string" ? { body: one, headers: { "content-type": "application/json" } } : { json: one }),
  );
  fake.always("*", () => pages.shift() ?? page([]));
  const operation: Operation = {
    id: "things_list",
    params: { cursor: "string?" },
    result: "page",
    define: { method: "GET", path: "/v1/list", parameters: [{ name: "cursor", in: "query" }] },
  };
  let items = 0;
  const outcome: Json = { end: "end" };
  try {
    const params = input["cursor"] === undefined ? {} : { cursor: input["cursor"] };
    for await (const _ of fake.client.caller.page<object, unknown>(operation, [params])) items++;
  } catch (error) {
    if (!isWaypostError(error)) throw error;
    Object.assign(outcome, { end: error.kind, stops: true, message: error.message });
  }
  return { ...outcome, items, asked: fake.requests.map(({ query }) => query.get("cursor")) };
}

/** A header as middleware prints it, a URL as the log does, a text of others as an error repeats it. */
async function redaction({ FakeWaypost }: Engine, input: Json, expected: Json): Promise<Json> {
  if (typeof input["header"] === "string") {
    const headers = new HeaderList([[input["header"], String(input["value"])]]);
    return { printed: headers.toJSON()[input["header"].toLowerCase()], debug: JSON.stringify(headers) };
  }
  if (typeof input["url"] === "string") return {};
  const [secret] = input["secrets"] as string[];
  const fake = new FakeWaypost({ apiKey: secret ?? "wp_test", maxRetries: 0 });
  fake.always("*", { failure: { kind: "connect", message: String(input["text"]) } });
  const error = await refused(fake.client.caller.call(THING, []));
  const { message } = error as Error;
  return { printed: message.includes(String(expected["printed"])) ? expected["printed"] : message };
}

/** Left out: the engine's words for a parameter that is missing or none. The client finds those itself (test/arguments.test.ts). */
async function request(engine: Engine, input: Json): Promise<Json> {
  const parameters = (input["parameters"] ?? []) as { name: string; in: string }[];
  const named = (place: string): string[] => parameters.filter((one) => one.in === place).map(({ name }) => name);
  const [path, query, header] = [named("path"), named("query"), named("header")];
  const operation: Operation = {
    id: "things_request",
    path,
    params: Object.fromEntries([...query, ...header].map((name) => [name, "any?"])),
    result: "json",
    define: { method: "GET", path: String(input["path"]), parameters: parameters as never },
  };
  const values = gathered(input["path_arguments"]);
  // What a method cannot be given: a name that its type does not have.
  if (Object.keys(values).some((name) => !path.includes(name))) return { error: "config" };
  const params = { ...gathered(input["query_arguments"]), ...cased(gathered(input["header_arguments"]), header) };
  try {
    const args = [...path.map((name) => values[name]), params];
    const { url, headers } = await sent(engine, { baseUrl: String(input["base_url"] ?? "https://api.example") }, operation, args);
    return { url, headers: Object.fromEntries([...headers].map(([name, value]) => [name.toLowerCase(), value])) };
  } catch (error) {
    return error instanceof TypeError || /missing/.test(String(error)) ? { error: "config" } : mistake(error);
  }
}

/** The clock of a fake begins where that of the vectors stands. */
async function retryAfter({ FakeWaypost }: Engine, input: Json): Promise<Json> {
  const headers = (Array.isArray(input["headers"]) ? input["headers"] : Object.entries(input["headers"] as object)) as [string, string][];
  const once = new FakeWaypost({ maxRetries: 0 }).always("*", { status: 429, headers });
  const error = await refused(once.client.caller.call(THING, []));
  const again = new FakeWaypost({ deadlineMs: 600_000 }).on("things_seen", { status: 204, headers }, { status: 204 });
  await again.client.caller.call(THING, []);
  const { response } = await again.client.caller.call(THING, []).withResponse();
  const held = (response.attempts[0]?.delayMs ?? 0) / 1000;
  const asked = isWaypostError(error) ? error.retryAfter : undefined;
  return {
    // An answer that was used up by `RateLimit` alone says when to come again as well.
    ...(headers.some(([name]) => name === "RateLimit") ? {} : { retry_after_s: asked ?? null }),
    exhausted_s: held > 0 ? held : null,
  };
}

/** What is sent is the child of what is given: trace and flags are the parent's. Left out: whether it is sampled, which the flags say. */
async function traceparent(engine: Engine, input: Json): Promise<Json> {
  try {
    const { headers } = await sent(engine, {}, THING, [], { traceParent: String(input["header"]) });
    const [version, trace, , flags] = (headers.get("traceparent") ?? "").split("-");
    const parent = String(input["header"]).trim().split("-")[2];
    return { valid: true, written: [version, trace, parent, flags].join("-") };
  } catch (error) {
    if (!isWaypostError(error) || error.kind !== "config") throw error;
    return { valid: false };
  }
}

function webhook(input: Json): Json {
  try {
    const hook = new Webhook(input["secrets"] as string[], {
      ...(input["tolerance_s"] !== undefined && { toleranceS: Number(input["tolerance_s"]) }),
      now: () => Number(input["now"]),
    });
    const body = String(input["body"]);
    const sign = input["sign"] as { id: string; timestamp: number } | undefined;
    if (sign !== undefined) return { signature: hook.sign(sign.id, sign.timestamp, body) };
    const headers = input["headers"] as Record<string, string>;
    const told = hook.check(body, headers);
    // The same with bytes, with a `Headers`, and with names in capitals.
    const capitals = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    for (const given of [new Headers(headers), capitals]) {
      const same = hook.check(new TextEncoder().encode(body), given);
      if (same.id !== told.id || same.timestamp !== told.timestamp) throw new Error("the same delivery in another form is another");
    }
    return { refused: null, ...told };
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    return { refused: error.reason, message: error.message };
  }
}

/** The request of one call. */
async function sent({ FakeWaypost }: Engine, client: ClientOptions, operation: Operation, args: unknown[], options = {}): Promise<FakeRequest> {
  const fake = new FakeWaypost(client).always("*", operation.result === "none" ? { status: 204 } : { json: {} });
  await fake.client.caller.call(operation, args, options);
  const [request] = fake.requests;
  if (request === undefined) throw new Error("nothing was sent");
  return request;
}

function mistake(error: unknown): Json {
  if (!isWaypostError(error)) throw error;
  return { error: error.kind, message: error.message };
}

async function refused(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error;
  }
}

/** An object of name and value, or of name and list, or a list of pairs: as an object, values of one name together. */
function gathered(input: unknown): Json {
  if (!Array.isArray(input)) return (input ?? {}) as Json;
  const made: Record<string, unknown[]> = {};
  for (const [name, value] of input as [string, unknown][]) (made[name] ??= []).push(value);
  return made;
}

/** A header's name has no case for the engine; the facade takes the contract's. */
function cased(given: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [names.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name, value]));
}
