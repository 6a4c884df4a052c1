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

/** Where the engine does not know the runtime's loop, as in Bun, its own thread makes all calls and tells of them by a thread-safe function. */
const ELSEWHERE = ["--import", `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, bun: "1" } })`];
const WAYS: readonly (readonly [way: string, args: readonly string[]])[] = [
  ["on the loop", []],
  ["beside the loop", ELSEWHERE],
];

for (const [way, args] of WAYS) {
  test(`${way}: a process ends by itself after its calls, with connections still open`, async () => {
    const ended = await program(`${CLIENT} console.log((await client.wallets.get("wal_1")).balance);`, { args, env });
    assert.deepEqual(ended, { ...QUIET, stdout: "5\n" });
  });

  test(`${way}: a call under way keeps the process alive, with nothing else to do so`, async () => {
    const ended = await program(`${CLIENT} client.wallets.get("slow").then((wallet) => console.log(wallet.balance));`, { args, env });
    assert.deepEqual(ended, { ...QUIET, stdout: "5\n" });
  });

  test(`${way}: a stream that nobody reads keeps no process alive`, async () => {
    const source = `${CLIENT}
      const statement = await client.wallets.statement("never-ends").withResponse().catch(() => client.wallets.statement("wal_1"));
      console.log(typeof statement);`;
    const ended = await program(source.replace("never-ends", "wal_2"), { args, env });
    assert.deepEqual(ended, { ...QUIET, stdout: "object\n" });
  });

  test(`${way}: a call that was aborted keeps no process alive`, async () => {
    const ended = await program(
      `${CLIENT} await client.wallets.get("never", { signal: AbortSignal.timeout(50) }).catch((error) => console.log(error.kind));`,
      { args, env },
    );
    assert.deepEqual(ended, { ...QUIET, stdout: "cancelled\n" });
  });

  test(`${way}: a closed client ends its calls and lets the process end`, async () => {
    const ended = await program(
      `${CLIENT} const calls = Array.from({ length: 100 }, () => client.wallets.get("never").catch((error) => error.kind));
       setTimeout(() => client.close(), 50);
       console.log(new Set(await Promise.all(calls)));`,
      { args, env },
    );
    assert.deepEqual(ended, { ...QUIET, stdout: "Set(1) { 'cancelled' }\n" });
  });

  test(`${way}: process.exit with thousands of calls under way is silent`, async () => {
    for (const delay of [0, 1, 20, 100]) {
      const ended = await program(
        `${CLIENT} for (let n = 0; n < 3000; n++) client.wallets.get(n % 2 ? "never" : "wal_1").catch(() => undefined);
         setTimeout(() => process.exit(0), ${delay});`,
        { args, env },
      );
      assert.deepEqual(ended, { ...QUIET, stdout: "" });
    }
  });

  test(`${way}: an uncaught error with calls under way ends the process as it would without them`, async () => {
    const ended = await program(`${CLIENT} for (let n = 0; n < 500; n++) client.wallets.get("never"); setTimeout(() => { throw new Error("mine"); }, 20);`, { args, env });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /Error: mine/);
  });
}
