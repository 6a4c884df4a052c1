/** Giving up: before, during and after a call, between pages, in a stream; and that nothing is left behind. */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { CancelledError, WaypostError } from "waypost";

import { onEach } from "./support/engines.js";
import { answer, answers, silent, stage } from "./support/staged.js";

const wallet = JSON.stringify({ id: "wal_1" });
const base = { environment: false, apiKey: "wp_1_secret" } as const;

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** Are there listeners on the signal? */
function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

onEach("an AbortSignal", ({ Waypost }) => {
  test("that is aborted already sends nothing", async () => {
    const { baseUrl, requests } = await stage(answers(200, wallet));
    const reason = new Error("not today");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(
      async () => new Waypost({ ...base, baseUrl }).wallets.get("wal_1", { signal }),
      (error: unknown) => error instanceof CancelledError && error.kind === "cancelled" && error.cause === reason,
    );
    assert.equal(requests.length, 0);
    assert.equal(listeners(signal), 0);
  });

  test("aborted during the call drops the request on the wire", async () => {
    const staged = await stage(silent);
    const controller = new AbortController();
    const call = new Waypost({ ...base, baseUrl: staged.baseUrl }).wallets.get("wal_1", { signal: controller.signal });
    const rejected = assert.rejects(async () => call, CancelledError);
    while (staged.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort();
    await rejected;
    await staged.dropped;
    assert.equal(staged.requests.length, 1);
    assert.equal(listeners(controller.signal), 0);
  });

  test("aborted while the client waits before a retry ends the wait", async () => {
    const staged = await stage(answers(503, "", { "retry-after": "30" }));
    const controller = new AbortController();
    const call = new Waypost({ ...base, baseUrl: staged.baseUrl }).wallets.get("wal_1", { signal: controller.signal });
    const rejected = assert.rejects(async () => call, CancelledError);
    while (staged.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const since = Date.now();
    controller.abort();
    await rejected;
    assert.ok(Date.now() - since < 5_000);
    assert.equal(listeners(controller.signal), 0);
  });

  test("aborted after the call changes nothing, and a hundred calls leave no listener", async () => {
    const { baseUrl } = await stage(answers(200, wallet));
    const controller = new AbortController();
    const client = new Waypost({ ...base, baseUrl });
    for (let made = 0; made < 100; made++) await client.wallets.get("wal_1", { signal: controller.signal });
    assert.equal(listeners(controller.signal), 0);
    const got = await client.wallets.get("wal_1", { signal: controller.signal });
    controller.abort();
    assert.equal(got.id, "wal_1");
  });

  test("leaves no listener after a call that failed", async () => {
    const { baseUrl } = await stage(answers(404, ""));
    const controller = new AbortController();
    await assert.rejects(async () => new Waypost({ ...base, baseUrl }).wallets.get("wal_1", { signal: controller.signal }), WaypostError);
    assert.equal(listeners(controller.signal), 0);
  });

  test("of `AbortSignal.timeout` gives its reason as the cause", async () => {
    const { baseUrl } = await stage(silent);
    const signal = AbortSignal.timeout(30);
    await assert.rejects(
      async () => new Waypost({ ...base, baseUrl }).wallets.get("wal_1", { signal }),
      (error: unknown) => error instanceof CancelledError && (error.cause as Error).name === "TimeoutError",
    );
  });

  test("aborted between two pages ends the listing", async () => {
    const { baseUrl, requests } = await stage(answers(200, JSON.stringify({ data: [{ id: "wal_1" }], next_cursor: "c1", has_more: true })));
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of new Waypost({ ...base, baseUrl }).wallets.list({}, { signal: controller.signal })) controller.abort();
    };
    await assert.rejects(read, CancelledError);
    assert.equal(requests.length, 1);
    assert.equal(listeners(controller.signal), 0);
  });

  test("aborted within a stream ends it and drops the request", async () => {
    const staged = await stage((socket) => {
      const head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
      socket.write(`${head}2\r\n{}\r\n`);
    });
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of new Waypost({ ...base, baseUrl: staged.baseUrl }).wallets.statement("wal_1", {}, { signal: controller.signal })) controller.abort();
    };
    await assert.rejects(read, CancelledError);
    await staged.dropped;
    assert.equal(listeners(controller.signal), 0);
  });

  test("a stream that was read to its end leaves no listener", async () => {
    const { baseUrl } = await stage(answers(200, "{}\n", { "content-type": "application/x-ndjson" }));
    const controller = new AbortController();
    const text = await new Waypost({ ...base, baseUrl }).wallets.statement("wal_1", {}, { signal: controller.signal }).text();
    assert.equal(text, "{}\n");
    assert.equal(listeners(controller.signal), 0);
  });

  test("close() ends the calls under way with CancelledError", async () => {
    const staged = await stage(silent);
    const client = new Waypost({ ...base, baseUrl: staged.baseUrl });
    const call = client.wallets.get("wal_1");
    const rejected = assert.rejects(async () => call, CancelledError);
    while (staged.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    client.close();
    await rejected;
  });

  test("no rejection goes unhandled that the user had no hand in", async () => {
    const { baseUrl } = await stage((socket) => void socket.write(answer(404, "")));
    const client = new Waypost({ ...base, baseUrl });
    await assert.rejects(async () => client.wallets.get("wal_1").withResponse());
    await assert.rejects(async () => client.wallets.statement("wal_1").withResponse());
    await assert.rejects(async () => client.wallets.statement("wal_1").text());
    await assert.rejects(async () => client.wallets.list().withResponse());
    await assert.rejects(async () => {
      for await (const _ of client.wallets.list());
    });
    await assert.rejects(async () => client.wallets.get("wal_1", { signal: AbortSignal.abort() }).withResponse());
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(unhandled, []);
  });
});
