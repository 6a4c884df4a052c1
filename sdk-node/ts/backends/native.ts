/**
 * The engine in Node: the addon, and WebAssembly where there is no addon.
 *
 * Promises: the addon is loaded when the first client is made, not when the package is imported; a call costs one crossing in and a share of one crossing
 * out (`src/lib.rs`); no listener stays on a signal.
 */

import {
  CallFailed,
  EngineMissing,
  type Answer,
  type AnswerDetails,
  type AnswerStream,
  type Backend,
  type BackendClient,
  type CallSettings,
  type Interceptor,
  type Named,
  type OperationDescription,
  type Report,
  type Script,
  type ScriptedAnswer,
  type ScriptedClient,
  type ScriptedRequest,
  type Settings,
  type Store,
} from "../backend.js";
import { version } from "../version.js";
import { BrokenInstallation, loadAddon, threadNumber, type Addon, type AddonClient, type AddonEngine, type AddonScripted } from "./addon.js";
import { wasmBackend } from "./wasm.js";

/** What an event is: `Kind` in `src/queue.rs`; 0 is an answer. */
const FAILED = 1;
const PIECE = 2;
const BEFORE = 3;
const AFTER = 4;
const SCRIPT = 5;
const STORE = 6;
/** How many values tell of one event. */
const STRIDE = 5;

/** Which hooks an interceptor has: `Hooks` in `src/questions.rs`. */
const REQUEST = 1;
const RESPONSE = 2;
const FAILURE = 4;
/** Beside them: the client has a token store. */
const STORED = 8;

type Body = string | Uint8Array | undefined;

/** Makes a result of an answer. */
type Read<T> = (status: number, body: Body | number, details: string) => T;

/** What the engine may ask while a call is made. */
interface Asked {
  readonly interceptor?: Interceptor | undefined;
  readonly script?: Script | undefined;
  readonly store?: Store | undefined;
}

/** Somebody who waits for an event. */
class Waiting {
  /** What the caller's own code threw during the call. */
  thrown: { readonly error: unknown } | undefined;

  constructor(
    readonly resolve: (result: unknown) => void,
    readonly reject: (error: unknown) => void,
    readonly read: Read<unknown>,
    readonly asked: Asked | undefined,
    readonly signal: AbortSignal | undefined,
    readonly abort: (() => void) | undefined,
  ) {}

  /** The signal is left as it was found. */
  settled(): void {
    if (this.abort !== undefined) this.signal?.removeEventListener("abort", this.abort);
  }
}

/** The engine of this thread. */
class Engine {
  readonly addon: Addon;
  readonly #engine: AddonEngine;
  readonly #waiting = new Map<number, Waiting>();
  readonly #described = new Map<string, string>();
  #last = 0;

  constructor(addon: Addon) {
    this.addon = addon;
    // Bun has functions of libuv's names that end the process.
    this.#engine = new addon.Engine((...events) => this.#receive(events), process.versions["bun"] === undefined);
  }

  client(settings: Settings, hooks: number): AddonClient {
    return checked(() => new this.addon.Client(this.#engine, written(settings), hooks));
  }

  scripted(settings: Settings, hooks: number): AddonScripted {
    return checked(() => new this.addon.Scripted(this.#engine, written(settings), hooks));
  }

  define(operation: OperationDescription): string {
    const body = operation.method === "POST" || operation.method === "PUT" || operation.method === "PATCH" ? "json" : undefined;
    const text = JSON.stringify({ body, ...operation });
    let id = this.#described.get(text);
    if (id === undefined) {
      const described = { id: `described_${threadNumber()}_${this.#described.size + 1}`, ...(JSON.parse(text) as OperationDescription) };
      id = checked(() => this.addon.define(JSON.stringify(described)));
      this.#described.set(text, id);
    }
    return id;
  }

  /** Begins something that ends in an event, and can be given up until then. */
  begin<T>(signal: AbortSignal | undefined, begin: (id: number) => void, read: Read<T>, asked?: Asked): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(signal));
        return;
      }
      const id = this.#fresh();
      const abort = signal && ((): void => this.#abort(id, signal));
      const waiting = new Waiting(resolve as (result: unknown) => void, reject, read, asked, signal, abort);
      this.#waiting.set(id, waiting);
      try {
        begin(id);
      } catch (error) {
        this.#waiting.delete(id);
        reject(failureOf(error));
        return;
      }
      if (abort !== undefined) signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #abort(id: number, signal: AbortSignal): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#engine.cancel(id);
    waiting.reject(cancelled(signal));
  }

  next(stream: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return this.begin(
      signal,
      (id) => this.#engine.next(id, stream),
      pieceOf,
    );
  }

  letGo(stream: number): void {
    this.#engine.letGo(stream);
  }

  /** Ids are reused after four thousand million calls; one that is still waiting then is passed over. */
  #fresh(): number {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#waiting.has(this.#last));
    return this.#last;
  }

  #receive(events: unknown[]): void {
    for (let place = 0; place < events.length; place += STRIDE) {
      const kind = events[place] as number;
      const id = events[place + 1] as number;
      const number = events[place + 2] as number;
      const body = events[place + 3] as Body | number;
      const text = events[place + 4] as string;
      if (kind > PIECE) {
        void this.#reply(kind, id, number, text, body as string | Uint8Array);
        continue;
      }
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      this.#waiting.delete(id);
      waiting.settled();
      if (kind !== FAILED) waiting.resolve(waiting.read(number, body, text));
      else waiting.reject(waiting.thrown === undefined ? new CallFailed(JSON.parse(text) as Report) : waiting.thrown.error);
    }
  }

