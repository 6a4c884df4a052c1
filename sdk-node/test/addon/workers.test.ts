/** The addon in worker threads: each has its own queue on the one engine, and may be terminated at any moment. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CLIENT, program, serve, wallet } from "./child.js";

const BASE = await serve((request, response) => {
  if (request.url?.includes("never")) return;
  setTimeout(() => wallet(response), Math.random() * 5);
});

/** A program whose `work` runs in the worker, and whose `main` sees to it; both begin with `CLIENT`, or main with what it is given. */
function threads(work: string, main: string, begin = CLIENT): Promise<unknown> {
  const worker = `${CLIENT} import { parentPort } from "node:worker_threads"; ${work}`;
  const source = `${begin}
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    import { writeFileSync } from "node:fs";
    const file = new URL("./worker.mjs", import.meta.url);
    writeFileSync(file, ${JSON.stringify(worker)});
    ${main}`;
  return program(source, { env: { BASE } });
}

const SILENT = { code: 0, signal: null, stdout: "done\n", stderr: "" };

test("workers and the main thread call at the same time, each getting its own answers", async () => {
  const ended = await threads(
    `const all = await Promise.all(Array.from({ length: 200 }, () => client.wallets.get("wal_1")));
     parentPort.postMessage(all.filter((wallet) => wallet.balance === 5).length);`,
    `const workers = Array.from({ length: 4 }, () => once(new Worker(file), "message"));
     const own = Promise.all(Array.from({ length: 200 }, () => client.wallets.get("wal_1")));
     const counts = (await Promise.all(workers)).flat();
     console.log((await own).length === 200 && counts.every((count) => count === 200) ? "done" : counts);`,
  );
  assert.deepEqual(ended, SILENT);
});

test("a worker may be terminated in the middle of its calls", async () => {
  const ended = await threads(
    `const loop = async () => { for (;;) await client.wallets.get("wal_1").catch(() => undefined); };
     for (let n = 0; n < 50; n++) { void loop(); client.wallets.get("never").catch(() => undefined); }
     parentPort.postMessage("busy");`,
    `for (let round = 0; round < 12; round++) {
       const worker = new Worker(file);
       await once(worker, "message");
       await new Promise((resolve) => setTimeout(resolve, round * 3));
       await worker.terminate();
       if ((await client.wallets.get("wal_1")).balance !== 5) throw new Error("the main thread's engine is gone");
     }
     console.log("done");`,
  );
  assert.deepEqual(ended, SILENT);
});

test("a worker that ends by itself leaves nothing behind", async () => {
  const ended = await threads(
    `await client.wallets.get("wal_1"); client.wallets.get("never").catch(() => undefined); process.exit(0);`,
    `for (let round = 0; round < 5; round++) await once(new Worker(file), "exit");
     console.log("done");`,
  );
  assert.deepEqual(ended, SILENT);
});

test("the process may end while workers are in the middle of their calls", async () => {
  const ended = await threads(
    `const loop = async () => { for (;;) await client.wallets.get("wal_1"); };
     for (let n = 0; n < 50; n++) void loop();
     parentPort.postMessage("busy");`,
    `const workers = Array.from({ length: 3 }, () => new Worker(file));
     await Promise.all(workers.map((worker) => once(worker, "message")));
     process.stdout.write("done\\n", () => process.exit(0));`,
  );
  assert.deepEqual(ended, SILENT);
});

test("workers may be the only ones that ever use the addon, and end in whatever way", async () => {
  const ended = await threads(
    `await client.wallets.get("wal_1");
     await Promise.all(Array.from({ length: 50 }, () => client.wallets.get("wal_1")));
     parentPort.postMessage("made");
     for (let n = 0; n < 40; n++) client.wallets.get("wal_1").catch(() => undefined);`,
    `for (let round = 0; round < 6; round++) {
       const worker = new Worker(file);
       await once(worker, "message");
       if (round % 2) await worker.terminate();
       else await once(worker, "exit");
     }
     // The engine's thread has timers still.
     await new Promise((resolve) => setTimeout(resolve, 700));
     console.log("done");`,
    "",
  );
  assert.deepEqual(ended, SILENT);
});
