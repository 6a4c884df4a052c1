/**
 * Settings as the WebAssembly engine takes them, numbers and texts in an order that it knows. Their names, and that there is no other, are known here, with
 * the code that gives them.
 */

import { CallFailed, type CallSettings, type Settings } from "../../backend.js";
import { baseOf, WrongAddress } from "./address.js";

const BUDGET = ["capacity", "refill_every_ms", "refill_after_successes"];
const BREAKER = ["failure_percent", "window_ms", "minimum_attempts", "reset_ms", "reset_cap_ms", "probes"];
const CACHE = ["entries", "bytes"];
const TEXTS = ["api_key", "access_token", "client_id", "client_secret", "user_agent", "api_version", "tenant"] as const;
const KNOWN = [
  ...["base_url", "timeout_ms", "connect_timeout_ms", "deadline_ms", "backoff_base_ms", "backoff_cap_ms", "max_retries", "max_answer_bytes"],
  ...["pacing", "trace", "budget", "breaker", "cache", "headers", "scope", "token_url", "tokens"],
  ...TEXTS,
];
const CALL = ["timeout_ms", "deadline_ms", "max_retries", "idempotency_key", "accept", "trace_parent", "headers"];
/** What only a client with its own sockets can follow. */
const NATIVE = ["proxy", "ca_bundle", "ca_pem"];
const VARIABLES = {
  base_url: "WAYPOST_BASE_URL",
  api_key: "WAYPOST_API_KEY",
  access_token: "WAYPOST_ACCESS_TOKEN",
  client_id: "WAYPOST_CLIENT_ID",
  client_secret: "WAYPOST_CLIENT_SECRET",
  tenant: "WAYPOST_TENANT",
} as const;
const WHOLE = ["max_retries", "max_answer_bytes"];

/** A page's rules hold here: a header that a plain CORS set-up does not expect costs a preflight or the answer. Node, Deno and edge runtimes have none. */
export const inBrowser = typeof (globalThis as { location?: { origin?: unknown } }).location?.origin === "string";

/** The sizes of the cache, where answers are kept. In browsers, which keep them themselves, only where it is asked for. */
export function cacheOf({ cache }: Settings): { entries?: number; bytes?: number } | undefined {
  return cache === undefined ? (inBrowser ? undefined : {}) : cache === false ? undefined : cache;
}

/** A client's settings as the engine takes them, and what is wrong with them. */
export interface ClientList {
  readonly numbers: readonly (number | undefined)[];
  readonly texts: readonly (string | undefined)[];
  readonly mistakes: readonly string[];
  /** The base URL as it is written before a path. */
  readonly base: string;
  /** The settings with what the environment adds. */
  readonly given: Settings;
}

/** A client's settings as the engine takes them. Throws {@link CallFailed} of kind `config` where there are settings that are none. */
export function clientList(settings: Settings, stored: boolean): ClientList {
  const { environment, ...given } = settings;
  const credentials = given.api_key ?? given.access_token ?? given.client_id ?? given.client_secret;
  for (const [name, variable] of Object.entries(VARIABLES) as [keyof typeof VARIABLES, string][]) {
    // Credentials of the program and of the environment are not mixed; an empty variable is none.
    const mixes = credentials !== undefined && name !== "base_url" && name !== "tenant";
    const value = mixes ? undefined : environment?.[variable];
    if (value !== undefined && value !== "") given[name] ??= value;
  }
  const wrong = [...mistakesIn(given, KNOWN, "")];
  for (const [name, names] of [["budget", BUDGET], ["breaker", BREAKER], ["cache", CACHE]] as const) {
    const part = given[name];
    if (typeof part === "object") wrong.push(...mistakesIn(part, names, `${name}: `));
  }
  if (given.base_url === undefined) wrong.push("there is no base URL; give the client one (`baseUrl`), or set WAYPOST_BASE_URL");
  refuse("the client's settings", wrong);

  const mistakes: string[] = [];
  for (const name of ["timeout_ms", "connect_timeout_ms", "deadline_ms"] as const) {
    if (given[name] === 0) mistakes.push(`the ${name.slice(0, -3).replace("_", " ")} is zero; give it a length`);
  }
  if (given.max_answer_bytes === 0) mistakes.push("the largest answer is zero bytes; give it a size");
  if (given.client_id === undefined && given.client_secret !== undefined) mistakes.push("`client_id` is missing beside `client_secret`");
  const { breaker } = given;
  const budget = given.budget === false ? undefined : given.budget;
  const numbers = [
    ...[given.timeout_ms, given.deadline_ms, given.backoff_base_ms, given.backoff_cap_ms, given.max_retries, given.max_answer_bytes],
    ...[flag(given.pacing), flag(given.trace ?? !inBrowser)],
    ...[flag(given.budget !== false), budget?.capacity, budget?.refill_every_ms, budget?.refill_after_successes],
    ...[flag(breaker !== undefined), breaker?.failure_percent, breaker?.window_ms, breaker?.minimum_attempts],
    ...[breaker?.reset_ms, breaker?.reset_cap_ms, breaker?.probes],
  ];
  const base = ((): string => {
    try {
      return baseOf(given.base_url ?? "");
    } catch (error) {
      if (!(error instanceof WrongAddress)) throw error;
      mistakes.push(`the base URL ${error.reason}`);
      return "";
    }
  })();
  // An id that is empty stands for tokens without one; of a secret the engine need only know that it is there.
  const client = given.client_id ?? (stored || given.tokens !== undefined ? "" : undefined);
  const told = { ...given, client_id: client, client_secret: given.client_secret && "" };
  return { numbers, texts: [base, ...TEXTS.map((name) => told[name]), ...(given.headers?.flat() ?? [])], mistakes, base, given };
}

/** Throws where one call's settings hold what is none. */
export function checkCall(settings: CallSettings): void {
  const mistakes = [...mistakesIn(settings, CALL, "")];
  for (const name of ["timeout", "deadline"] as const) {
    if (settings[`${name}_ms`] === 0) mistakes.push(`the ${name} is zero; give it a length, or leave it to the client`);
  }
  refuse("the call's settings", mistakes);
}

function* mistakesIn(given: object, names: readonly string[], about: string): Iterable<string> {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (!names.includes(name)) {
      const native = NATIVE.includes(name);
      yield about + (native ? `\`${name}\` is for the native engine: here the host's fetch makes the connections` : `\`${name}\` is not known`);
    } else if (name.endsWith("_ms") && !(typeof value === "number" && value >= 0 && value < Infinity)) {
      yield `${about}\`${name}\` is no number of milliseconds`;
    } else if ((about !== "" || WHOLE.includes(name)) && !name.endsWith("_ms") && !(Number.isInteger(value) && value >= 0)) {
      yield `${about}\`${name}\` is no whole number from 0`;
    }
  }
}

function flag(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Throws one error that names every mistake. */
export function refuse(about: string, mistakes: readonly string[], operation?: string): void {
  if (mistakes.length === 0) return;
  throw new CallFailed({ kind: "config", message: `${about}: ${mistakes.join("; ")}`, ...(operation !== undefined && { operation }), attempts: [] });
}
