/**
 * Code that `waypost-codegen --spec FILE --out DIR` made of somebody else's contract, on this package: operations that the engine's table does not have
 * are described to it, and everything else is as for our own. The output under test is the generator's golden one.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { type Caller, NotFoundError } from "waypost";
import { type FakeAnswer, type FakeRequest, problem } from "waypost/testing";

import { type Engine, onEach } from "./support/engines.js";
import { repository } from "./support/repository.js";

const run = promisify(execFile);
const folder = join(process.cwd(), "foreign");

/** As much of the golden client as the tests use; that its own types fit is the generator's test. */
interface PetShop {
  readonly pets: {
    list(params: object): AsyncIterable<{ name: string }>;
    create(body: object): Promise<{ name: string; species: string; keeper: unknown }>;
    get(id: number): Promise<object>;
    delete(id: number): Promise<void>;
    setPhoto(id: number, body: Uint8Array): Promise<void>;
    photo(id: number): { bytes(): Promise<Uint8Array> };
    events(id: number): AsyncIterable<{ data: unknown }>;
  };
  readonly people: { login(body: object): Promise<string> };
}
let Client: new (caller: Caller) => PetShop;

before(async () => {
  await cp(join(repository, "openapi/codegen/tests/golden/petshop/typescript"), folder, { recursive: true });
  const compilerOptions = { target: "es2022", module: "nodenext", lib: ["es2023", "dom", "dom.asynciterable", "esnext.disposable"], strict: true, skipLibCheck: true, types: [], rootDir: ".", outDir: "out" };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["."], exclude: ["out"] }));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await run(process.execPath, [join(process.cwd(), "node_modules/typescript/bin/tsc"), "-p", folder]).catch((error: unknown) => {
    throw new Error((error as { stdout: string }).stdout);
  });
  ({ Client } = (await import(pathToFileURL(join(folder, "out/index.js")).href)) as { Client: typeof Client });
});

onEach("generated code of another API", ({ FakeWaypost }: Engine) => {
  /** A shop that answers everything like this, and what it was asked. */
  function shop(answer: (request: FakeRequest) => FakeAnswer): { pets: PetShop["pets"]; people: PetShop["people"]; asked: readonly FakeRequest[] } {
    const fake = new FakeWaypost({ baseUrl: "https://petshop.example/api", accessToken: "tok_1" }).always("*", answer);
    const { pets, people } = new Client(fake.client.caller);
    return { pets, people, asked: fake.requests };
  }

  test("sends what its own contract says", async () => {
    const { pets, asked } = shop(() => ({ status: 201, json: { name: "Tom" } }));
    const { name } = await pets.create({ name: "Tom", species: "cat" });
    assert.equal(name, "Tom");
    assert.deepEqual([asked[0]?.method, asked[0]?.path, asked[0]?.json], ["POST", "/api/pets", { name: "Tom", species: "cat" }]);
    assert.equal(asked[0]?.headers.get("authorization"), "Bearer tok_1");
  });

  test("puts parameters where they belong", async () => {
    const { pets, asked } = shop(() => ({ json: { pets: [], more: false } }));
    for await (const pet of pets.list({ "X-Shop": "main street", species: ["cat", "guinea-pig"], limit: 5 })) assert.fail(pet.name);
    assert.equal(asked[0]?.query.toString(), "limit=5&species=cat&species=guinea-pig");
    assert.equal(asked[0]?.headers.get("x-shop"), "main street");
  });

  test("goes on in a list by the names that the contract gives", async () => {
    const { pets, asked } = shop(({ query }) =>
      query.get("after") === null ? { json: { pets: [{ name: "Tom" }], next: "c2", more: true } } : { json: { pets: [{ name: "Ann" }], more: false } },
    );
    const names = [];
    for await (const { name } of pets.list({ "X-Shop": "main street" })) names.push(name);
    assert.deepEqual(names, ["Tom", "Ann"]);
    assert.equal(asked[1]?.query.get("after"), "c2");
  });

  test("keeps what its version of the contract does not know", async () => {
    const pet = { id: 1, name: "Tom", species: "axolotl", keeper: { kind: "museum", since: 1901 }, colour: { eyes: ["green", null] } };
    const { pets, asked } = shop(() => ({ json: pet }));
    const read = await pets.get(1);
    assert.deepEqual(read, pet);
    await pets.create(read);
    assert.deepEqual(asked[1]?.json, pet);
  });

  test("sends again what may be, and nothing else", async () => {
    const { pets, asked } = shop(() => ({ failure: "reset" }));
    await assert.rejects(pets.delete(1), { name: "ConnectionError" });
    assert.equal(asked.length, 3);
    await assert.rejects(pets.create({ name: "Tom", species: "cat" }), { name: "ConnectionError" });
    assert.equal(asked.length, 4);
  });

  test("fails with the errors of this package", async () => {
    const { pets } = shop(() => problem(404, "no_such_pet"));
    await assert.rejects(pets.get(1), (error) => error instanceof NotFoundError && error.code === "no_such_pet");
  });

  test("refuses a wrong argument before anything is sent", async () => {
    const { pets, asked } = shop(() => ({ json: {} }));
    await assert.rejects(async () => pets.create({ name: "Tom" }), /TypeError: pets_create: `species`/);
    assert.equal(asked.length, 0);
  });

  test("carries forms, bytes, text and events", async () => {
    const photo = new Uint8Array([0, 159, 146, 150]);
    const { pets, people, asked } = shop(({ method, path }) =>
      path.endsWith("/login")
        ? { body: "tok_2", headers: { "content-type": "text/plain" } }
        : path.endsWith("/events")
          ? { body: 'data: {"what": "sleeps"}\n\n', headers: { "content-type": "text/event-stream" } }
          : method === "PUT"
            ? { status: 204 }
            : { body: photo, headers: { "content-type": "image/png" } },
    );
    assert.equal(await people.login({ name: "ann", password: "a b&c" }), "tok_2");
    assert.equal(asked[0]?.body, "name=ann&password=a%20b%26c");
    assert.equal(asked[0]?.headers.get("content-type"), "application/x-www-form-urlencoded");
    await pets.setPhoto(1, photo);
    assert.equal(asked[1]?.headers.get("content-type"), "application/octet-stream");
    assert.deepEqual(await pets.photo(1).bytes(), photo);
    for await (const { data } of pets.events(1)) assert.deepEqual(data, { what: "sleeps" });
  });
});
