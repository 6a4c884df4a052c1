/** `examples/node`, compiled and run as its user would, against the real gateway. `scripts/test` puts it beside the installed tarballs. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";

import { Webhook } from "waypost/webhooks";

import { startGateway } from "./support/gateway.js";
import { decide, oauthClient, type Person, register } from "./support/person.js";
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

/** Runs `sign_in`; the person does as `comply` says when it tells them something. */
async function signIn(args: readonly string[], env: Readonly<Record<string, string>>, comply: (printed: string) => unknown = () => undefined): Promise<string> {
  const child = spawn(process.execPath, [join(folder, "out/sign_in.js"), ...args], { env: { ...process.env, WAYPOST_BASE_URL: baseUrl, ...env } });
  let [printed, failed] = ["", ""];
  let doing: unknown;
  child.stdout.on("data", (piece: Buffer) => {
    printed += piece.toString();
    doing ??= comply(printed);
  });
  child.stderr.on("data", (piece: Buffer) => (failed += piece.toString()));
  const [status] = (await once(child, "close")) as [number];
  await doing;
  assert.equal(failed, "");
  assert.equal(status, 0);
  return printed;
}

test("a program signs in for itself by its id and secret", async () => {
  const { id, secret } = await oauthClient({ baseUrl }, await register({ baseUrl }), { type: "confidential", grant_types: ["client_credentials"], redirect_uris: [] });
  assert.match(await signIn(["client-credentials"], { WAYPOST_CLIENT_ID: id, WAYPOST_CLIENT_SECRET: secret }), /^Signed in: 0 wallets$/m);
});

test("a person signs in by their browser and on another device, and the tokens of the file are renewed later", async () => {
  const person: Person = await register({ baseUrl });
  const grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];
  const { id } = await oauthClient({ baseUrl }, person, { grant_types: grants, redirect_uris: ["http://127.0.0.1/callback"] });
  const env = { WAYPOST_CLIENT_ID: id };
  const file = join(folder, "tokens.json");
  const browser = (printed: string): unknown => {
    const url = /browser: (\S+)\n/.exec(printed)?.[1];
    return url === undefined ? undefined : decide({ baseUrl }, person, url).then((location) => fetch(location));
  };
  assert.match(await signIn(["browser", file], env, browser), /^Signed in: 0 wallets$/m);
  const device = (printed: string): unknown => {
    const [, url, code] = /Visit (\S+) and type (\S+)\n/.exec(printed) ?? [];
    return url === undefined ? undefined : decide({ baseUrl }, person, `${url}?user_code=${code}`);
  };
  assert.match(await signIn(["device", file], env, device), /^Signed in: 0 wallets$/m);
  const before = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...before, expires_at: 1 }));
  assert.match(await signIn(["refresh", file], env), /^Signed in: 0 wallets$/m);
  const after = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  assert.notEqual(after["access_token"], before["access_token"]);
  assert.notEqual(after["refresh_token"], before["refresh_token"]);
});