  /** Answers a question of the engine's. A call that nobody waits for any more gets none, which ends it. */
  async #reply(kind: number, question: number, call: number, text: string, body: string | Uint8Array): Promise<void> {
    const waiting = this.#waiting.get(call);
    let reply: string | undefined;
    let replyBody: Body;
    try {
      if (waiting !== undefined && waiting.thrown === undefined) {
        const seen = JSON.parse(text) as never;
        if (kind === SCRIPT) {
          const { body: answered, ...rest }: ScriptedAnswer =
            (await waiting.asked?.script?.(Object.assign(seen, { body }) as ScriptedRequest)) ?? {};
          [reply, replyBody] = [JSON.stringify(rest), answered];
        } else if (kind === STORE) {
          reply = JSON.stringify(await kept(waiting.asked?.store, seen));
        } else if (kind === BEFORE) {
          reply = JSON.stringify((await waiting.asked?.interceptor?.request?.(seen)) ?? []);
        } else if (kind === AFTER) {
          await ("status" in (seen as object) ? waiting.asked?.interceptor?.response?.(seen) : waiting.asked?.interceptor?.failure?.(seen));
          reply = "";
        }
      }
    } catch (error) {
      reply = undefined;
      if (waiting !== undefined) waiting.thrown = { error };
      // An attempt that is over cannot be refused any more, but its call can.
      if (kind === AFTER && this.#waiting.delete(call)) {
        waiting?.settled();
        this.#engine.cancel(call);
        waiting?.reject(error);
      }
    }
    try {
      this.#engine.reply(question, reply, replyBody);
    } catch (error) {
      // What it returned cannot cross; that is its author's mistake.
      if (waiting !== undefined) waiting.thrown = { error };
      this.#engine.reply(question);
    }
  }
}

/** Has a store do what the engine asks for. What goes wrong is told to the engine, which knows whether that matters. */
async function kept(store: Store | undefined, { verb, tokens }: { readonly verb: "load" | "save" | "clear"; readonly tokens: string }): Promise<{ kept?: string | undefined; error?: string }> {
  try {
    if (verb === "load") return { kept: await store?.load() };
    await (verb === "save" ? store?.save(tokens) : store?.clear());
    return {};
  } catch (error) {
    return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

class Received implements Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
  #details: string | AnswerDetails;

  constructor(status: number, body: Body | number, details: string) {
    this.status = status;
    this.body = body as string | Uint8Array;
    this.#details = details;
  }

  details(): AnswerDetails {
    if (typeof this.#details === "string") this.#details = JSON.parse(this.#details) as AnswerDetails;
    return this.#details;
  }
}

function answerOf(status: number, body: Body | number, details: string): Answer {
  return new Received(status, body, details);
}

function pieceOf(_: number, body: Body | number): Uint8Array | undefined {
  return body as Uint8Array | undefined;
}

/** A stream that nobody holds any more is let go, and its request with it. */
const forgotten = new FinalizationRegistry<() => void>((letGo) => letGo());

class Opened implements AnswerStream {
  readonly status: number;
  readonly #answer: Received;
  readonly #engine: Engine;
  readonly #stream: number;
  readonly #signal: AbortSignal | undefined;
  #ended = false;

  constructor(engine: Engine, answer: Received, stream: number, signal: AbortSignal | undefined) {
    this.status = answer.status;
    this.#answer = answer;
    this.#engine = engine;
    this.#stream = stream;
    this.#signal = signal;
    forgotten.register(this, () => engine.letGo(stream), this);
  }

  details(): AnswerDetails {
    return this.#answer.details();
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    try {
      const piece = await this.#engine.next(this.#stream, this.#signal);
      if (piece === undefined) this.cancel();
      return piece;
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    forgotten.unregister(this);
    this.#engine.letGo(this.#stream);
  }
}

class NativeClient implements BackendClient {
  readonly #engine: Engine;
  readonly #client: AddonClient;
  readonly #asked: Asked | undefined;

  constructor(engine: Engine, settings: Settings, interceptor: Interceptor | undefined, store: Store | undefined) {
    this.#engine = engine;
    this.#client = engine.client(settings, hooksOf(interceptor, store));
    this.#asked = interceptor === undefined && store === undefined ? undefined : { interceptor, store };
  }

  call({ id: operation }: Named, parameters: readonly string[], body: Body, options?: CallSettings, signal?: AbortSignal): Promise<Answer> {
    return this.#engine.begin<Answer>(
      signal,
      (id) => this.#client.call(id, operation, parameters, body, options && JSON.stringify(options)),
      answerOf,
      this.#asked,
    );
  }

  open({ id: operation }: Named, parameters: readonly string[], body: Body, options?: CallSettings, signal?: AbortSignal): Promise<AnswerStream> {
    return this.#engine.begin<AnswerStream>(
      signal,
      (id) => this.#client.open(id, operation, parameters, body, options && JSON.stringify(options)),
      (status, stream, details) => new Opened(this.#engine, new Received(status, "", details), stream as number, signal),
      this.#asked,
    );
  }

  close(): void {
    this.#client.close();
  }
}

class NativeScripted implements ScriptedClient {
  readonly #engine: Engine;
  readonly #client: AddonScripted;
  readonly #asked: Asked;
  #before: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, settings: Settings, script: Script, interceptor: Interceptor | undefined, store: Store | undefined) {
    this.#engine = engine;
    this.#client = engine.scripted(settings, hooksOf(interceptor, store));
    this.#asked = { script, interceptor, store };
  }

  call({ id: operation }: Named, parameters: readonly string[], body: Body, options?: CallSettings, signal?: AbortSignal): Promise<Answer> {
    return this.#afterwards(() =>
      this.#engine.begin<Answer>(
        signal,
        (id) => this.#client.play(id, operation, parameters, body, options && JSON.stringify(options), false),
        answerOf,
        this.#asked,
      ),
    );
  }

  open({ id: operation }: Named, parameters: readonly string[], body: Body, options?: CallSettings, signal?: AbortSignal): Promise<AnswerStream> {
    return this.#afterwards(() =>
      this.#engine.begin<AnswerStream>(
        signal,
        (id) => this.#client.play(id, operation, parameters, body, options && JSON.stringify(options), true),
        (status, stream, details) => new Opened(this.#engine, new Received(status, "", details), stream as number, signal),
        this.#asked,
      ),
    );
  }

  now(): number {
    return this.#client.now();
  }

  advance(milliseconds: number): void {
    checked(() => this.#client.advance(milliseconds));
  }

  close(): void {
    this.#client.close();
  }

  /** Calls share one clock, so one is played after the other. */
  #afterwards<T>(play: () => Promise<T>): Promise<T> {
    const played = this.#before.then(play);
    this.#before = played.catch(() => undefined);
    return played;
  }
}

