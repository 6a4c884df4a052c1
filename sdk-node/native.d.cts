/** What the addon offers: `src/engine.rs` and `src/client.rs`. */
export interface Addon {
  Engine: new (receive: (events: unknown[]) => void) => AddonEngine;
  Client: new (engine: AddonEngine, settings: string, hooks: number) => AddonClient;
  Scripted: new (engine: AddonEngine, settings: string, hooks: number) => AddonScripted;
  define(description: string): string;
  policy(runner: string, input: string): string | null | undefined;
}

export interface AddonEngine {
  cancel(id: number): void;
  reply(question: number, text?: string, body?: string | Uint8Array): void;
  next(id: number, stream: number): void;
  letGo(stream: number): void;
}

type Call = [id: number, operation: string, parameters: readonly string[], body: string | Uint8Array | undefined, options: string | undefined];

export interface AddonClient {
  call(...call: Call): void;
  open(...call: Call): void;
  close(): void;
}

export interface AddonScripted {
  play(...call: [...Call, streamed: boolean]): void;
  now(): number;
  advance(milliseconds: number): void;
  close(): void;
}

/**
 * Loads the addon of this version. Throws an error that says what to do; its cause is `"broken"` where another engine in its place would hide that the
 * installation is wrong.
 */
export function load(version: string): Addon;

/** This thread's number. */
export function thread(): number;
