/** Finding the addon: what is said when it is missing, of another version or for another platform, and what runs in its place. */

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { CLIENT, program, serve, wallet } from "./child.js";

const BASE = await serve((_, response) => wallet(response));
const TELL = `${CLIENT} console.log(await client.wallets.get("wal_1").then((wallet) => wallet.balance, (error) => error.message));`;
/** For errors that come when the client is made. */
const GUARDED = `import { Waypost } from "waypost";
  try { new Waypost({ baseUrl: process.env.BASE, environment: false }); console.log("made"); } catch (error) { console.log(error.name, error.kind, error.message); }`;

/** A copy of the project without some of its packages. */
async function without(...packages: readonly RegExp[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "waypost-without-"));
  after(() => rm(folder, { recursive: true, force: true }));
  for (const name of ["waypost", "@waypost", "@noble"]) {
    await cp(join(process.cwd(), "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  const scope = join(folder, "node_modules", "@waypost");
  for (const name of await readdir(scope)) {
    if (!packages.some((one) => one.test(name))) continue;
    await rm(join(scope, name), { recursive: true });
    if (name !== "wasm") continue;
    // One of a folder above would be found in its place.
    await mkdir(join(scope, name));
    await writeFile(join(scope, name, "package.json"), JSON.stringify({ name: "@waypost/wasm", version: "0.0.0", exports: {} }));
  }
  return folder;
}

async function said(source: string, options: Parameters<typeof program>[1]): Promise<string> {
  const { stdout, stderr } = await program(source, { ...options, env: { BASE, ...options?.env } });
  assert.equal(stderr, "");
  return stdout.trim();
}

test("an addon of another version is refused, and both versions are named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waypost-addon-"));
  after(() => rm(folder, { recursive: true, force: true }));
  const old = join(folder, "old.cjs");
  await writeFile(old, `exports.version = () => "0.0.9";`);
  const message = await said(GUARDED, { env: { WAYPOST_ADDON: old } });
  assert.match(message, /^ConfigError config .*waypost is of version \d+\.\d+\.\d+.* of version 0\.0\.9/);
});

test("an addon that knows no version is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waypost-addon-"));
  after(() => rm(folder, { recursive: true, force: true }));
  const alien = join(folder, "alien.cjs");
  await writeFile(alien, `exports.hello = 1;`);
  assert.match(await said(GUARDED, { env: { WAYPOST_ADDON: alien } }), /of version unknown/);
});

test("an addon that was asked for and cannot be loaded is told, not replaced", async () => {
  assert.match(await said(GUARDED, { env: { WAYPOST_ADDON: "/nowhere/waypost.node" } }), /WAYPOST_ADDON names, cannot be loaded/);
});

test("without the addon, calls run on WebAssembly", async () => {
  const cwd = await without(/^node-/);
  assert.equal(await said(TELL, { cwd }), "5");
});

test("without any engine, the error says what to install", async () => {
  const cwd = await without(/^node-/, /^wasm$/);
  const message = await said(TELL, { cwd });
  assert.match(message, /addon @waypost\/node-\S+ is not installed; install without --omit=optional/);
  assert.match(message, /npm install @waypost\/node-\S+@\d+\.\d+\.\d+/);
  assert.match(message, /@waypost\/wasm/);
});

test("on a platform that has no addon, WebAssembly runs in its place", async () => {
  const args = ["--import", `data:text/javascript,Object.defineProperty(process, "arch", { value: "riscv64" })`];
  assert.equal(await said(TELL, { args }), "5");
  const message = await said(TELL, { args, cwd: await without(/^wasm$/) });
  assert.match(message, /there is no addon for linux-riscv64-gnu; there is one for .*linux-x64-gnu/);
});
