/**
 * Every file of `openapi/vectors`, on both engines: through the client as a user has it, and where the engine has the policy itself, also that. A
 * file that no runner here takes fails the suite, so that none is added and forgotten.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { onEach } from "./support/engines.js";
import { repository } from "./support/repository.js";
import { call, observable } from "./vectors/call.js";
import { differences } from "./vectors/holds.js";
import { seen } from "./vectors/seen.js";

type Json = Record<string, unknown>;

interface File {
  readonly name: string;
  readonly runner: string;
  readonly cases: readonly { readonly name: string; readonly input: Json; readonly expect: Json }[];
}

const folder = join(repository, "openapi/vectors");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ ...(JSON.parse(readFileSync(join(folder, name), "utf8")) as File), path: name }));

test("every file of vectors is named after itself and has a runner here", () => {
  assert.ok(files.length >= 21, `there are ${files.length} files`);
  for (const file of files) {
    assert.equal(`${file.name}.json`, file.path);
    assert.ok(["call", "tokens"].includes(file.runner) || seen[file.runner], `${file.path} asks for the runner ${file.runner}`);
    assert.ok(file.cases.length > 0, `${file.path} has no case`);
  }
});

/** What is wrong with the outcomes of a file's cases. */
async function wrong({ cases }: File, run: (input: Json, expected: Json) => Promise<[expected: unknown, outcome: unknown]>): Promise<string[]> {
  const found: string[] = [];
  for (const { name, input, expect } of cases) {
    try {
      const [expected, outcome] = await run(input, expect);
      found.push(...differences(expected, outcome).map((difference) => `${name}: ${difference}`));
    } catch (error) {
      found.push(`${name}: ${String(error)}`);
    }
  }
  return found;
}

/** Of what is expected, those members that a client shows; that it refused is never left out. A sign-in tells it as its result. */
function shown(expected: Json, outcome: Json): Json {
  const members = Object.entries(expected).filter(([name]) => name in outcome);
  return "error" in outcome && !("error" in expected) && !("result" in outcome) ? { error: "none", message: "none" } : Object.fromEntries(members);
}

onEach("the shared vectors", (engine) => {
  for (const file of files) {
    test(`${file.name}: all ${file.cases.length} cases hold for the client`, async () => {
      const run = seen[file.runner];
      const found = await wrong(file, async (input, expected) => {
        if (["call", "tokens"].includes(file.runner)) return [observable(input, expected), await call(engine, input)];
        if (run === undefined) throw new Error(`there is no runner ${file.runner}`);
        const outcome = await run(engine, input, expected);
        return [file.runner === "sign_in" ? expected : shown(expected, outcome), outcome];
      });
      assert.deepEqual(found, []);
    });

    // Policies that no call shows whole; the engine for browsers has no entry for them, and `.ci/wasm-build` runs them in a module of their own. A sign-in is
    // no engine's here, but TypeScript's.
    if (!["call", "tokens", "sign_in"].includes(file.runner) && engine.name === "native") {
      test(`${file.name}: all ${file.cases.length} cases hold for the engine`, async () => {
        assert.deepEqual(await wrong(file, async (input, expected) => [expected, await engine.backend.policy(file.runner, input)]), []);
      });
    }
  }
});
