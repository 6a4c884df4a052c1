// The package outside of browsers: in Node without the addon, in an edge runtime that compiles nothing, and where an installation is broken.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Miniflare } from "miniflare";

import { gateway, project, serve } from "./support.mjs";

const place = await mkdtemp(join(tmpdir(), "waypost-places-"));
after(() => rm(place, { recursive: true, force: true }));
const api = await gateway("");

/** Runs a script in a project of its own that has `waypost` and `@waypost/wasm` and no addon. */
async function inNode(script) {
  const file = join(project, "script.mjs");
  await writeFile(file, script);
  return JSON.parse(execFileSync(process.execPath, [file], { cwd: project, encoding: "utf8" }));
}

test("Node without the addon runs on the WebAssembly engine", async () => {
  const told = await inNode(`
    import * as sdk from "waypost";
    import { account } from "./tasks.js";
    console.log(JSON.stringify(await account(sdk, ${JSON.stringify(api)})));
  `);
  assert.deepEqual(told.names.sort(), ["a", "b", "c"]);
});

test("Node loads the inline entry, from CommonJS as well", async () => {
  const file = join(project, "script.cjs");
  await writeFile(file, `
    const { Waypost } = require("waypost/inline");
    new Waypost({ baseUrl: ${JSON.stringify(api)} }).system.health().then(({ status }) => console.log(JSON.stringify(status)));
  `);
  assert.equal(JSON.parse(execFileSync(process.execPath, [file], { encoding: "utf8" })), "ok");
});

test("an edge runtime imports the module and compiles nothing", async () => {
  const bundle = join(project, "edge");
  const worker = new Miniflare({
    compatibilityDate: "2026-01-01",
    modules: [
      { type: "ESModule", path: join(bundle, "edge.js") },
      { type: "CompiledWasm", path: join(bundle, "waypost.wasm") },
    ],
    modulesRoot: bundle,
  });
  after(() => worker.dispose());
  const ask = async (...task) => (await worker.dispatchFetch("http://edge/", { method: "POST", body: JSON.stringify(task) })).json();
  const { names } = await ask("account", api);
  assert.deepEqual(names.sort(), ["a", "b", "c"]);
  const flaky = [503, 200];
  const once = await serve((_, response) => response.writeHead(flaky.shift() ?? 200, { "content-type": "application/json" }).end("{}"));
  assert.deepEqual((await ask("get", { baseUrl: once, backoffBaseMs: 1 })).attempts, [503, 200]);
});

/** The engine's package as it is installed, changed. */
async function broken(name, change) {
  const copy = join(place, name);
  await cp(join(project, "node_modules/@waypost/wasm"), copy, { recursive: true });
  await change(copy);
  return import(pathToFileURL(join(copy, "node.js")).href);
}

test("a missing file is an error that names it and says what to do, and a later call tries again", async () => {
  const bytes = await readFile(join(project, "node_modules/@waypost/wasm/waypost.wasm"));
  let file;
  const { init, version } = await broken("missing", (copy) => rm((file = join(copy, "waypost.wasm"))));
  await assert.rejects(init(), /missing\/waypost\.wasm.*What to do: .*waypost\/inline/s);
  await writeFile(file, bytes);
  assert.equal((await init()).version, version);
});

test("an engine of another version is refused, naming both", async () => {
  const { init } = await broken("old", (copy) => writeFile(join(copy, "version.js"), 'export const version = "9.9.9";\n'));
  await assert.rejects(init(), /of version 0\.\d+\.\d+ and @waypost\/wasm of 9\.9\.9.*install one version/s);
});

test("the engine is made of a module, of bytes, of an address or of a response", async () => {
  const bytes = await readFile(join(project, "node_modules/@waypost/wasm/waypost.wasm"));
  const url = await serve((_, response) => response.writeHead(200).end(bytes));
  const sources = { module: await WebAssembly.compile(bytes), bytes, buffer: new Uint8Array(bytes).buffer, address: url, response: fetch(url) };
  for (const [name, source] of Object.entries(sources)) {
    const { init, version } = await broken(name, () => undefined);
    assert.equal((await init(source)).version, version, name);
  }
  const { init } = await broken("none", () => undefined);
  await assert.rejects(init(42), /no module/);
});