function written(settings: Settings): string {
  return JSON.stringify({ ...settings, user_agent: settings.user_agent ?? `waypost-node/${version}` });
}

function hooksOf(interceptor: Interceptor | undefined, store: Store | undefined): number {
  const { request, response, failure } = interceptor ?? {};
  return (request ? REQUEST : 0) | (response ? RESPONSE : 0) | (failure ? FAILURE : 0) | (store ? STORED : 0);
}

/** The addon throws reports as the messages of its errors. */
function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw failureOf(error);
  }
}

function failureOf(error: unknown): unknown {
  const { message } = error as Error;
  return message.startsWith("{") ? new CallFailed(JSON.parse(message) as Report) : error;
}

function cancelled(signal: AbortSignal): CallFailed {
  const report: Report = { kind: "cancelled", message: "the call was aborted by its signal", attempts: [] };
  return new CallFailed(report, { cause: signal.reason as unknown });
}

/** The engine of this thread, or WebAssembly in its place. */
let loaded: Engine | Backend | undefined;

function engine(): Engine | Backend {
  if (loaded !== undefined) return loaded;
  try {
    loaded = new Engine(loadAddon());
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof BrokenInstallation) throw new EngineMissing(message);
    loaded = wasmBackend(async () => {
      try {
        return await import("@waypost/wasm");
      } catch (other) {
        throw new Error(`waypost has no engine: ${message}; nor is there the other one, @waypost/wasm: ${(other as Error).message}`, { cause: other });
      }
    });
  }
  return loaded;
}

/** The engine in Node. */
export const backend: Backend = {
  name: "native",
  async version() {
    const present = engine();
    return present instanceof Engine ? version : present.version();
  },
  client(settings, interceptor, fetch, store) {
    const present = engine();
    return present instanceof Engine ? new NativeClient(present, settings, interceptor, store) : present.client(settings, interceptor, fetch, store);
  },
  scripted(settings, script, interceptor, store) {
    const present = engine();
    return present instanceof Engine ? new NativeScripted(present, settings, script, interceptor, store) : present.scripted(settings, script, interceptor, store);
  },
  async define(operation) {
    const present = engine();
    return present instanceof Engine ? present.define(operation) : present.define(operation);
  },
  async policy(runner, input) {
    const present = engine();
    if (!(present instanceof Engine)) return present.policy(runner, input);
    const outcome = checked(() => present.addon.policy(runner, JSON.stringify(input)));
    if (outcome == null) throw new TypeError(`there is no policy ${runner}`);
    return JSON.parse(outcome) as unknown;
  },
};
