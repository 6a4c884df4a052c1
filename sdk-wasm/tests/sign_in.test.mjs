// The example that signs a person in, built by a bundler, in headless Chromium; the gateway is another origin, and its pages are what the person sees.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { chromium, folder, gateway, project, serve } from "./support.mjs";

const PASSWORD = "seven wet umbrellas in a row";
const site = await serve(folder(join(project, "example", "dist")));
const address = `${site}/sign_in.html`;
const api = await gateway(`[cors]\nallowed_origins = "${site}"\n[rate_limits]\nenabled = false\n`);
const browser = await chromium();

async function posted(path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(api + path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, text);
  return JSON.parse(text);
}

const email = `ada-${crypto.randomUUID()}@example.com`;
await posted("/v1/auth/register", { email, password: PASSWORD, name: "Ada Marlowe" });
const { access_token } = await posted("/v1/auth/login", { email, password: PASSWORD });
const { client } = await posted(
  "/v1/oauth_clients",
  { name: "Bookkeeper", type: "public", scopes: ["wallets:read"], redirect_uris: [address], grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"] },
  access_token,
);

/** A tab of a browser that knows nobody, at the example. */
async function opened() {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.seen = [];
  page.on("framenavigated", (frame) => page.seen.push(frame.url()));
  await page.goto(address);
  await page.$eval("input[name=baseUrl]", (input, url) => (input.value = url), api);
  await page.$eval("input[name=clientId]", (input, id) => (input.value = id), client.id);
  return page;
}

const pressed = (page, selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);

/** What the person does at the gateway's pages. */
async function signIn(page) {
  await page.type("#email", email);
  await page.type("#password", PASSWORD);
  await pressed(page, "form button");
}

async function told(page, state) {
  await page.waitForFunction((wanted) => [wanted, "failed"].includes(document.body.dataset.state), { timeout: 30_000 }, state);
  const text = await page.$eval("output", (output) => output.textContent);
  assert.equal(await page.$eval("body", (body) => body.dataset.state), state, text);
  return text;
}

const kept = (page) => page.evaluate(() => ({ tokens: sessionStorage.getItem("waypost.tokens"), begun: sessionStorage.getItem("waypost.sign_in") }));

test("a person signs in and the page comes back; code and state leave the address bar, and what was kept is gone", async () => {
  const page = await opened();
  await pressed(page, "button[value=redirect]");
  assert.ok(page.url().startsWith(api), page.url());
  await signIn(page);
  await pressed(page, "button[value=allow]");
  assert.match(await told(page, "signed-in"), /^Signed in: \d+ wallets$/);
  assert.equal(page.url(), address);
  const { tokens, begun } = await kept(page);
  assert.equal(begun, null);
  assert.deepEqual(Object.keys(JSON.parse(tokens)).sort(), ["access_token", "expires_at", "refresh_token", "scope", "token_type"]);
  // The redirect that is visited again is nobody's.
  const redirect = page.seen.find((url) => url.includes("code="));
  await page.goto(redirect);
  assert.match(await told(page, "failed"), /no sign-in that began in this tab/);
  assert.equal(page.url(), address);
});

test("tokens of the tab are renewed when they have expired", async () => {
  const page = await opened();
  await pressed(page, "button[value=redirect]");
  await signIn(page);
  await pressed(page, "button[value=allow]");
  await told(page, "signed-in");
  const before = JSON.parse((await kept(page)).tokens);
  await page.evaluate((old) => sessionStorage.setItem("waypost.tokens", JSON.stringify(old)), { ...before, expires_at: 1 });
  await page.reload();
  await told(page, "signed-in");
  const after = JSON.parse((await kept(page)).tokens);
  assert.notEqual(after.access_token, before.access_token);
  assert.notEqual(after.refresh_token, before.refresh_token);
});

test("a person who says no is told so", async () => {
  const page = await opened();
  await pressed(page, "button[value=redirect]");
  await signIn(page);
  await pressed(page, "button[value=deny]");
  assert.match(await told(page, "failed"), /access_denied/);
  assert.equal(page.url(), address);
});

test("a redirect that somebody else sent is refused", async () => {
  const page = await opened();
  await pressed(page, "button[value=redirect]");
  await page.goto(`${address}?code=stolen&state=another&iss=${encodeURIComponent(api)}`);
  assert.match(await told(page, "failed"), /another sign-in/);
  assert.equal((await kept(page)).begun, null);
});

test("a person signs the page in with another device", async () => {
  const page = await opened();
  await page.click("button[value=device]");
  const [, where, code] = /Visit (\S+) and type (\S+)/.exec(await told(page, "waiting"));
  const other = await (await browser.createBrowserContext()).newPage();
  await other.goto(where);
  await signIn(other);
  await other.type("#code", code);
  await pressed(other, "form button");
  await pressed(other, "button[value=allow]");
  await page.waitForFunction(() => document.body.dataset.state !== "waiting", { timeout: 30_000 });
  assert.match(await told(page, "signed-in"), /^Signed in/);
});
