// A provider that others wrote (`oidc-provider`, certified), people who sign in with it in Chromium, and the gateway in between.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import Provider from "oidc-provider";
import { chromium, client, gateway, register, serve, PASSWORD } from "./support.mjs";

// Both must know each other's address before they start, so the provider's is taken first.
let answer = (request, response) => response.writeHead(503).end();
const { url: issuer } = await serve((request, response) => answer(request, response));
const url = await gateway(`
[outbound]
allow_http = true
allow_networks = "127.0.0.0/8"
[oauth.providers.neighbour]
label = "The neighbour"
issuer = "${issuer}"
client_id = "waypost"
client_secret = "a secret of the neighbour's"
`);
const provider = new Provider(issuer, {
  clients: [{ client_id: "waypost", client_secret: "a secret of the neighbour's", redirect_uris: [`${url}/v1/oauth/neighbour/callback`], token_endpoint_auth_method: "client_secret_post" }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} Marlowe`, email: `${id}@neighbour.example`, email_verified: id !== "unverified" }),
  }),
});
answer = provider.callback();
const browser = await chromium();

/** A page of a browser that knows nobody. */
async function page() {
  const context = await browser.createBrowserContext();
  after(() => context.close());
  return context.newPage();
}

const press = (own, text) => Promise.all([own.waitForNavigation(), own.locator(`::-p-text(${text})`).click()]);

/** What a person does at the provider: signs in with its own form, and agrees. */
async function atProvider(own, name) {
  await own.locator("input[name=login]").fill(name);
  await own.locator("input[name=password]").fill("any");
  await Promise.all([own.waitForNavigation(), own.locator("button[type=submit]").click()]);
  await Promise.all([own.waitForNavigation(), own.locator("button[type=submit]").click()]);
}

const text = (own) => own.$eval("body", (body) => body.innerText);

test("a person signs in with the provider, twice, and is the same person", async () => {
  for (let time = 0; time < 2; time++) {
    const own = await page();
    await own.goto(`${url}/oauth/sign_in`);
    await press(own, "The neighbour");
    await atProvider(own, "ada");
    assert.match(await text(own), /signed in as ada@neighbour.example/);
  }
});

test("a person whose address the provider does not vouch for gets no account", async () => {
  const own = await page();
  await own.goto(`${url}/oauth/sign_in`);
  await press(own, "The neighbour");
  await atProvider(own, "unverified");
  assert.match(await text(own), /no account was made/);
});

test("a person who says no at the provider is not signed in", async () => {
  const own = await page();
  await own.goto(`${url}/oauth/sign_in`);
  await press(own, "The neighbour");
  await press(own, "Cancel");
  assert.match(await text(own), /was not allowed to tell who you are/);
});

test("a person signs in with a password, links the provider, and signs in with that", async () => {
  const person = await register(url);
  const own = await page();
  await own.goto(`${url}/oauth/sign_in`);
  await own.locator("#email").fill(person.email);
  await own.locator("#password").fill(PASSWORD);
  await Promise.all([own.waitForNavigation(), own.locator("button").click()]);
  assert.match(await text(own), new RegExp(`signed in as ${person.email}`));
  await press(own, "Link The neighbour");
  await atProvider(own, "linked");
  assert.match(await text(own), new RegExp(`signed in as ${person.email}`));
  const other = await page();
  await other.goto(`${url}/oauth/sign_in`);
  await press(other, "The neighbour");
  await atProvider(other, "linked");
  assert.match(await text(other), new RegExp(`signed in as ${person.email}`));
});

test("a person signs in and agrees in a browser, and the browser goes back to the program", async () => {
  const person = await register(url);
  const came = [];
  const program = await serve((request, response) => {
    if (request.url.startsWith("/callback")) came.push(new URL(request.url, program.url));
    response.end("<p>Back at the program</p>");
  });
  const own = await client(url, person, { redirect_uris: [`${program.url}/callback`] });
  const request = new URL(`${url}/oauth/authorize`);
  request.search = new URLSearchParams({
    response_type: "code",
    client_id: own.id,
    redirect_uri: `${program.url}/callback`,
    scope: "wallets:read",
    state: "s",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  });
  const tab = await page();
  const said = [];
  tab.on("console", (message) => said.push(message.text()));
  await tab.goto(request.href);
  await tab.locator("#email").fill(person.email);
  await tab.locator("#password").fill("not the password");
  await Promise.all([tab.waitForNavigation(), tab.locator("button").click()]);
  assert.match(await text(tab), /is wrong/);
  await tab.locator("#email").fill(person.email);
  await tab.locator("#password").fill(PASSWORD);
  await Promise.all([tab.waitForNavigation(), tab.locator("button").click()]);
  assert.match(await text(tab), /Bookkeeper asks for access/);
  await Promise.all([tab.waitForNavigation(), tab.locator("button[value=allow]").click()]);
  assert.match(await text(tab), /Back at the program/);
  assert.equal(came.length, 1);
  assert.equal(came[0].searchParams.get("state"), "s");
  assert.ok(came[0].searchParams.get("code").length >= 43);
  // The browser kept to the pages' policy: it would say so if it had not let something be.
  assert.deepEqual(said.filter((line) => /Content Security Policy/.test(line)), []);
  // The cookie is there, and no script of a page can see it.
  assert.equal(await tab.evaluate("document.cookie"), "");
  const cookies = await tab.browserContext().cookies();
  assert.ok(cookies.some((cookie) => cookie.name === "waypost_session" && cookie.httpOnly && cookie.sameSite === "Lax"), JSON.stringify(cookies));
});
