// What a user of the pet shop's TypeScript output writes, and what tsc must refuse: checked with the output by tests/it/typescript.rs.

import { Client, Species, type Keeper, type NewPet, type Open, type Pet, type PetChange, type UnknownTag } from "./typescript/index.js";
import { Waypost } from "waypost";

const client = new Client(new Waypost({ baseUrl: "https://petshop.example/api" }).caller);

// Enums complete, take what they do not know, and have their values by name.
const known: Species = Species.GuineaPig;
const unknown: Species = "axolotl";
const cat: "cat" = Species.Cat;

// Absent, null and a value are three things.
const change: PetChange = { keeper: null, weight: null, name: "Tom" };
const nothing: PetChange = {};
// @ts-expect-error `name` may be absent, not null
const noName: PetChange = { name: null };
// @ts-expect-error absent is not undefined
const undefinedName: PetChange = { name: undefined };

// A union narrows by its tag, and what is left has all that came.
function about(keeper: Keeper): string {
  switch (keeper.kind) {
    case "person":
      return keeper.name;
    case "shelter":
      return keeper.city;
    default:
      keeper satisfies { kind: UnknownTag };
      return `${keeper.kind}: ${String(keeper["since"])}`;
  }
}
function ofPerson(keeper: Keeper): string | undefined {
  // @ts-expect-error not every keeper has a name
  keeper.name;
  return keeper.kind === "person" ? keeper.name : undefined;
}
// @ts-expect-error a tag that no variant has
const nobody: Keeper = { kind: "nobody" };
// @ts-expect-error a property of another variant
const mixed: Keeper = { kind: "person", name: "Ann", city: "Ghent" };
// @ts-expect-error the tag must be there
const untagged: Keeper = { name: "Ann" };

// What a type does not know is there for those who ask.
async function read(): Promise<void> {
  const pet = await client.pets.get(1);
  pet satisfies Pet;
  pet.keeper?.kind satisfies string | undefined;
  (pet as Open<Pet>)["colour"] satisfies unknown;
  // @ts-expect-error a typo is no unknown property
  pet.nmae;
  pet.traits?.["size"] satisfies number | undefined;
  const { response } = await client.pets.get(1).withResponse();
  response.status satisfies number;
}

// Lists are iterated, awaited, or taken page by page, under the names that they have.
async function list(): Promise<void> {
  for await (const pet of client.pets.list({ "X-Shop": "main street", limit: undefined })) pet.name satisfies string;
  const page = await client.pets.list({ "X-Shop": "main street", species: ["cat", unknown] });
  page.pets[0]?.name satisfies string | undefined;
  for await (const cages of client.pets.cages("a", "b", "c").pages()) cages.cages satisfies string[] | null | undefined;
  for await (const { data } of client.pets.events(1)) data.what satisfies string;
  for await (const piece of client.pets.photo(1)) piece.length satisfies number;
}

async function wrong(pet: NewPet): Promise<void> {
  await client.pets.create(pet, { timeoutMs: 5 });
  // @ts-expect-error a required property is missing
  await client.pets.create({ name: "Tom" });
  // @ts-expect-error a property that a closed object does not have
  await client.pets.create({ name: "Tom", species: "cat", colour: "red" });
  // @ts-expect-error a required parameter is missing
  await client.pets.list({});
  // @ts-expect-error params with a required member are required
  await client.pets.list();
  // @ts-expect-error text for a number
  await client.pets.get("1");
  // @ts-expect-error no argument
  await client.pets.get();
  // @ts-expect-error a change must be given
  await client.pets.update(1);
  // @ts-expect-error an option that is none
  await client.pets.get(1, { timeout: 5 });
  // @ts-expect-error a resource is no place for other values
  client.pets = client.people;
  // @ts-expect-error there is no such resource
  client.cats;
}

void [known, unknown, cat, change, nothing, noName, undefinedName, about, ofPerson, nobody, mixed, untagged, read, list, wrong];
