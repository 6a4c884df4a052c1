// The package in headless Chromium, as a user's bundler built it, against the real gateway on another origin.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { chromium, folder, gateway, open, project, serve, task, taskInWorker } from "./support.mjs";

const dist = join(project, "dist");
const site = await serve(folder(dist));
const api = await gateway(`[cors]\nallowed_origins = "${site}"\n[rate_limits.free]\nper_second = 20\nper_minute = 6000\nper_day = 100000\n`);
const browser = await chromium();

test("a page signs in, lists, and pages through a list", async () => {
  const page = await open(browser, `${site}/index.html`);
  const { onPage, names } = await task(page, "account", api);
  assert.equal(onPage, 2);
  assert.deepEqual(names.sort(), ["a", "b", "c"]);
  assert.ok(page.asked.some((url) => url.endsWith(".wasm")), "the engine is a file of its own");
  await page.close();
});

test("a page that imports the package and calls nothing loads no engine", async () => {
  const page = await open(browser, `${site}/index.html`);
  assert.deepEqual(page.asked.filter((url) => url.endsWith(".wasm")), []);
  await page.close();
});

test("a module worker does what a page does", async () => {
  const page = await open(browser, `${site}/index.html`);
  const { names } = await taskInWorker(page, "account", api);
  assert.deepEqual(names.sort(), ["a", "b", "c"]);
  await page.close();
});

test("the inline entry does it without a file beside the script", async () => {
  const page = await open(browser, `${site}/inline.html`);
  const { names } = await task(page, "account", api);
  assert.deepEqual(names.sort(), ["a", "b", "c"]);
  assert.deepEqual(page.asked.filter((url) => url.endsWith(".wasm")), []);
  await page.close();
});

test("calls that meet a rate limit recover by themselves", async () => {
  const page = await open(browser, `${site}/index.html`);
  const { access_token } = await task(page, "account", api);
  const { answered, waited, first } = await task(page, "burst", api, access_token, 40);
  assert.equal(answered, 40);
  assert.ok(waited > 0, "the limit of 20 a second was met");
  assert.deepEqual([first.at(0), first.at(-1)], [429, 200]);
  await page.close();
});

test("a call that is aborted ends at once, and its request is dropped on the wire", async () => {
  let closed;
  const dropped = new Promise((resolve) => (closed = resolve));
  const slow = await serve((request, response) => {
    response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "application/json" });
    response.write("{");
    response.on("close", () => closed(true));
  });
  const page = await open(browser, `${site}/index.html`);
  const outcome = await task(page, "abort", slow, 200);
  assert.equal(outcome.kind, "cancelled");
  assert.ok(outcome.elapsed < 5_000, `it took ${outcome.elapsed} ms`);
  assert.equal(await dropped, true);
  await page.close();
});

test("a server that is not there is a connection error after its retries", async () => {
  const page = await open(browser, `${site}/index.html`);
  const outcome = await task(page, "get", { baseUrl: "http://127.0.0.1:9", backoffBaseMs: 1 });
  assert.equal(outcome.kind, "connection");
  assert.equal(outcome.attempts, 3);
  await page.close();
});

test("a server whose answers the page may not read is a connection error that speaks of CORS", async () => {
  const closed = await serve((_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  const page = await open(browser, `${site}/index.html`);
  const outcome = await task(page, "get", { baseUrl: closed, maxRetries: 0 });
  assert.equal(outcome.kind, "connection");
  assert.match(outcome.message, /CORS/);
  await page.close();
});

test("a redirect is not followed, and said to be one", async () => {
  const moved = await serve((_, response) => response.writeHead(302, { location: "/elsewhere", "access-control-allow-origin": "*" }).end());
  const page = await open(browser, `${site}/index.html`);
  const outcome = await task(page, "get", { baseUrl: moved, maxRetries: 0 });
  assert.equal(outcome.kind, "decode");
  assert.match(outcome.message, /edirects are not followed/);
  await page.close();
});

test("an engine that is missing, is no wasm, or may not be compiled is an error that says what to do", async () => {
  for (const [change, says] of [
    [(path) => path.endsWith(".wasm") && { status: 404, body: "" }, /answered 404.*waypost\/inline/],
    [(path) => path.endsWith(".wasm") && { headers: { "content-type": "text/html" }, body: "<!doctype html>" }, /is no WebAssembly.*bundler/],
    [() => ({ headers: { "content-security-policy": "script-src 'self'" } }), /cannot be compiled.*wasm-unsafe-eval/],
  ]) {
    const broken = await serve(folder(dist, (path) => change(path) || undefined));
    const page = await open(browser, `${broken}/index.html`);
    const outcome = await task(page, "get", { baseUrl: api });
    assert.equal(outcome.kind, "config");
    assert.match(outcome.message, says);
    await page.close();
  }
});

test("the example's story is told in a page", async () => {
  const stage = await serve(folder(join(project, "example", "dist")));
  const own = await gateway(`[cors]\nallowed_origins = "${stage}"\n[rate_limits.free]\nper_second = 30\nper_minute = 6000\nper_day = 10000\n`);
  const page = await browser.newPage();
  await page.goto(stage);
  await page.$eval("input[name=url]", (input, url) => (input.value = url), own);
  await page.click("button");
  await page.waitForFunction(() => ["told", "failed"].includes(document.body.dataset.state), { timeout: 60_000 });
  const lines = await page.$$eval("li", (items) => items.map((item) => item.textContent));
  assert.equal(await page.$eval("body", (body) => body.dataset.state), "told", lines.join("\n"));
  assert.equal(lines.length, 8);
  await page.close();
});
