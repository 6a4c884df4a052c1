/** Settings of a client: from code, from the environment, and per call. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { type ClientOptions, ConfigError } from "waypost";

import { onEach } from "./support/engines.js";

onEach("options", ({ FakeWaypost, Waypost, name }) => {
  /** The last request of a client of these options. */
  async function sent(options: ClientOptions): Promise<InstanceType<typeof FakeWaypost>["requests"][number]> {
    const fake = new FakeWaypost({ baseUrl: undefined, apiKey: undefined, ...options }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1");
    const [request] = fake.requests;
    assert.ok(request);
    return request;
  }

  test("come from the environment's variables", async () => {
    const environment = { WAYPOST_BASE_URL: "https://env.example/base/", WAYPOST_API_KEY: "wp_env", WAYPOST_TENANT: "ten_1" };
    const request = await sent({ environment });
    assert.equal(request.url, "https://env.example/base/v1/wallets/wal_1");
    assert.equal(request.headers.get("x-api-key"), "wp_env");
    assert.equal(request.headers.get("x-tenant-id"), "ten_1");
  });

  test("come from process.env in Node", async () => {
    const { WAYPOST_BASE_URL: before } = process.env;
    process.env["WAYPOST_BASE_URL"] = "https://process.example";
    try {
      assert.equal((await sent({ environment: undefined, apiKey: "k_1" })).url, "https://process.example/v1/wallets/wal_1");
    } finally {
      if (before === undefined) delete process.env["WAYPOST_BASE_URL"];
      else process.env["WAYPOST_BASE_URL"] = before;
    }
  });

  test("in code win over the environment, and credentials are not mixed", async () => {
    const environment = { WAYPOST_BASE_URL: "https://env.example", WAYPOST_API_KEY: "wp_env" };
    const request = await sent({ environment, baseUrl: "https://code.example", accessToken: "tok.en" });
    assert.equal(request.url, "https://code.example/v1/wallets/wal_1");
    assert.equal(request.headers.get("authorization"), "Bearer tok.en");
    assert.equal(request.headers.get("x-api-key"), null);
  });

  test("every mistake of the environment is told when the client is made or first used, and no value", async () => {
    const environment = { WAYPOST_BASE_URL: "api.example", WAYPOST_API_KEY: "wp_top_secret\n", WAYPOST_LOG: "loud" };
    await assert.rejects(
      async () => new Waypost({ environment }).system.health(),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        // The engine for browsers, where there is no environment, names the settings.
        if (name === "native") for (const variable of Object.keys(environment)) assert.match(error.message, new RegExp(variable));
        assert.doesNotMatch(error.message, /top_secret/);
        return true;
      },
    );
  });

  test("without a base URL there is an error that says what to set", async () => {
    await assert.rejects(async () => new Waypost({ environment: false }).system.health(), { name: "ConfigError", message: /WAYPOST_BASE_URL|baseUrl|base URL/ });
  });

  test("that are none, or of another type, are a TypeError", () => {
    assert.throws(() => new Waypost({ baseURL: "https://api.example" } as never), { name: "TypeError", message: /no `baseURL`; there are baseUrl/ });
    assert.throws(() => new Waypost({ maxRetries: "2" } as never), { name: "TypeError", message: /`maxRetries` must be an integer/ });
    assert.throws(() => new Waypost({ budget: 3 } as never), { name: "TypeError", message: /`budget` must be an object or false/ });
    assert.throws(() => new Waypost({ logLevel: "loud" } as never), { name: "TypeError", message: /`logLevel` must be one of off, error/ });
    assert.throws(() => new Waypost(null as never), TypeError);
  });

  test("of a call win over the client's", async () => {
    const fake = new FakeWaypost({ timeoutMs: 4_000, headers: { "x-a": "client", "x-b": "client" } }).always("*", { json: {} });
    await fake.client.wallets.get("wal_1", { timeoutMs: 1_000, headers: { "x-a": "call" } });
    const [request] = fake.requests;
    assert.equal(request?.timeoutMs, 1_000);
    assert.equal(request?.headers.get("x-a"), "call");
    assert.equal(request?.headers.get("x-b"), "client");
  });

  test("withOptions gives a client of the same class that differs in them alone", async () => {
    const fake = new FakeWaypost({ apiKey: "wp_1" }).always("*", { json: {} });
    const quick = fake.client.withOptions({ timeoutMs: 1_000, headers: { "x-a": "1" } });
    assert.ok(quick instanceof Waypost);
    await quick.wallets.get("wal_1");
    assert.equal(fake.requests.at(-1)?.timeoutMs, 1_000);
    assert.equal(fake.requests.at(-1)?.headers.get("x-api-key"), "wp_1");
    await fake.client.wallets.get("wal_1");
    assert.equal(fake.requests.at(-1)?.timeoutMs, 15_000);
    await quick.withOptions({ accessToken: "tok.en" }).wallets.get("wal_1");
    assert.equal(fake.requests.at(-1)?.headers.get("authorization"), "Bearer tok.en");
    assert.equal(fake.requests.at(-1)?.headers.get("x-api-key"), null);
    assert.equal(fake.requests.at(-1)?.headers.get("x-a"), "1");
    assert.equal(fake.requests.at(-1)?.timeoutMs, 1_000);
  });

  test("headers of a call take the place of the client's, whatever the case of their names", async () => {
    const fake = new FakeWaypost({ headers: { "X-A": "client", "X-B": "client" } }).always("*", { json: {} });
    const derived = fake.client.withOptions({ headers: { "x-a": "derived", "x-c": "derived" } });
    await derived.wallets.get("wal_1", { headers: { "X-C": "call" } });
    const { headers } = fake.requests[0] ?? {};
    assert.deepEqual([headers?.get("x-a"), headers?.get("x-b"), headers?.get("x-c")], ["derived", "client", "call"]);
  });

  test("maxRetries of 0 is none, of the client and of a call", async () => {
    for (const [client, call] of [[{ maxRetries: 0 }, {}], [{}, { maxRetries: 0 }]] as const) {
      const fake = new FakeWaypost(client).always("*", { status: 503 });
      await assert.rejects(async () => fake.client.wallets.get("wal_1", call), { kind: "server" });
      assert.equal(fake.requests.length, 1);
    }
  });

  test("`fetch` is for the WebAssembly engine", async () => {
    const seen: string[] = [];
    const fetch: typeof globalThis.fetch = async (input, init) => {
      seen.push(String(input instanceof Request ? input.url : input));
      return new Response('{"id":"wal_1"}', { headers: { "content-type": "application/json" }, ...(init?.signal?.aborted && { status: 500 }) });
    };
    const make = (): InstanceType<typeof Waypost> => new Waypost({ baseUrl: "https://api.example", apiKey: "wp_1", environment: false, fetch });
    if (name === "native") {
      assert.throws(make, { name: "ConfigError", message: /`fetch` is for the WebAssembly engine/ });
    } else {
      assert.equal((await make().wallets.get("wal_1")).id, "wal_1");
      assert.deepEqual(seen, ["https://api.example/v1/wallets/wal_1"]);
    }
  });
});
