/** What an exchange with the engine gives back: its number, three more, and a text. Which of them mean what is said at each exchange. */
export interface Told {
  readonly number: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly text: string;
}

/** Texts to the engine; null and undefined are texts that are not there. */
export type Texts = readonly (string | null | undefined)[];

/**
 * The engine: it plans calls and makes none. Its clock and its randomness are the caller's. What the numbers are is said beside their names in the crate
 * `waypost-wasm` (`src/lib.rs`, `src/engine.rs`); times are milliseconds, and `NaN` is a number that is not given.
 */
export interface Engine {
  readonly version: string;
  /** Learns an operation of its row: its number, its properties as the first number, its method as the text. */
  define(row: string): Told;
  /** Makes a client: its number, or -1 and what is wrong with its headers. */
  client(numbers: readonly (number | null | undefined)[], texts: Texts): Told;
  close(client: number): void;
  /**
   * Begins a call: the first step, the call's number as the third number; the text is its URL and then the names and values of its headers, each ended by
   * NUL.
   */
  start(
    seed: Uint8Array,
    texts: Texts,
    client: number,
    operation: number,
    body: number,
    headers: number,
    timeout: number,
    deadline: number,
    retries: number,
    elapsed: number,
  ): Told;
  /** Tells a call what happened: the next step. */
  next(texts: Texts, call: number, event: number, first: number, second: number, elapsed: number, unix: number): Told;
  /** Tells the tokens of a client what happened: the next step to one. */
  token(client: number, event: number, first: number, second: number, unix: number): Told;
  /** Begins a token request, which goes on with {@link next}: the first step, the call's number as the third number. `draw`: any random number. */
  ask(client: number, refresh: number, elapsed: number, draw: number): Told;
}

/** What the module can be made of. */
export type Source = WebAssembly.Module | BufferSource | URL | string | Response | Promise<Response>;

/**
 * The engine; loaded at the first call, and the same one after. Rejects with an error that says what to do where the file is missing, may not be
 * compiled, or is of another version; a later call tries again.
 */
export function init(source?: Source): Promise<Engine>;

/** The engine, where it is loaded already. */
export function current(): Engine | undefined;

/** The version of this package. */
export const version: string;
