/**
 * The WebAssembly engine behind the {@link Backend} interface, for browsers, workers and edge runtimes, and for Node where the addon is missing. The
 * engine plans, this file and its neighbours do: `wasm/drive.ts` does as its steps say, `wasm/fetch.ts` with the host's `fetch` and timers, `wasm/script.ts`
 * with a script and a virtual clock. No policy is written here.
 *
 * Promises: the module is loaded at the first call and once; nothing is sent that a page's plain `fetch` of the same call would not send, so nothing asks a
 * server for leave (a CORS preflight) where that would not; aborting drops the request; no listener and no timer outlives its call.
 */

import type { Engine } from "@waypost/wasm";
import {
  CallFailed,
  EngineMissing,
  type Answer,
  type AnswerStream,
  type Backend,
  type BackendClient,
  type CallSettings,
  type Interceptor,
  type Named,
  type OperationDescription,
  type Script,
  type ScriptedClient,
  type Settings,
  type Store,
} from "../backend.js";
import { version as packageVersion } from "../version.js";
import { answerOf, streamOf } from "./wasm/answer.js";
import { Cache } from "./wasm/cache.js";
import { Flight, type Host, type Landed, type Line, type Row } from "./wasm/drive.js";
import { Fetching } from "./wasm/fetch.js";
import { formOf } from "./wasm/form.js";
import { packed, rowOf } from "./wasm/row.js";
import { Scripted } from "./wasm/script.js";
import { cacheOf, clientList, refuse } from "./wasm/settings.js";
import { Tokens } from "./wasm/tokens.js";

/** What the entries of `@waypost/wasm` export. */
export interface EnginePackage {
  init(): Promise<Engine>;
  current(): Engine | undefined;
}

/** The backend whose engine comes from there: `@waypost/wasm` itself, or its entry with the bytes within. */
export function wasmBackend(load: () => EnginePackage | Promise<EnginePackage>): Backend {
  return new WasmBackend(load);
}

class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly #load: () => EnginePackage | Promise<EnginePackage>;
  #engine: Engine | undefined;
  #described = new Map<string, string>();
  readonly #rows = new Map<string, Row>();

  constructor(load: () => EnginePackage | Promise<EnginePackage>) {
    this.#load = load;
  }

  /** The engine, where it is loaded. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  async loaded(): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine;
    let engine: Engine;
    try {
      engine = await (await this.#load()).init();
    } catch (error) {
      throw new EngineMissing(error instanceof Error ? error.message : String(error), { cause: error });
    }
    if (engine.version !== packageVersion) {
      throw new EngineMissing(
        `\`waypost\` is of version ${packageVersion} and \`@waypost/wasm\` of ${engine.version}; install both of one version`,
      );
    }
    return (this.#engine = engine);
  }

  async version(): Promise<string> {
    return (await this.loaded()).version;
  }

  client(settings: Settings, interceptor?: Interceptor, fetch?: typeof globalThis.fetch, store?: Store): BackendClient {
    return new Client(this, settings, new Fetching(fetch, interceptor), store);
  }

  scripted(settings: Settings, script: Script, interceptor?: Interceptor, store?: Store): ScriptedClient {
    return new ScriptedCalls(this, settings, new Scripted(script, interceptor), store);
  }

  async define(operation: OperationDescription): Promise<string> {
    const engine = await this.loaded();
    const text = JSON.stringify(operation);
    let id = this.#described.get(text);
    if (id === undefined) {
      id = operation.id ?? `described_${this.#described.size + 1}`;
      this.#rows.set(id, rowOf(id, engine.define(packed(operation, id))));
      this.#described.set(text, id);
    }
    return id;
  }

  /** An operation, as the engine knows it: it learns each one when it is called first. */
  row(engine: Engine, { id, row: text = "" }: Named): Row {
    let row = this.#rows.get(id);
    if (row === undefined) {
      row = rowOf(id, engine.define(`${id}\t${text}`));
      this.#rows.set(id, row);
    }
    return row;
  }

  policy(runner: string): Promise<unknown> {
    // They would make every page's download larger for the sake of tests; `.ci/wasm-build` runs them in a module of their own.
    return Promise.reject(new TypeError(`the engine for browsers has no entry for the policy \`${runner}\``));
  }
}

