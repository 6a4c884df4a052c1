/** Middleware and the log: what they see of every attempt, what they may change, and what is never shown. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import type { LogLevel, Middleware } from "waypost";
import { failure } from "waypost/testing";

import { onEach } from "./support/engines.js";

const SECRET = "wp_1_TopSecret";

onEach("middleware", ({ FakeWaypost }) => {
  test("sees each attempt: request, answer, failure", async () => {
    const seen: unknown[] = [];
    const watching: Middleware = {
      request: ({ operation, attempt, method, url }) => void seen.push(["request", operation, attempt, method, url]),
      response: ({ operation, attempt, status, headers, elapsedMs }) => void seen.push(["response", operation, attempt, status, headers.get("X-Request-Id"), typeof elapsedMs]),
      failure: ({ operation, attempt, cause }) => void seen.push(["failure", operation, attempt, cause]),
    };
    const fake = new FakeWaypost({ middleware: [watching] });
    fake.on("wallets.list", failure("reset"), { status: 503 }, { json: { data: [], has_more: false }, headers: { "x-request-id": "req_3" } });
    await fake.client.wallets.list({ limit: 5 });
    const url = "https://api.example/v1/wallets?limit=5";
    assert.deepEqual(seen, [
      ["request", "wallets_list", 1, "GET", url],
      ["failure", "wallets_list", 1, "reset"],
      ["request", "wallets_list", 2, "GET", url],
      ["response", "wallets_list", 2, 503, null, "number"],
      ["request", "wallets_list", 3, "GET", url],
      ["response", "wallets_list", 3, 200, "req_3", "number"],
    ]);
  });

  test("may add headers, and may be asynchronous; later ones see those of earlier ones", async () => {
    const seen: (string | null)[] = [];
    const adding: Middleware = { request: async ({ attempt }) => ({ "X-Attempt": String(attempt), "x-api-key": "another" }) };
    const reading: Middleware = { request: ({ headers }) => void seen.push(headers.get("x-attempt"), headers.get("X-API-Key")) };
    const fake = new FakeWaypost({ middleware: [adding, reading] }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1");
    assert.deepEqual(seen, ["1", "another"]);
    assert.equal(fake.requests[0]?.headers.get("x-attempt"), "1");
    assert.equal(fake.requests[0]?.headers.get("x-api-key"), "another");
  });

  test("passes requests in its order and answers in the opposite one", async () => {
    const order: string[] = [];
    const named = (name: string): Middleware => ({ request: () => void order.push(`> ${name}`), response: () => void order.push(`< ${name}`) });
    const fake = new FakeWaypost({ middleware: [named("a"), named("b")] }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1");
    assert.deepEqual(order, ["> a", "> b", "< b", "< a"]);
  });

  test("shows no credential when what it is given is printed", async () => {
    let printed = "";
    const printing: Middleware = { request: (request) => void (printed += inspect(request, { depth: 9, showHidden: true }) + JSON.stringify(request)) };
    const fake = new FakeWaypost({ apiKey: SECRET, middleware: [printing] }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1");
    assert.match(printed, /\[redacted\]/);
    assert.doesNotMatch(printed, new RegExp(SECRET));
  });
});

onEach("the log", ({ FakeWaypost }) => {
  /** The lines of a call that is tried again once, at a level. */
  async function lines(logLevel: LogLevel | undefined): Promise<string[]> {
    const told: string[] = [];
    const line =
      (level: string) =>
      (message: string, fields: object): void =>
        void told.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const logger = { error: line("error"), warn: line("warn"), info: line("info"), debug: line("debug") };
    const fake = new FakeWaypost({ apiKey: SECRET, logger, logLevel });
    fake.on("wallets.list", failure("reset"), { json: { data: [], has_more: false } }).on("wallets.get", { status: 404 });
    await fake.client.wallets.list({ cursor: "c_secret" });
    await assert.rejects(async () => fake.client.wallets.get("wal_1"));
    for (const one of told) assert.doesNotMatch(one, new RegExp(`${SECRET}|c_secret`));
    return told;
  }

  const levels = (told: readonly string[]): string[] => told.map((line) => line.split(" ")[0] ?? "");

  test("says as much as its level asks for", async () => {
    assert.deepEqual(levels(await lines("off")), []);
    assert.deepEqual(levels(await lines("error")), ["error"]);
    assert.deepEqual(levels(await lines("warn")), ["warn", "error"]);
    assert.deepEqual(levels(await lines("info")), ["warn", "info", "error"]);
    assert.deepEqual(levels(await lines(undefined)), ["warn", "info", "error"]);
    assert.equal((await lines("debug")).filter((line) => line.startsWith("debug")).length, 6);
  });

  test("names the operation, the status, the attempts and the kind", async () => {
    const told = await lines("info");
    assert.match(told[0] ?? "", /^warn waypost: wallets_list attempt 1 failed and was made again .*"cause":"reset"/);
    assert.match(told[1] ?? "", /^info waypost: wallets_list answered 200 .*"attempts":2/);
    assert.match(told[2] ?? "", /^error waypost: wallets_get failed: .*"kind":"not_found","status":404/);
  });

  test("shows headers at `trace`, redacted, and query names without values", async () => {
    const told = (await lines("trace")).join("\n");
    assert.match(told, /"x-api-key":"\[redacted\]"/);
    assert.match(told, /cursor=\[redacted\]/);
  });

  test("that throws does not break the call", async () => {
    const broken = (): never => {
      throw new Error("disk full");
    };
    const fake = new FakeWaypost({ logger: { error: broken, warn: broken, info: broken, debug: broken }, logLevel: "trace" });
    fake.always("*", { json: { id: "wal_1" } });
    assert.equal((await fake.client.wallets.get("wal_1")).id, "wal_1");
  });

  test("takes its level from WAYPOST_LOG and writes to the console", async (context) => {
    const info = context.mock.method(console, "info", () => undefined);
    const fake = new FakeWaypost({ environment: { WAYPOST_LOG: "INFO" } }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1");
    assert.equal(info.mock.callCount(), 1);
  });
});
