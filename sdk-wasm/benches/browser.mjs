// What the engine adds to a call in Chromium: the median of its calls less that of bare `fetch`, alternating, against one small server.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { chromium, folder, open, project, serve, task } from "../tests/support.mjs";

/** What it may add, in milliseconds. */
const MOST = 0.2;

test("the engine adds little to a call", async () => {
  const site = await serve(folder(join(project, "dist")));
  const body = JSON.stringify({ status: "ok", text: "x".repeat(1000) });
  const api = await serve((_, response) => response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "application/json", "content-length": body.length }).end(body));
  const page = await open(await chromium(), `${site}/index.html`);
  const figures = await task(page, "bench", api, 61, 10);
  for (const [name, { ours, bare }] of Object.entries(figures)) {
    console.log(`browser, ${name}: a call ${ours.toFixed(3)} ms, bare fetch ${bare.toFixed(3)} ms, added ${(ours - bare).toFixed(3)} ms, ratio ${(ours / bare).toFixed(2)}`);
  }
  const added = figures.median.ours - figures.median.bare;
  assert.ok(added < MOST, `the engine adds ${added} ms; it may add ${MOST}`);
});
