/** The package as it is installed: what its files say and carry, whichever way they are loaded. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = packageRoot("waypost");

/** The folder of an installed package. */
function packageRoot(name: string): string {
  let folder = dirname(require.resolve(name));
  while (!folder.endsWith(join("node_modules", name))) folder = dirname(folder);
  return folder;
}

async function files(folder: string, name: RegExp): Promise<string[]> {
  const all = await readdir(folder, { recursive: true });
  return all.filter((path) => name.test(path)).map((path) => join(folder, path));
}

/** Without comments and texts, which may well say "any". */
const code = (text: string): string => text.replace(/\/\*.*?\*\//gs, "").replace(/\/\/.*$/gm, "").replace(/"[^"\n]*"/g, '""');

test("no `any` is in the types", async () => {
  const declarations = await files(root, /\.d\.[mc]?ts$/);
  assert.ok(declarations.length > 0);
  for (const path of declarations) assert.doesNotMatch(code(await readFile(path, "utf8")), /\bany\b/, path);
});

test("only what is for Node imports Node's modules", async () => {
  for (const path of await files(root, /\.[mc]?js$/)) {
    if (/native|node/.test(path.slice(root.length))) continue;
    assert.doesNotMatch(await readFile(path, "utf8"), /(?:from|require\(|import\()\s*["']node:/, path);
  }
});

test("ESM and CommonJS give the same names", async () => {
  for (const entry of ["waypost", "waypost/webhooks", "waypost/testing", "waypost/oauth"]) {
    const imported = Object.keys((await import(entry)) as object).filter((name) => name !== "default" && name !== "module.exports");
    assert.deepEqual(Object.keys(require(entry) as object).toSorted(), imported.toSorted(), entry);
  }
});

test("`waypost/webhooks` and `waypost/oauth` load no engine", async () => {
  const script = `await import("waypost/webhooks"); await import("waypost/oauth"); process.stdout.write(JSON.stringify(process.report.getReport().sharedObjects.filter((path) => path.endsWith(".node"))));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(stdout, "[]");
});

test("an idle client keeps no process alive, and exit is silent with a call in flight", async () => {
  const idle = `import { Waypost } from "waypost"; new Waypost({ baseUrl: "http://127.0.0.1:9", environment: false });`;
  assert.deepEqual(await run(process.execPath, ["--input-type=module", "-e", idle], { timeout: 10_000 }), { stdout: "", stderr: "" });
  const busy = `import { createServer } from "node:net"; import { Waypost } from "waypost";
    const server = createServer().listen(0, () => {
      const client = new Waypost({ baseUrl: "http://127.0.0.1:" + server.address().port, environment: false });
      void client.system.health().catch(() => undefined);
      setTimeout(() => process.exit(0), 50);
    });`;
  assert.deepEqual(await run(process.execPath, ["--input-type=module", "-e", busy], { timeout: 10_000 }), { stdout: "", stderr: "" });
});
