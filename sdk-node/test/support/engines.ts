/**
 * The engines that a suite runs on: the addon (what `waypost` is in Node) and WebAssembly (what it is in browsers; in Node it is reached as
 * `waypost/inline`). Each suite is written once and run on both.
 *
 * `WAYPOST_TEST_ENGINES` (`native`, `wasm`, or both) narrows that down while working; a full run has both.
 */

import { describe } from "node:test";

import type { Waypost } from "waypost";
import type { FakeWaypost } from "waypost/testing";

/** The class of an engine's clients. */
export type Client = typeof Waypost;

/** What is behind a client's class: the part of the facade's `Backend` that tests use. */
export interface Backend {
  /** Which one. */
  readonly name: string;
  /** The engine's version. */
  version(): Promise<string>;
  /** The runners of the shared vectors that no call shows. */
  policy(runner: string, input: unknown): Promise<unknown>;
}

/** An engine under test. */
export interface Engine {
  /** `native` or `wasm`. */
  readonly name: "native" | "wasm";
  /** The class of its clients. */
  readonly Waypost: Client;
  /** A fake of the API on this engine. */
  readonly FakeWaypost: typeof FakeWaypost;
  /** The engine itself. */
  readonly backend: Backend;
}

const wanted = (process.env["WAYPOST_TEST_ENGINES"] ?? "native,wasm").split(",");

async function load(name: "native" | "wasm"): Promise<Engine> {
  const { Waypost: Client } = name === "native" ? await import("waypost") : ((await import("waypost/inline")) as unknown as { Waypost: typeof Waypost });
  const testing = await import("waypost/testing");
  // The class that the entry binds to its engine carries it; users have no need of it.
  const backend = (Client as unknown as { readonly engine: Backend }).engine;
  class Fake extends testing.FakeWaypost {
    static override readonly bound = { engine: backend, Client } as never;
  }
  return { name, Waypost: Client, FakeWaypost: Fake, backend };
}

/** Every engine under test. */
export const engines: readonly Engine[] = await Promise.all(
  (["native", "wasm"] as const).filter((name) => wanted.includes(name)).map(load),
);

/** Runs a suite on every engine. */
export function onEach(title: string, suite: (engine: Engine) => void): void {
  for (const engine of engines) describe(`${title}, on the ${engine.name} engine`, () => suite(engine));
}
