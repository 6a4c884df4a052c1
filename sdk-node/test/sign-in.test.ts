/** People who sign in by `waypost/oauth`, at the real gateway. */

import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";

import { isWaypostError } from "waypost";
import { type DeviceProgress, FileTokenStore, MemoryTokenStore, SignIn, TokenSet } from "waypost/oauth";

import { startGateway } from "./support/gateway.js";
import { decide, oauthClient, type Person, register } from "./support/person.js";

const gateway = await startGateway("[rate_limits]\nenabled = false\n");
const { baseUrl } = gateway;
let person: Person;
let clientId: string;
let folder: string;

const GRANTS = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waypost-tokens-"));
  person = await register(gateway);
  clientId = (await oauthClient(gateway, person, { grant_types: GRANTS, redirect_uris: ["http://127.0.0.1/callback"] })).id;
});
after(() => rm(folder, { recursive: true, force: true }));

const signIn = (more: object = {}): SignIn => new SignIn({ baseUrl, clientId, scope: "wallets:read", environment: false, ...more });
const wallets = async (tokens: TokenSet): Promise<number> => (await fetch(`${baseUrl}/v1/wallets`, { headers: { authorization: `Bearer ${tokens.accessToken}` } })).status;

/** The error that something ends with, and whether it is of this kind. */
async function refused(work: Promise<unknown>, kind: string): Promise<Record<string, unknown>> {
  const error = await work.then(() => assert.fail("it went well"), (reason: unknown) => reason);
  assert.ok(isWaypostError(error), inspect(error));
  assert.equal(error.kind, kind, error.message);
  return error as never;
}

test("a program signs a person in by their browser, and keeps the tokens", async () => {
  const store = new FileTokenStore(join(folder, "tokens.json"));
  let page = "";
  let shown: Promise<void> | undefined;
  const open = (url: string): void => {
    const address = new URL(url);
    assert.equal(address.searchParams.get("code_challenge_method"), "S256");
    shown = decide(gateway, person, url).then(async (location) => {
      const callback = new URL(location);
      // A stranger's redirect, another path and another method end nothing.
      const other = new URL(callback);
      other.searchParams.set("state", "another");
      assert.equal((await fetch(other)).status, 400);
      assert.equal((await fetch(new URL("/favicon.ico", callback))).status, 404);
      assert.equal((await fetch(callback, { method: "POST" })).status, 404);
      const answer = await fetch(callback);
      page = await answer.text();
      assert.equal(answer.headers.get("cache-control"), "no-store");
    });
  };
  const tokens = await signIn({ tokenStore: store }).withBrowser({ open });
  await shown;
  assert.match(page, /You are signed in.*close this page/s);
  assert.equal(await wallets(tokens), 200);
  assert.equal(tokens.scope, "wallets:read");
  assert.ok((tokens.expiresAt ?? 0) > Date.now() / 1000);
  assert.equal((await store.load())?.accessToken, tokens.accessToken);
  assert.equal((await stat(store.path)).mode & 0o777, 0o600);
  assert.ok(!inspect(tokens, { showHidden: true, depth: 9 }).includes(tokens.accessToken) && !JSON.stringify(tokens).includes(tokens.accessToken));
});

test("a person who says no ends it with the server's word, and sees that they are not signed in", async () => {
  let page: Promise<string> | undefined;
  const open = (url: string): void => {
    page = decide(gateway, person, url, "deny").then(async (location) => (await fetch(location)).text());
  };
  const error = await refused(signIn().withBrowser({ open }), "oauth");
  assert.equal(error["error"], "access_denied");
  assert.match(await (page as Promise<string>), /not signed in/);
});

test("nobody who comes back is a timeout, and a signal gives it up; nothing listens afterwards", async () => {
  const redirects: string[] = [];
  const open = (url: string): void => void redirects.push(new URL(url).searchParams.get("redirect_uri") ?? "");
  const late = await refused(signIn().withBrowser({ open, limitMs: 50 }), "timeout");
  assert.match(String(late["message"]), /nobody came back/);
  const reason = new Error("enough");
  const given = await refused(signIn().withBrowser({ open, signal: AbortSignal.any([AbortSignal.timeout(10_000), abortedSoon(reason)]) }), "cancelled");
  assert.equal(given["cause"], reason);
  for (const uri of redirects) await assert.rejects(fetch(uri));
});

