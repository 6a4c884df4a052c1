// What the engine adds to a call in Chromium, over `fetch` of the same against one small server: the median of the differences, calls taking turns one by one.
//
// The same is the same request on the wire: it asks for JSON, as a call does and as a page without an SDK would. What is added over a `fetch` that has no
// header at all is printed beside it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";

import { keepAwake } from "../../sdk-node/scripts/common.mjs";
import { chromium, folder, open, project, serve, task } from "../tests/support.mjs";

/** What it may add, in milliseconds. */
const MOST = 0.2;
/** How often each is called, in each of the pages. A page is compiled anew, and not each time to the same code. */
const TURNS = 500;
const PAGES = 5;
/** Isolates a page, whose clock is then exact to 5 µs instead of 100. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

test("the engine adds little to a call", async () => {
  const site = await serve(folder(join(project, "dist"), () => ({ headers: ISOLATED })));
  const body = JSON.stringify({ status: "ok", text: "x".repeat(1000) });
  const api = await serve((_, response) => response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "application/json", "content-length": body.length }).end(body));
  const browser = await chromium();
  after(keepAwake());
  const added = [];
  const bare = [];
  for (let number = 1; number <= PAGES; number++) {
    const page = await open(browser, `${site}/index.html`);
    const { isolated, ...figures } = await task(page, "bench", api, TURNS);
    assert.ok(isolated, "the page's clock is not exact");
    const told = Object.entries(figures).map(([name, at]) => `${name} ${at.ours.toFixed(3)}, same request ${at.same.toFixed(3)}, no header ${at.bare.toFixed(3)}, added ${at.overSame.toFixed(3)} and ${at.overBare.toFixed(3)}`);
    console.log(`browser, page ${number}, ms a call: ${told.join("; ")}`);
    added.push(figures.median.overSame);
    bare.push(figures.median.overBare);
    await page.close();
  }
  const middle = (list) => list.sort((one, other) => one - other)[PAGES >> 1];
  const median = middle(added);
  console.log(`browser: the engine adds ${median.toFixed(3)} ms to a call, ${middle(bare).toFixed(3)} to one without a header, medians of ${PAGES} pages' medians`);
  assert.ok(median < MOST, `the engine adds ${median} ms; it may add ${MOST}`);
});
