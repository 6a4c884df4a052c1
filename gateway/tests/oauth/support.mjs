// What the tests share: a gateway of one's own, people without a browser and with one.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import puppeteer from "puppeteer-core";

export const PASSWORD = "correct horse battery staple";

/** A gateway with a fresh data folder, stopped when the tests of the file have ended. */
export async function gateway(toml = "") {
  const binary = process.env.WAYPOST_GATEWAY_BIN;
  if (binary === undefined) throw new Error("WAYPOST_GATEWAY_BIN is not set; run gateway/tests/oauth/run");
  const place = await mkdtemp(join(tmpdir(), "waypost-oauth-"));
  await writeFile(join(place, "gateway.toml"), `${toml}\n[rate_limits]\nenabled = false\n`);
  const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(place, "data"), "--config", join(place, "gateway.toml"), "--durability", "normal"];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WAYPOST_")));
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], env });
  after(async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(place, { recursive: true, force: true });
  });
  return new Promise((resolve, reject) => {
    let printed = "";
    const take = (piece) => {
      printed += piece;
      const url = /listening on (http:\S+)/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("exit", (code) => reject(new Error(`the gateway ended with ${code}:\n${printed}`)));
  });
}

/** A server on loopback that ends with the tests of a file; `url` has no slash at its end. */
export async function serve(answer) {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

async function json(response, status) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
}

let people = 0;

/** Somebody with an account, and a token of theirs. */
export async function register(url) {
  const email = `person-${++people}@example.com`;
  const headers = { "content-type": "application/json" };
  const account = JSON.stringify({ email, password: PASSWORD, name: "Ada Marlowe" });
  await json(await fetch(`${url}/v1/auth/register`, { method: "POST", headers, body: account }), 201);
  const login = JSON.stringify({ email, password: PASSWORD });
  const tokens = await json(await fetch(`${url}/v1/auth/login`, { method: "POST", headers, body: login }), 200);
  return { email, token: tokens.access_token };
}

/** A client of this person. */
export async function client(url, person, change = {}) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${person.token}` };
  const body = { name: "Bookkeeper", type: "confidential", scopes: ["wallets:read", "wallets:write"], ...change };
  const made = await json(await fetch(`${url}/v1/oauth_clients`, { method: "POST", headers, body: JSON.stringify(body) }), 201);
  return { id: made.client.id, secret: made.client_secret };
}

const field = (html, name) => {
  const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1];
  assert.ok(value !== undefined, `no ${name} in ${html}`);
  return value.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
};

/** A person at a browser that runs nothing: signs in, and says yes to whatever is asked at `address`. Answers where the browser is sent. */
export async function agree(url, person, address, fields = { decision: "allow" }) {
  const cookies = new Map();
  const ask = async (target, form) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), "sec-fetch-site": form ? "same-origin" : "none" };
    const response = await fetch(new URL(target, url), { method: form ? "POST" : "GET", headers, redirect: "manual", ...(form && { body: new URLSearchParams(form) }) });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split("=");
      cookies.set(name, value);
    }
    return { status: response.status, html: await response.text(), location: response.headers.get("location") };
  };
  const page = await ask(address);
  const signIn = { email: person.email, password: PASSWORD, csrf_token: field(page.html, "csrf_token"), return_to: field(page.html, "return_to") };
  const signedIn = await ask("/oauth/sign_in", signIn);
  assert.equal(signedIn.status, 303, signedIn.html);
  const asked = await ask(signedIn.location);
  assert.equal(asked.status, 200, asked.html);
  const form = { csrf_token: field(asked.html, "csrf_token"), ...fields };
  if (asked.html.includes('name="request"')) form.request = field(asked.html, "request");
  if (!asked.html.includes('name="user_code"')) return ask("/oauth/authorize", form);
  const { decision, ...typed } = form;
  const shown = await ask("/oauth/device", { ...typed, user_code: field(asked.html.replace(/<input id="code" name="user_code"[^>]*value=/, '<input name="user_code" value='), "user_code") });
  assert.equal(shown.status, 200, shown.html);
  return ask("/oauth/device", { csrf_token: field(shown.html, "csrf_token"), user_code: field(shown.html, "user_code"), decision });
}

/** Chromium; one for a file of tests. */
export async function chromium() {
  const found = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error("there is no Chromium; install it (apt-get install chromium) or name it by CHROMIUM_BIN");
  const browser = await puppeteer.launch({ executablePath: found, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"], protocolTimeout: 120_000 });
  after(() => browser.close());
  return browser;
}
