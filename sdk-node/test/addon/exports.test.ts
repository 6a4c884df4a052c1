/** The package's map: which file each runtime and bundler gets, and what it may hold. */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { build, type BuildOptions } from "esbuild";

import { program } from "./child.js";

const RESOLVED: readonly (readonly [conditions: readonly string[], file: string])[] = [
  [[], "node.js"],
  [["bun"], "node.js"],
  [["browser"], "web.js"],
  [["worker"], "web.js"],
  [["workerd", "worker", "browser"], "web.js"],
  [["deno"], "web.js"],
];

for (const [conditions, file] of RESOLVED) {
  test(`under ${conditions.join(", ") || "Node's own conditions"} the entry is ${file}, for import and require`, async () => {
    const source = `import { createRequire } from "node:module";
      console.log(JSON.stringify([import.meta.resolve("waypost"), createRequire(import.meta.url).resolve("waypost"), import.meta.resolve("waypost/testing")]));`;
    const { stdout, stderr } = await program(source, { args: conditions.map((one) => `--conditions=${one}`) });
    assert.equal(stderr, "");
    const [imported, required, testing] = JSON.parse(stdout) as [string, string, string];
    assert.ok(imported.endsWith(`/dist/esm/entries/${file}`), imported);
    assert.ok(required.endsWith(join("dist", "cjs", "entries", file)), required);
    assert.ok(testing.endsWith(`/dist/esm/entries/testing.${file}`), testing);
  });
}

test("CommonJS gets the client by require, with the addon behind it", async () => {
  const source = `import { createRequire } from "node:module";
    const { Waypost } = createRequire(import.meta.url)("waypost");
    const client = new Waypost({ baseUrl: "http://127.0.0.1:1", environment: false, maxRetries: 0 });
    console.log(await client.system.health().catch((error) => error.kind));`;
  assert.equal((await program(source)).stdout, "connection\n");
});

async function bundle(source: string, options: BuildOptions): Promise<string> {
  const { outputFiles = [] } = await build({
    stdin: { contents: source, resolveDir: process.cwd() },
    bundle: true,
    format: "esm",
    write: false,
    minify: true,
    logLevel: "silent",
    outdir: await mkdtemp(join(tmpdir(), "waypost-bundle-")),
    ...options,
  });
  return outputFiles.map((file) => file.text).join("\n");
}

const USE = `import { Waypost } from "waypost"; globalThis.client = new Waypost({ baseUrl: "https://api.example" });`;
const FOR: Readonly<Record<string, BuildOptions>> = {
  "a browser": { platform: "browser", loader: { ".wasm": "file" } },
  "a workerd-like runtime": { platform: "neutral", conditions: ["workerd", "worker", "browser"], mainFields: ["module", "main"], external: ["*.wasm"] },
};

for (const [name, options] of Object.entries(FOR)) {
  test(`esbuild bundles it for ${name}, with nothing of Node in it`, async () => {
    const text = await bundle(USE, options);
    assert.ok(text.includes("https://api.example"));
    assert.doesNotMatch(text, /["']node:|WAYPOST_ADDON|\.node["']/);
  });
}

test("a program that takes one error class takes neither client nor engine", async () => {
  const text = await bundle(`import { NotFoundError } from "waypost"; console.log(NotFoundError);`, FOR["a browser"] ?? {});
  assert.doesNotMatch(text, /wallets_create|\.wasm/);
});

test("a program that verifies webhooks takes no engine", async () => {
  const text = await bundle(`import { Webhook } from "waypost/webhooks"; console.log(new Webhook("whsec_x"));`, FOR["a browser"] ?? {});
  assert.doesNotMatch(text, /wallets_create|\.wasm/);
});

for (const [format, ending] of [["esm", "mjs"], ["cjs", "cjs"]] as const) {
  test(`a program that is bundled for Node as ${format} finds the addon`, async () => {
    const source = `import { Waypost } from "waypost";
      new Waypost({ baseUrl: "http://127.0.0.1:1", environment: false });
      console.log(process.report.getReport().sharedObjects.filter((path) => path.endsWith(".node")).length);`;
    const text = await bundle(source, { platform: "node", format, external: ["@waypost/wasm"] });
    assert.deepEqual(await program(text, { ending }), { code: 0, signal: null, stdout: "1\n", stderr: "" });
  });
}
