/** `waypost/testing`: the API faked in the process, as users have it in their own tests. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConflictError, ConnectionError, TimeoutError } from "waypost";
import { events, failure, page, problem } from "waypost/testing";

import { onEach } from "./support/engines.js";

onEach("the fake", ({ FakeWaypost }) => {
  test("answers what it was told, and records what was asked", async () => {
    const fake = new FakeWaypost();
    fake.on("wallets.create", { status: 201, json: { id: "wal_1", currency: "EUR" } });
    const wallet = await fake.client.wallets.create({ currency: "EUR" });
    assert.equal(wallet.id, "wal_1");
    const [request] = fake.requestsOf("wallets.create");
    assert.ok(request);
    assert.equal(request.operation, "wallets_create");
    assert.equal(request.method, "POST");
    assert.equal(request.path, "/v1/wallets");
    assert.deepEqual(request.json, { currency: "EUR" });
    assert.equal(request.headers.get("x-api-key"), "wp_test");
    assert.ok(request.headers.get("idempotency-key"));
    fake.verify();
  });

  test("names an operation as it is called or by its id", async () => {
    const fake = new FakeWaypost().on("apiKeys.list", page([{ id: "key_1" }])).on("api_keys_list", page([]));
    assert.equal((await fake.client.apiKeys.list()).data.length, 1);
    assert.equal((await fake.client.apiKeys.list()).data.length, 0);
  });

  test("lets a minute of waiting pass at once", async () => {
    const fake = new FakeWaypost({ deadlineMs: 120_000 });
    fake.on("wallets.get", { status: 429, headers: { "retry-after": "60" } }, { json: { id: "wal_1" } });
    const since = Date.now();
    assert.equal((await fake.client.wallets.get("wal_1")).id, "wal_1");
    assert.ok(Date.now() - since < 1_000);
    assert.ok(fake.now() >= 60_000);
    assert.equal(fake.requests[1]?.atMs, fake.now());
    assert.equal(fake.requests[1]?.attempt, 2);
  });

  test("injects faults of every kind", async () => {
    const fake = new FakeWaypost({ maxRetries: 0, pacing: false });
    fake.on("wallets.get", failure("reset"), { afterMs: 20_000, json: {} }, { status: 200, bodyFailure: "interrupted" }, problem(409, "wallet_closed"));
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), ConnectionError);
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), TimeoutError);
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), ConnectionError);
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), (error: unknown) => error instanceof ConflictError && error.code === "wallet_closed");
  });

  test("answers by a function that sees the request", async () => {
    const fake = new FakeWaypost().always("wallets.get", async ({ path }) => ({ json: { id: path.split("/").at(-1) } }));
    assert.equal((await fake.client.wallets.get("wal_7")).id, "wal_7");
  });

  test("prefers what is scripted to what is always answered, and that to the rest", async () => {
    const fake = new FakeWaypost().always("*", { json: { id: "rest" } }).always("wallets.get", { json: { id: "always" } }).on("wallets.get", { json: { id: "once" } });
    const ids = [await fake.client.wallets.get("a"), await fake.client.wallets.get("a"), await fake.client.payments.get("a")].map(({ id }) => id);
    assert.deepEqual(ids, ["once", "always", "rest"]);
  });

  test("gives pages that iterate", async () => {
    const fake = new FakeWaypost().on("wallets.list", page([{ id: "a" }], "c1"), page([{ id: "b" }]));
    const ids: string[] = [];
    for await (const wallet of fake.client.wallets.list({ limit: 1 })) ids.push(wallet.id);
    assert.deepEqual(ids, ["a", "b"]);
    assert.deepEqual(
      fake.requests.map(({ query }) => query.get("cursor")),
      [null, "c1"],
    );
  });

  test("gives streams", async () => {
    const fake = new FakeWaypost().on("wallets.statement", { body: '{"a":1}\n', headers: { "content-type": "application/x-ndjson" } });
    assert.equal(await fake.client.wallets.statement("wal_1").text(), '{"a":1}\n');
    const stream = { id: "things_stream", result: "events", define: { method: "GET", path: "/v1/stream", result: "events" } } as const;
    fake.on("things_stream", events({ event: "paid", id: "7", data: { amount: 5 } }, { data: "plain" }));
    const came: unknown[] = [];
    for await (const { event, id, data } of fake.client.caller.events(stream, [])) came.push([event, id, data]);
    assert.deepEqual(came, [
      ["paid", "7", { amount: 5 }],
      ["", "7", "plain"],
    ]);
  });

  test("says which answer is missing, and how to give it", async () => {
    const fake = new FakeWaypost().on("wallets.get", { status: 503 });
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), /no answer for wallets_get \(attempt 2\); give one with `fake\.on\("wallets_get"/);
  });

  test("says which answers are left", () => {
    const fake = new FakeWaypost().on("wallets.get", { json: {} }, { json: {} });
    assert.throws(() => fake.verify(), /wallets_get \(2\)/);
  });

  test("moves its clock on when told", async () => {
    const fake = new FakeWaypost({ maxRetries: 0 }).on("wallets.get", { status: 429, headers: { "retry-after": "10" } }, { json: { id: "wal_1" } });
    await assert.rejects(async () => fake.client.wallets.get("wal_1"));
    fake.advance(10_000);
    const { response } = await fake.client.wallets.get("wal_1").withResponse();
    assert.equal(response.attempts[0]?.delayMs, 0);
  });

  test("starts within milliseconds", () => {
    const since = performance.now();
    for (let made = 0; made < 20; made++) new FakeWaypost();
    assert.ok((performance.now() - since) / 20 < 20);
  });

  test("a stored answer that still holds is given again", async () => {
    // Said, because for browsers, which have a cache of their own, it is off.
    const fake = new FakeWaypost({ cache: {} });
    fake.on("wallets.get", { json: { id: "wal_1" }, headers: { etag: '"1"' } }, { status: 304 });
    await fake.client.wallets.get("wal_1");
    const { data, response } = await fake.client.wallets.get("wal_1").withResponse();
    assert.equal(data.id, "wal_1");
    assert.equal(response.fromCache, true);
    assert.equal(fake.requests[1]?.headers.get("if-none-match"), '"1"');
  });
});
