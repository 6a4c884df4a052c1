/** `examples/node`, compiled and run as its user would, against the real gateway. `scripts/test` puts it beside the installed tarballs. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";

import { Webhook } from "waypost/webhooks";

import { startGateway } from "./support/gateway.js";
import { repository } from "./support/repository.js";

const run = promisify(execFile);
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const folder = join(process.cwd(), "examples-node");
const { baseUrl } = await startGateway("[rate_limits.free]\nper_second = 30\nper_minute = 600\nper_day = 10000\n");

before(async () => {
  await cp(join(repository, "examples/node"), folder, { recursive: true, filter: (path) => !/\/(?:out|node_modules)$/.test(path) });
  await run(process.execPath, [join(process.cwd(), "node_modules/typescript/bin/tsc"), "-p", folder]).catch((error: unknown) => {
    throw new Error((error as { stdout: string }).stdout);
  });
});

test("the story goes as told", async () => {
  const env = { ...process.env, WAYPOST_BASE_URL: baseUrl };
  const { stdout, stderr } = await run(process.execPath, [join(folder, "out/story.js")], { env, timeout: 60_000 });
  assert.equal(stderr, "");
  assert.match(stdout, /Everything went as told: \d+ calls in \d+ attempts\./);
  assert.match(stdout, /were refused with 429/);
  assert.match(stdout, /it moved once/);
});

test("the story says what is missing when there is no gateway to tell it on", async () => {
  const { WAYPOST_BASE_URL: _, ...env } = process.env;
  const failed = await run(process.execPath, [join(folder, "out/story.js")], { env }).catch((error: unknown) => error as { code: number; stderr: string });
  assert.ok("code" in failed);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /The story broke off\. .*base URL/);
});

test("the receiver believes what is genuine, does it once, and refuses the rest", async () => {
  const child = spawn(process.execPath, [join(folder, "out/receiver.js")], { env: { ...process.env, PORT: "0", WAYPOST_WEBHOOK_SECRET: SECRET } });
  try {
    let printed = "";
    child.stdout.on("data", (piece: Buffer) => (printed += piece.toString()));
    while (!printed.includes("listening on")) await once(child.stdout, "data");
    const url = /http:\S+/.exec(printed)?.[0] ?? "";
    const body = '{"type":"wallet.created"}';
    const headers = new Webhook(SECRET).headers(body, "msg_1");
    const deliver = async (sent: string): Promise<number> => (await fetch(url, { method: "POST", body: sent, headers })).status;
    assert.equal(await deliver(body), 204);
    assert.equal(await deliver(body), 204);
    assert.equal(await deliver(`${body} `), 400);
    assert.match(printed, /msg_1: wallet\.created\nmsg_1 again/);
  } finally {
    child.kill("SIGKILL");
  }
});
