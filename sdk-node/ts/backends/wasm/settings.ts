/**
 * Settings by the places that the WebAssembly engine reads them from. What is sent to a browser has no names in it; they are here, with the code that gives
 * them, and the engine decides over the values.
 */

import { CallFailed, type CallSettings, type Settings } from "../../backend.js";

/** `~`: a whole number; `+`: milliseconds. The order is that of `sdk-wasm/src/settings.rs`. */
const SETTINGS = [
  "base_url",
  "api_key",
  "access_token",
  "client_id",
  "client_secret",
  "tenant",
  "api_version",
  "user_agent",
  "timeout_ms",
  "connect_timeout_ms",
  "deadline_ms",
  "backoff_base_ms",
  "backoff_cap_ms",
  "max_retries",
  "max_answer_bytes",
  "pacing",
  "trace",
  "budget",
  "breaker",
  "cache",
  "headers",
] as const;
const BUDGET = ["capacity", "refill_every_ms", "refill_after_successes"];
const BREAKER = ["failure_percent", "window_ms", "minimum_attempts", "reset_ms", "reset_cap_ms", "probes"];
const CACHE = ["entries", "bytes"];
const CALL = ["timeout_ms", "deadline_ms", "max_retries", "idempotency_key", "accept", "trace_parent", "headers"] as const;
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
const inBrowser = typeof (globalThis as { location?: { origin?: unknown } }).location?.origin === "string";

/** Are answers kept by the engine? In browsers, which keep them themselves, only where it is asked for. */
export function caches({ cache }: Settings): boolean {
  return cache === undefined ? !inBrowser : cache !== false;
}

/** A client's settings as the engine reads them. Throws {@link CallFailed} of kind `config` that names every mistake. */
export function settingsList(settings: Settings): unknown[] {
  const { environment, ...given } = settings;
  const credentials = given.api_key ?? given.access_token ?? given.client_id ?? given.client_secret;
  for (const [name, variable] of Object.entries(VARIABLES) as [keyof typeof VARIABLES, string][]) {
    // Credentials of the program and of the environment are not mixed; an empty variable is none.
    const mixes = credentials !== undefined && name !== "base_url" && name !== "tenant";
    const value = mixes ? undefined : environment?.[variable];
    if (value !== undefined && value !== "") given[name] ??= value;
  }
  const mistakes: string[] = [];
  const list = inOrder(given, SETTINGS, "", mistakes);
  const parts = [
    [17, "budget", BUDGET],
    [18, "breaker", BREAKER],
    [19, "cache", CACHE],
  ] as const;
  for (const [place, name, names] of parts) {
    const part = given[name];
    if (typeof part === "object") list[place] = inOrder(part, names, `${name}: `, mistakes);
  }
  list[20] = given.headers?.flat() ?? null;
  list[16] ??= !inBrowser;
  if (caches(settings) && list[19] === null) list[19] = [];
  if (given.base_url === undefined) mistakes.push("there is no base URL; give the client one (`baseUrl`), or set WAYPOST_BASE_URL");
  refuse("the client's settings", mistakes);
  return list;
}

/** One call's settings as the engine reads them. */
export function callList(settings: CallSettings | undefined): unknown[] | null {
  if (settings === undefined) return null;
  const mistakes: string[] = [];
  const list = inOrder(settings, CALL, "", mistakes);
  list[6] = settings.headers?.flat() ?? null;
  refuse("the call's settings", mistakes);
  return list;
}

function inOrder(given: object, names: readonly string[], about: string, mistakes: string[]): unknown[] {
  const list: unknown[] = names.map(() => null);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    const place = names.indexOf(name);
    if (place < 0) {
      const native = NATIVE.includes(name);
      mistakes.push(about + (native ? `\`${name}\` is for the native engine: here the host's fetch makes the connections` : `\`${name}\` is not known`));
    } else if (name.endsWith("_ms") && !(typeof value === "number" && value >= 0 && value < Infinity)) {
      mistakes.push(`${about}\`${name}\` is no number of milliseconds`);
    } else if ((about !== "" || WHOLE.includes(name)) && !name.endsWith("_ms") && !(Number.isInteger(value) && value >= 0)) {
      mistakes.push(`${about}\`${name}\` is no whole number from 0`);
    }
    list[place] = value;
  }
  return list;
}

function refuse(about: string, mistakes: readonly string[]): void {
  if (mistakes.length === 0) return;
  throw new CallFailed({ kind: "config", message: `${about}: ${mistakes.join("; ")}`, attempts: [] });
}
