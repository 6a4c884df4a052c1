/**
 * The snippets of the package's README, and of the repository's, each as a user would paste it: `ts` is compiled under the strictest settings and run, `js` is run as an
 * ES module, `cjs` as CommonJS, against the real gateway. `ts browser` is compiled only.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { startGateway } from "./support/gateway.js";
import { repository } from "./support/repository.js";

const run = promisify(execFile);
const { baseUrl, apiKey } = await startGateway();
const text = (await Promise.all(["sdk-node/README.md", "README.md"].map((name) => readFile(join(repository, name), "utf8")))).join("\n");
const snippets = [...text.matchAll(/^```(js|cjs|ts|ts browser)\n(.*?)^```$/gms)].map(([, kind = "", code = ""], place) => ({ kind, code, place }));
const folder = await mkdtemp(join(process.cwd(), "readme-"));
const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");

const EXTENSION: Readonly<Record<string, string>> = { js: "mjs", cjs: "cjs", ts: "mts", "ts browser": "mts" };
const nameOf = ({ kind, place }: { kind: string; place: number }): string => `snippet-${place}.${EXTENSION[kind] ?? kind}`;

test("the README has snippets in ESM, CommonJS and TypeScript", () => {
  for (const kind of Object.keys(EXTENSION)) assert.ok(snippets.some((snippet) => snippet.kind === kind), kind);
});

test("the TypeScript snippets compile under the strictest settings", async () => {
  for (const snippet of snippets) await writeFile(join(folder, nameOf(snippet)), snippet.code);
  const compilerOptions = {
    target: "es2022",
    module: "nodenext",
    lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    types: ["node"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mts"] }));
  const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch((error: unknown) => error as { stdout: string });
  assert.equal(stdout, "");
});

for (const snippet of snippets.filter(({ kind }) => kind !== "ts browser")) {
  const title = [...text.slice(0, text.indexOf(snippet.code)).matchAll(/^## (.*)$/gm)].at(-1)?.[1] ?? "";
  test(`the ${snippet.kind} snippet under "${title}" (${snippet.place}) runs`, async () => {
    const file = join(folder, nameOf(snippet).replace(".mts", ".mjs"));
    const env = { ...process.env, WAYPOST_BASE_URL: baseUrl, WAYPOST_API_KEY: apiKey };
    const { stderr } = await run(process.execPath, ["--unhandled-rejections=strict", file], { env, timeout: 30_000 });
    assert.equal(stderr, "");
  });
}
