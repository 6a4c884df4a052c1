/**
 * Every file of `openapi/vectors`, on both engines. A file that no runner here takes fails the suite, so that none is added and forgotten.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { onEach } from "./support/engines.js";
import { repository } from "./support/repository.js";
import { observable } from "./vectors/call.js";
import { differences } from "./vectors/holds.js";
import { runners } from "./vectors/others.js";

interface File {
  readonly name: string;
  readonly runner: string;
  readonly cases: readonly { readonly name: string; readonly input: Record<string, unknown>; readonly expect: unknown }[];
}

const folder = join(repository, "openapi/vectors");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ ...(JSON.parse(readFileSync(join(folder, name), "utf8")) as File), path: name }));

test("every file of vectors is named after itself and has a runner here", () => {
  assert.ok(files.length >= 21, `there are ${files.length} files`);
  for (const file of files) {
    assert.equal(`${file.name}.json`, file.path);
    assert.ok(runners[file.runner], `${file.path} asks for the runner ${file.runner}`);
    assert.ok(file.cases.length > 0, `${file.path} has no case`);
  }
});

onEach("the shared vectors", (engine) => {
  for (const file of files) {
    test(`${file.name}: all ${file.cases.length} cases hold`, async () => {
      const wrong: string[] = [];
      for (const { name, input, expect } of file.cases) {
        const run = runners[file.runner];
        try {
          const outcome = await run?.(engine, input);
          wrong.push(...differences(file.runner === "call" ? observable(input, expect) : expect, outcome).map((difference) => `${name}: ${difference}`));
        } catch (error) {
          wrong.push(`${name}: ${String(error)}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
});
