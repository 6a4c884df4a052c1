/** Wrong arguments: a TypeError that names each, before anything is sent, and never a value. What types rule out, JavaScript can still do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { onEach } from "./support/engines.js";

onEach("a wrong argument", ({ FakeWaypost }) => {
  const fake = new FakeWaypost().always("*", { json: { data: [], has_more: false } });
  // As a program in JavaScript sees it.
  const client = fake.client as unknown as Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>;
  const secret = "hunter2-hunter2";

  const cases: readonly (readonly [what: string, call: () => Promise<unknown> | undefined, says: RegExp])[] = [
    ["a missing path argument", () => client["wallets"]?.["get"]?.(), /wallets_get: `wallet_id` must be a string, and is missing/],
    ["an empty path argument", () => client["wallets"]?.["get"]?.(""), /wallets_get: `wallet_id` is empty/],
    ["a path argument of another type", () => client["wallets"]?.["get"]?.({}), /`wallet_id` must be a string, and is of type object/],
    ["a missing body", () => client["wallets"]?.["create"]?.(), /wallets_create: `body` must be an object, and is missing/],
    ["a body that is none", () => client["wallets"]?.["create"]?.([1]), /`body` must be an object, and is an array/],
    ["a missing field", () => client["wallets"]?.["create"]?.({}), /wallets_create: `currency` must be a string, and is missing/],
    ["a field of another type", () => client["auth"]?.["login"]?.({ email: "a@b.c", password: [secret] }), /`password` must be a string, and is an array/],
    ["null where it is not allowed", () => client["wallets"]?.["create"]?.({ currency: null }), /`currency` must be a string, and is null/],
    ["a fraction for an integer", () => client["wallets"]?.["credit"]?.("wal_1", { amount: 1.5 }), /`amount` must be an integer/],
    ["an integer that a number cannot hold", () => client["wallets"]?.["credit"]?.("wal_1", { amount: 2 ** 53 }), /`amount` must be an integer between/],
    ["NaN", () => client["wallets"]?.["credit"]?.("wal_1", { amount: Number.NaN }), /`amount` must be an integer/],
    ["a BigInt", () => client["wallets"]?.["create"]?.({ currency: "EUR", metadata: { a: 1n } }), /the body cannot be written as JSON/],
    ["a parameter that is none", () => client["wallets"]?.["list"]?.({ limt: 5 }), /wallets_list: there is no `limt`; there are limit, cursor/],
    ["a parameter of another type", () => client["wallets"]?.["list"]?.({ limit: "5" }), /`limit` must be an integer/],
    ["an option that is none", () => client["wallets"]?.["list"]?.({}, { timeout: 5 }), /there is no `timeout`; there are timeoutMs/],
    ["an option of another type", () => client["wallets"]?.["list"]?.({}, { timeoutMs: Infinity }), /`timeoutMs` must be a finite number/],
    ["a header that is no text", () => client["wallets"]?.["list"]?.({}, { headers: { a: 1 } }), /`headers.a` must be a string/],
    ["a signal that is none", () => client["wallets"]?.["list"]?.({}, { signal: {} }), /`signal` must be an AbortSignal/],
  ];

  for (const [what, call, says] of cases) {
    test(`${what} is a TypeError that names it, by rejection`, async () => {
      const sent = fake.requests.length;
      // Nothing is thrown at once: `.catch` sees it as well as `try` around `await`.
      const rejection = call();
      await assert.rejects(async () => rejection, (error: Error) => {
        assert.equal(error.constructor, TypeError);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, new RegExp(secret));
        return true;
      });
      assert.equal(fake.requests.length, sent);
    });
  }

  test("what the engine refuses is a ConfigError, and nothing is sent", async () => {
    const sent = fake.requests.length;
    await assert.rejects(async () => fake.client.wallets.get(".."), { name: "ConfigError", kind: "config", message: /wallet_id/ });
    await assert.rejects(async () => fake.client.wallets.get("wal_1", { idempotencyKey: "k" }), { kind: "config" });
    await assert.rejects(async () => fake.client.wallets.get("wal_1", { timeoutMs: 0 }), { kind: "config", message: /timeout/ });
    await assert.rejects(async () => fake.client.wallets.get("wal_1", { headers: { a: "b\r\nc: d" } }), { kind: "config" });
    assert.equal(fake.requests.length, sent);
  });

  test("`undefined` is what is left out, and null is what is null", async () => {
    await fake.client.wallets.create({ currency: "EUR", name: undefined } as never);
    assert.equal(fake.requests.at(-1)?.body, '{"currency":"EUR"}');
    await fake.client.wallets.list({ limit: undefined, status: ["active", "frozen"] }, undefined);
    assert.match(fake.requests.at(-1)?.url ?? "", /\/v1\/wallets\?status=active&status=frozen$/);
  });

  test("fields that this version does not know are sent", async () => {
    await fake.client.wallets.create({ currency: "EUR", colour: "green" } as never);
    assert.deepEqual(fake.requests.at(-1)?.json, { currency: "EUR", colour: "green" });
  });
});