class Client implements BackendClient {
  readonly #backend: WasmBackend;
  readonly #settings: Settings;
  readonly #host: Host;
  readonly #store: Store | undefined;
  readonly #flights = new Set<Flight>();
  #line: Line | undefined;
  #closed = false;

  constructor(backend: WasmBackend, settings: Settings, host: Host, store: Store | undefined) {
    this.#backend = backend;
    this.#settings = settings;
    this.#host = host;
    this.#store = store;
    if (backend.engine !== undefined) this.#made(backend.engine);
  }

  call(
    operation: Named,
    parameters: readonly string[],
    body: string | Uint8Array | undefined,
    options?: CallSettings,
    signal?: AbortSignal,
  ): Promise<Answer> {
    return this.#fly(answerOf, operation, parameters, body, options, signal);
  }

  open(
    operation: Named,
    parameters: readonly string[],
    body: string | Uint8Array | undefined,
    options?: CallSettings,
    signal?: AbortSignal,
  ): Promise<AnswerStream> {
    return this.#fly(streamOf, operation, parameters, body, options, signal);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const flight of this.#flights) flight.cancel(undefined);
    if (this.#line !== undefined) this.#line.engine.close(this.#line.number);
  }

  #fly<T>(
    land: (landed: Landed) => T | Promise<T>,
    operation: Named,
    parameters: readonly string[],
    body: string | Uint8Array | undefined,
    options: CallSettings | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { engine } = this.#backend;
    if (engine === undefined) return this.#backend.loaded().then(() => this.#fly(land, operation, parameters, body, options, signal));
    if (this.#closed) {
      throw new CallFailed({ kind: "config", message: `${operation.id} was not sent: the client is closed`, hint: "Make another client", operation: operation.id, attempts: [] });
    }
    const line = this.#line ?? this.#made(engine);
    const row = this.#backend.row(engine, operation);
    const sent = row.form && typeof body === "string" ? formOf(operation.id, body) : body;
    const flight = new Flight(line, this.#host, row, sent, signal);
    this.#flights.add(flight);
    // A stream is part of the call until it ends: `close` and the signal end it as well.
    return flight.run(parameters, options, land, () => this.#flights.delete(flight));
  }

  #made(engine: Engine): Line {
    const { numbers, texts, mistakes, base, given } = clientList(this.#settings, this.#store !== undefined);
    const { number, text } = engine.client(numbers, texts);
    const all = number < 0 ? [...mistakes, text] : mistakes;
    if (all.length > 0 && number >= 0) engine.close(number);
    refuse("the client cannot be made", all);
    const sizes = cacheOf(this.#settings);
    const tokens = Tokens.of(engine, number, base, given, this.#store);
    return (this.#line = { engine, number, cache: sizes && new Cache(sizes), tokens });
  }
}

class ScriptedCalls extends Client implements ScriptedClient {
  readonly #host: Scripted;
  #last: Promise<unknown> = Promise.resolve();

  constructor(backend: WasmBackend, settings: Settings, host: Scripted, store: Store | undefined) {
    super(backend, settings, host, store);
    this.#host = host;
  }

  override call(...made: Parameters<BackendClient["call"]>): Promise<Answer> {
    return this.#after(() => super.call(...made));
  }

  override open(...made: Parameters<BackendClient["open"]>): Promise<AnswerStream> {
    return this.#after(() => super.open(...made));
  }

  now(): number {
    return this.#host.elapsed;
  }

  advance(milliseconds: number): void {
    this.#host.elapsed += milliseconds;
  }

  /** One after another: there is one clock. */
  #after<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
