/** What a user does with the client, against the real gateway, on both engines. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { AuthenticationError, NotFoundError, type Transaction, UnprocessableError } from "waypost";

import { onEach } from "./support/engines.js";
import { startGateway } from "./support/gateway.js";

const gateway = await startGateway();
const unknown = "wal_019aba1ee5407a1b8c3d4e5f60718293";

onEach("a client of the real gateway", ({ Waypost }) => {
  const client = new Waypost({ ...gateway, environment: false });

  async function walletWith(amounts: readonly number[]): Promise<string> {
    const wallet = await client.wallets.create({ currency: "EUR", name: "Household" });
    for (const amount of amounts) await client.wallets.credit(wallet.id, { amount });
    return wallet.id;
  }

  test("creates, reads and changes a wallet", async () => {
    const wallet = await client.wallets.create({ currency: "EUR", name: "Household", metadata: { order: "A-1" } });
    assert.match(wallet.id, /^wal_/);
    assert.equal(wallet.name, "Household");
    assert.deepEqual(wallet.metadata, { order: "A-1" });
    assert.equal((await client.wallets.credit(wallet.id, { amount: 10_000 })).amount, 10_000);
    assert.equal((await client.wallets.balance(wallet.id)).balance, 10_000);
    assert.equal((await client.wallets.freeze(wallet.id, { reason: "lost" })).status, "frozen");
  });

  test("signs up, signs in, and acts with the access token", async () => {
    const email = `ada-${randomUUID()}@example.com`;
    const password = "seven wet umbrellas in a row";
    const anybody = new Waypost({ baseUrl: gateway.baseUrl, environment: false });
    await anybody.auth.register({ email, password, name: "Ada Marlowe", tenant_name: "Marlowe" });
    const tokens = await anybody.auth.login({ email, password });
    const signedIn = anybody.withOptions({ accessToken: tokens.access_token });
    const me = await signedIn.auth.me();
    assert.equal(me.user?.email, email);
    await assert.rejects(async () => anybody.auth.me(), AuthenticationError);
    assert.equal(await signedIn.auth.logout({ everywhere: true }), undefined);
  });

  test("gives the answer's status, headers, request id and attempts when asked", async () => {
    const { data, response } = await client.wallets.create({ currency: "EUR" }).withResponse();
    assert.match(data.id, /^wal_/);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("Content-Type"), "application/json");
    assert.ok(response.requestId);
    assert.equal(response.attempts.length, 1);
    assert.equal(response.attempts[0]?.status, 201);
    assert.equal(response.fromCache, false);
    assert.ok(response.url.startsWith(gateway.baseUrl));
  });

  test("lists: one page, all items, page by page, and from a page on", async () => {
    const id = await walletWith([1, 2, 3, 4, 5]);
    const amounts = (list: readonly Transaction[]): number[] => list.map(({ amount }) => amount);

    const page = await client.wallets.transactions(id, { limit: 2 });
    assert.deepEqual(amounts(page.data), [5, 4]);
    assert.equal(page.has_more, true);
    assert.equal(page.hasNextPage(), true);
    assert.deepEqual(amounts((await page.nextPage())?.data ?? []), [3, 2]);

    const all: number[] = [];
    for await (const transaction of client.wallets.transactions(id, { limit: 2 })) all.push(transaction.amount);
    assert.deepEqual(all, [5, 4, 3, 2, 1]);

    const sizes: number[] = [];
    for await (const one of client.wallets.transactions(id, { limit: 2 }).pages()) sizes.push(one.data.length);
    assert.deepEqual(sizes, [2, 2, 1]);

    const rest: number[] = [];
    for await (const transaction of page) rest.push(transaction.amount);
    assert.deepEqual(rest, all);
  });

  test("asks for no more pages than are wanted", async () => {
    const id = await walletWith([1, 2, 3]);
    let asked = 0;
    const counting = client.withOptions({ middleware: [{ request: () => void asked++ }] });
    for await (const { amount } of counting.wallets.transactions(id, { limit: 1 })) if (amount === 2) break;
    assert.equal(asked, 2);
  });

  test("repeats an array parameter", async () => {
    const id = await walletWith([7]);
    const page = await client.wallets.transactions(id, { type: ["credit", "debit"] });
    assert.equal(page.data.length, 1);
  });

  test("reads a statement as text, line by line, piece by piece, and as a ReadableStream", async () => {
    const id = await walletWith([1, 2]);
    const csv = await client.wallets.statement(id, { format: "csv" }).text();
    assert.equal(csv.trim().split("\n").length, 3);

    const lines: { amount: number }[] = [];
    for await (const line of client.wallets.statement(id).lines()) lines.push(JSON.parse(line) as { amount: number });
    assert.equal(lines.length, 2);

    let bytes = 0;
    for await (const piece of client.wallets.statement(id)) bytes += piece.length;
    const { data, response } = await client.wallets.statement(id).withResponse();
    assert.equal(response.status, 200);
    assert.equal((await new Response(data.readable()).text()).length, bytes);
  });

  test("reads text and documents", async () => {
    assert.match(await client.system.openapi(), /^openapi: 3\.0/m);
    assert.match(await client.system.metrics(), /^# /m);
  });

  test("a refusal is an error of its class, with what the gateway said", async () => {
    const id = await walletWith([100]);
    const error = await failureOf(client.wallets.debit(id, { amount: 1_000 }));
    assert.ok(error instanceof UnprocessableError);
    assert.equal(error.code, "insufficient_funds");
    assert.equal(error.status, 422);
    assert.equal(error.problem?.code, "insufficient_funds");
    assert.ok(error.requestId);
    assert.equal(error.operation, "wallets_debit");
    assert.equal(error.attempts.length, 1);

    const nonsense = await failureOf(client.wallets.create({ currency: "euro", name: "" }));
    assert.ok(nonsense instanceof UnprocessableError);
    const pointers = nonsense.problem?.errors?.map(({ pointer }) => pointer);
    assert.deepEqual(pointers?.toSorted(), ["/currency", "/name"]);

    assert.ok((await failureOf(client.wallets.get(unknown))) instanceof NotFoundError);
    const stranger = new Waypost({ ...gateway, apiKey: "wp_0_wrong", environment: false });
    assert.ok((await failureOf(stranger.wallets.list())) instanceof AuthenticationError);
  });

  test("the same idempotency key does the work once", async () => {
    const id = await walletWith([]);
    const idempotencyKey = randomUUID();
    const first = await client.wallets.credit(id, { amount: 5 }, { idempotencyKey });
    const { data, response } = await client.wallets.credit(id, { amount: 5 }, { idempotencyKey }).withResponse();
    assert.equal(data.id, first.id);
    assert.equal(response.headers.get("idempotency-replayed"), "true");
    assert.equal((await client.wallets.balance(id)).balance, 5);
  });

  test("fifty calls at once are answered, each with its own", async () => {
    const id = await walletWith(Array.from({ length: 3 }, (_, place) => place + 1));
    const calls = Array.from({ length: 50 }, async (_, place) => (place % 2 === 0 ? (await client.wallets.get(id)).id : (await client.wallets.balance(id)).wallet_id));
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([id]));
  });

  test("a closed client refuses calls, and closing twice is closing once", async () => {
    const closed = new Waypost({ ...gateway, environment: false });
    await closed.system.health();
    closed.close();
    closed.close();
    await assert.rejects(async () => closed.system.health(), { kind: "config" });
  });

  test("await using closes the client", async () => {
    const inner = new Waypost({ ...gateway, environment: false });
    await inner[Symbol.asyncDispose]();
    await assert.rejects(async () => inner.system.health(), { kind: "config" });
  });
});

/** What a call fails with. */
async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call did not fail");
}