function abortedSoon(reason: unknown): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 50);
  return controller.signal;
}

test("a port that is taken is told", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const error = await refused(signIn().withBrowser({ port }), "config");
  assert.match(String(error["message"]), new RegExp(`127\\.0\\.0\\.1:${port}`));
  other.close();
});

test("a web application sends the person away and takes them back", async () => {
  const secret = await oauthClient(gateway, person, { type: "confidential", redirect_uris: ["https://app.example/callback"] });
  const store = new MemoryTokenStore();
  const app = new SignIn({ baseUrl, clientId: secret.id, clientSecret: secret.secret, tokenStore: store, environment: false });
  const code = await app.begin("https://app.example/callback");
  const back = await decide(gateway, person, code.url);
  const forged = back.replace(code.state, "x".repeat(43));
  assert.equal((await refused((await app.begin("https://app.example/callback")).finish(forged), "oauth"))["error"], "state_mismatch");
  const tokens = await code.finish(back);
  assert.equal(store.load(), tokens);
  assert.equal(await wallets(tokens), 200);
  assert.equal((await refused(code.finish(back), "oauth"))["error"], "invalid_grant");
});

test("a device shows its code, is told of each time that it asks, and is let in", async () => {
  const told: DeviceProgress[] = [];
  const tokens = await signIn().withDevice(async (progress) => {
    told.push(progress);
    if (progress.polls === 0) assert.match(await decide(gateway, person, progress.verificationUriComplete ?? ""), /Allowed/);
  });
  assert.match(told[0]?.userCode ?? "", /^[A-Z]{4}-[A-Z]{4}$/);
  assert.deepEqual(told.map(({ polls, waitMs }) => [polls, waitMs]), [[0, 5000]]);
  assert.equal(await wallets(tokens), 200);
});

test("a device that is given up while it waits ends at once, and one that its person refuses ends with their word", async () => {
  const controller = new AbortController();
  const began = Date.now();
  await refused(signIn().withDevice(() => setTimeout(() => controller.abort(), 20), { signal: controller.signal }), "cancelled");
  assert.ok(Date.now() - began < 4_000);
  const refusal = await refused(signIn().withDevice(({ verificationUriComplete }) => decide(gateway, person, verificationUriComplete ?? "", "deny")), "oauth");
  assert.equal(refusal["error"], "access_denied");
});

test("what the progress function throws ends the sign-in", async () => {
  const own = new Error("mine");
  await assert.rejects(signIn().withDevice(() => { throw own; }), own);
});

test("a server that is not there is a connection error", async () => {
  const error = await refused(signIn({ baseUrl: "http://127.0.0.1:9" }).begin("http://127.0.0.1/callback"), "connection");
  assert.match(String(error["message"]), /metadata.*\.well-known/);
});

test("settings are the environment's where the program gives none", async () => {
  const made = new SignIn({ environment: { WAYPOST_BASE_URL: baseUrl, WAYPOST_CLIENT_ID: clientId } });
  assert.match((await made.begin("http://127.0.0.1/callback")).url, new RegExp(`client_id=${clientId}`));
  await refused(new SignIn({ baseUrl, environment: false }).begin("http://127.0.0.1/callback"), "config");
});

test("a token file that others can read is refused, and so is one that holds something else; neither is repeated", async () => {
  const store = new FileTokenStore(join(folder, "others.json"));
  assert.equal(await store.load(), undefined);
  await store.save(new TokenSet({ accessToken: "hunter2", refreshToken: "hunter3", expiresAt: 7 }));
  assert.deepEqual(JSON.parse(await readFile(store.path, "utf8")), { access_token: "hunter2", token_type: "Bearer", expires_at: 7, refresh_token: "hunter3" });
  await chmod(store.path, 0o644);
  assert.match(String((await refused(store.load(), "config"))["message"]), /read by others.*chmod 600/);
  await chmod(store.path, 0o600);
  await writeFile(store.path, '{"access_token": 1, "x": "hunter2"}');
  const error = await refused(store.load(), "config");
  assert.ok(!inspect(error).includes("hunter2"));
  await store.clear();
  await store.clear();
  assert.deepEqual((await readdir(folder)).filter((name) => name.includes("tmp")), []);
});
