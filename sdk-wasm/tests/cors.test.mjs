// Two origins and a plain CORS set-up, one that allows `authorization` and `content-type` and nothing else: the SDK asks for leave where a plain `fetch` of the
// same call does, and nowhere else, and asks for nothing that such a server refuses.

import assert from "node:assert/strict";
import { join } from "node:path";
import { beforeEach, test } from "node:test";

import { chromium, folder, open, project, serve, task } from "./support.mjs";

const site = await serve(folder(join(project, "dist")));
/** What the server was asked: method, and of a preflight which headers. */
let asked = [];
const wallet = { id: "wal_1", name: "x", currency: "EUR", status: "active", balance: 0, available: 0, held: 0 };
const api = await serve((request, response) => {
  const { method, url, headers } = request;
  const leave = headers["access-control-request-headers"];
  asked.push(leave === undefined ? method : `${method} for ${leave}`);
  response.setHeader("access-control-allow-origin", "*");
  if (method === "OPTIONS") {
    response.writeHead(204, { "access-control-allow-headers": "authorization, content-type", "access-control-allow-methods": "GET, POST" }).end();
  } else {
    const body = url.startsWith("/v1/wallets") && method === "GET" ? { data: [wallet], next_cursor: null, has_more: false } : wallet;
    response.writeHead(200, { "content-type": "application/json", etag: '"1"' }).end(JSON.stringify(body));
  }
});
const browser = await chromium();

beforeEach(() => (asked = []));

async function compared(mine, plain) {
  // A page each: what a browser remembers of one must not save the other a preflight.
  const told = [];
  for (const args of [mine, plain]) {
    asked = [];
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(`${site}/index.html`);
    await page.waitForFunction("window.run !== undefined");
    const outcome = await task(page, ...args);
    assert.equal(outcome?.error, undefined, outcome?.message);
    told.push(asked);
    await context.close();
  }
  return told;
}

test("a call without credentials asks for no leave, the second time neither", async () => {
  const page = await open(browser, `${site}/index.html`);
  await task(page, "get", { baseUrl: api });
  await task(page, "get", { baseUrl: api });
  assert.deepEqual(asked, ["GET", "GET"]);
  await page.close();
});

test("a call with an access token asks for what a plain fetch with that token asks for", async () => {
  const [mine, plain] = await compared(
    ["list", { baseUrl: api, accessToken: "a-token" }],
    ["plain", `${api}/v1/wallets?limit=5`, { headers: { authorization: "Bearer a-token" } }],
  );
  assert.deepEqual(mine, plain);
  assert.deepEqual(mine, ["OPTIONS for authorization", "GET"]);
});

test("a POST asks once, as a plain fetch does; its idempotency key is the contract's own header", async () => {
  const page = await open(browser, `${site}/index.html`);
  await task(page, "create", { baseUrl: api, accessToken: "a-token", maxRetries: 0 });
  assert.deepEqual(asked, ["OPTIONS for authorization,content-type,idempotency-key"]);
  await page.close();
});
