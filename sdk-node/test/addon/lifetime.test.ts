/** The addon and the life of a process: what keeps it alive, what lets it end, and what its end may cut through. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CLIENT, program, serve, wallet } from "./child.js";

const QUIET = { code: 0, signal: null, stderr: "" };

/** Answers at once, but paths with `slow` late and those with `never` not at all. */
const BASE = await serve((request, response) => {
  if (request.url?.includes("never")) return;
  setTimeout(() => wallet(response), request.url?.includes("slow") ? 400 : 0);
});
const env = { BASE };

test("a process ends by itself after its calls, with connections still open", async () => {
  const ended = await program(`${CLIENT} console.log((await client.wallets.get("wal_1")).balance);`, { env });
  assert.deepEqual(ended, { ...QUIET, stdout: "5\n" });
});

test("a call under way keeps the process alive, with nothing else to do so", async () => {
  const ended = await program(`${CLIENT} client.wallets.get("slow").then((wallet) => console.log(wallet.balance));`, { env });
  assert.deepEqual(ended, { ...QUIET, stdout: "5\n" });
});

test("a stream that nobody reads keeps no process alive", async () => {
  const source = `${CLIENT}
    const statement = await client.wallets.statement("never-ends").withResponse().catch(() => client.wallets.statement("wal_1"));
    console.log(typeof statement);`;
  const ended = await program(source.replace("never-ends", "wal_2"), { env });
  assert.deepEqual(ended, { ...QUIET, stdout: "object\n" });
});

test("a call that was aborted keeps no process alive", async () => {
  const ended = await program(
    `${CLIENT} await client.wallets.get("never", { signal: AbortSignal.timeout(50) }).catch((error) => console.log(error.kind));`,
    { env },
  );
  assert.deepEqual(ended, { ...QUIET, stdout: "cancelled\n" });
});

test("a closed client ends its calls and lets the process end", async () => {
  const ended = await program(
    `${CLIENT} const calls = Array.from({ length: 100 }, () => client.wallets.get("never").catch((error) => error.kind));
     setTimeout(() => client.close(), 50);
     console.log(new Set(await Promise.all(calls)));`,
    { env },
  );
  assert.deepEqual(ended, { ...QUIET, stdout: "Set(1) { 'cancelled' }\n" });
});

test("process.exit with thousands of calls under way is silent", async () => {
  for (const delay of [0, 1, 20, 100]) {
    const ended = await program(
      `${CLIENT} for (let n = 0; n < 3000; n++) client.wallets.get(n % 2 ? "never" : "wal_1").catch(() => undefined);
       setTimeout(() => process.exit(0), ${delay});`,
      { env },
    );
    assert.deepEqual(ended, { ...QUIET, stdout: "" });
  }
});

test("an uncaught error with calls under way ends the process as it would without them", async () => {
  const ended = await program(`${CLIENT} for (let n = 0; n < 500; n++) client.wallets.get("never"); setTimeout(() => { throw new Error("mine"); }, 20);`, { env });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /Error: mine/);
});
