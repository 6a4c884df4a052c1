/**
 * The runners beside `call`. What the facade does itself (paging, webhooks, printing) is run through the facade; what only the engine does
 * (backoff, Retry-After, traceparent) is asked of the engine that is loaded; what both have a part in (base URLs, paths, queries, forms,
 * redaction) is run through both, and both must give the outcome.
 *
 * What is left out of the facade's part: the mistakes of arguments in `request` and `form`. The facade refuses most of them before the engine
 * sees them, with a `TypeError` (test/arguments.test.ts); here the engine's own words are held.
 */

import { type ClientOptions, HeaderList, isWaypostError, type Operation } from "waypost";
import { type FakeAnswer, type FakeRequest, page } from "waypost/testing";
import { Webhook, WebhookError } from "waypost/webhooks";

import type { Engine } from "../support/engines.js";
import { call } from "./call.js";

type Json = Record<string, unknown>;
type Runner = (engine: Engine, input: Json) => Promise<Json>;

/** A runner that asks the engine alone. */
const policy =
  (name: string): Runner =>
  async ({ backend }, input) =>
    (await backend.policy(name, input)) as Json;

/** Every runner, by its name. */
export const runners: Readonly<Record<string, Runner>> = {
  call,
  backoff: policy("backoff"),
  retry_after: policy("retry_after"),
  traceparent: policy("traceparent"),
  environment: policy("environment"),
  base_url: baseUrl,
  request,
  form,
  paging,
  redaction,
  webhook: async (_, input) => webhook(input),
};

async function baseUrl(engine: Engine, input: Json): Promise<Json> {
  const outcome = await policy("base_url")(engine, input);
  let refused = false;
  try {
    await new engine.FakeWaypost({ baseUrl: String(input["base_url"]) }).always("*", {}).client.caller.call(THING, []);
  } catch (error) {
    if (!isWaypostError(error) || error.kind !== "config") throw error;
    refused = true;
  }
  agree("the client", refused, "error" in outcome);
  return outcome;
}

async function request(engine: Engine, input: Json): Promise<Json> {
  const outcome = await policy("request")(engine, input);
  if ("error" in outcome) return outcome;
  const parameters = (input["parameters"] ?? []) as { name: string; in: string }[];
  const named = (place: string): string[] => parameters.filter((one) => one.in === place).map(({ name }) => name);
  const [query, header] = [named("query"), named("header")];
  const operation: Operation = {
    id: "things_request",
    path: named("path"),
    params: Object.fromEntries([...query, ...header].map((name) => [name, "any?"])),
    result: "json",
    define: { method: "GET", path: String(input["path"]), parameters: parameters as never },
  };
  const values = input["path_arguments"] as Json | undefined;
  const params = { ...gathered(input["query_arguments"]), ...cased(gathered(input["header_arguments"]), header) };
  const sent = await one(engine, { baseUrl: String(input["base_url"] ?? "https://api.example") }, operation, [
    ...named("path").map((name) => values?.[name]),
    params,
  ]);
  agree("the client's URL", sent.url, outcome["url"]);
  return outcome;
}

async function form(engine: Engine, input: Json): Promise<Json> {
  const outcome = await policy("form")(engine, input);
  if ("error" in outcome) return outcome;
  const define = { method: "POST", path: "/v1/form", body: "form" };
  const sent = await one(engine, {}, { id: "things_form", body: "form", result: "json", define }, [input["value"]]);
  agree("the client's body", sent.body, outcome["body"]);
  return outcome;
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
    for await (const _ of fake.client.caller.page<object, unknown>(operation, [input["cursor"] === undefined ? {} : { cursor: input["cursor"] }])) items++;
  } catch (error) {
    if (!isWaypostError(error)) throw error;
    Object.assign(outcome, { end: error.kind, stops: true, message: error.message });
  }
  return { ...outcome, items, asked: fake.requests.map(({ query }) => query.get("cursor")) };
}

async function redaction(engine: Engine, input: Json): Promise<Json> {
  const outcome = await policy("redaction")(engine, input);
  if (typeof input["header"] === "string") {
    const printed = new HeaderList([[input["header"], String(input["value"])]]).toJSON();
    agree("the client's header", printed[input["header"].toLowerCase()], outcome["printed"]);
  }
  return outcome;
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
    for (const given of [new Headers(headers), capitals]) agree("the delivery", JSON.stringify(hook.check(new TextEncoder().encode(body), given)), JSON.stringify(told));
    return { refused: null, ...told };
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    return { refused: error.reason, message: error.message };
  }
}

const THING: Operation = { id: "things_none", result: "none", define: { method: "GET", path: "/", result: "none" } };

/** Sends one call and gives back its request. */
async function one({ FakeWaypost }: Engine, options: ClientOptions, operation: Operation, args: unknown[]): Promise<FakeRequest> {
  const fake = new FakeWaypost(options).always("*", { json: {} });
  await fake.client.caller.call(operation, args);
  const [sent] = fake.requests;
  if (sent === undefined) throw new Error("nothing was sent");
  return sent;
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

function agree(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what} is ${JSON.stringify(found)}, and the engine says ${JSON.stringify(expected)}`);
}
