/**
 * Settings of a client: what a user writes, and what the engine reads.
 *
 * Promises: a name that is no setting is a `TypeError`, not silence; what is set in code wins over the environment; of credentials given in code
 * none is mixed with others of the environment or of the client that `withOptions` was called on.
 *
 * @module
 */

import type { Settings, Store, StoredTokens } from "./backend.js";
import { headerPairs, joined, renamed, snake } from "./arguments.js";
import type { Checks } from "./call.js";
import type { Logger, LogLevel } from "./logger.js";
import type { Middleware } from "./middleware.js";
import { TokenSet, type TokenSetFields, type TokenStore } from "./oauth/token-set.js";

/** The retry budget: what stops retries from becoming a storm. */
export interface BudgetOptions {
  /** How many retries may be made at once. */
  readonly capacity?: number | undefined;
  /** After how many milliseconds one more may be made. */
  readonly refillEveryMs?: number | undefined;
  /** After how many successes one more may be made. */
  readonly refillAfterSuccesses?: number | undefined;
}

/** The circuit breaker: when calls fail at once, because most of those before failed. */
export interface BreakerOptions {
  /** How many attempts in a hundred must fail. */
  readonly failurePercent?: number | undefined;
  /** Over how many milliseconds that is counted. */
  readonly windowMs?: number | undefined;
  /** How many attempts there must have been in that time. */
  readonly minimumAttempts?: number | undefined;
  /** How many milliseconds it stays open at first. */
  readonly resetMs?: number | undefined;
  /** How many milliseconds it stays open at most, after it opened again and again. */
  readonly resetCapMs?: number | undefined;
  /** How many calls try whether the server is back. */
  readonly probes?: number | undefined;
}

/** The cache of answers that carry an `ETag`. */
export interface CacheOptions {
  /** How many answers are kept. */
  readonly entries?: number | undefined;
  /** How many bytes they may have together. */
  readonly bytes?: number | undefined;
}

/** Settings of a client. What is left out comes from the environment (in Node, Bun and Deno), else from the defaults. */
export interface ClientOptions {
  /** Where the API is; may carry a path prefix. `WAYPOST_BASE_URL`. */
  readonly baseUrl?: string | undefined;
  /** An API key. `WAYPOST_API_KEY`. */
  readonly apiKey?: string | undefined;
  /** An access token. `WAYPOST_ACCESS_TOKEN`. */
  readonly accessToken?: string | undefined;
  /** The id of an OAuth client, which gets the access tokens of its calls itself. `WAYPOST_CLIENT_ID`. */
  readonly clientId?: string | undefined;
  /** Its secret; without one it is a public client, which refreshes the tokens that it was given. `WAYPOST_CLIENT_SECRET`. */
  readonly clientSecret?: string | undefined;
  /** What access tokens are asked for, words separated by spaces. Left out: what the server gives. */
  readonly scope?: string | undefined;
  /** The token endpoint. Left out: `/oauth/token` under the base URL. */
  readonly tokenUrl?: string | undefined;
  /** The tokens to begin with: of a sign-in, say. */
  readonly tokens?: TokenSet | TokenSetFields | undefined;
  /** Where tokens are kept between runs and shared between processes; a store of your own has `load`, `save` and `clear`. */
  readonly tokenStore?: TokenStore | undefined;
  /** Sent as `X-Tenant-Id`. `WAYPOST_TENANT`. */
  readonly tenant?: string | undefined;
  /** Sent as `X-API-Version`. */
  readonly apiVersion?: string | undefined;
  /** The `User-Agent`. Browsers own theirs. */
  readonly userAgent?: string | undefined;
  /** The longest that one attempt may take, in milliseconds, body included (15,000). Of a stream: until its head, then between two pieces. */
  readonly timeoutMs?: number | undefined;
  /** The longest that a connection may take to open, in milliseconds (5,000). Not in browsers, where nobody can tell. */
  readonly connectTimeoutMs?: number | undefined;
  /** The longest that a call may take, all attempts and waits together, in milliseconds (60,000). */
  readonly deadlineMs?: number | undefined;
  /** How often a failed attempt is sent again (2). `0`: never. */
  readonly maxRetries?: number | undefined;
  /** The bound of the first wait before a retry, in milliseconds (500); it doubles each time. */
  readonly backoffBaseMs?: number | undefined;
  /** The bound of every wait, in milliseconds (8,000). */
  readonly backoffCapMs?: number | undefined;
  /** How many retries all calls of the client share; `false`: no common limit. */
  readonly budget?: BudgetOptions | false | undefined;
  /** The circuit breaker. Left out: none. */
  readonly breaker?: BreakerOptions | undefined;
  /** Keep answers that carry an `ETag` and ask whether they still hold; `false`: never. In browsers, which have a cache of their own, only when it is set. */
  readonly cache?: CacheOptions | false | undefined;
  /** Hold a request back until the server said it may come (`true`). */
  readonly pacing?: boolean | undefined;
  /** Start a W3C trace for calls that have none (`true`; `false` in browsers, where a plain CORS set-up refuses the header). */
  readonly trace?: boolean | undefined;
  /** The largest answer that is read into memory, in bytes (64 MiB). */
  readonly maxAnswerBytes?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** `"environment"` (the default: the usual variables), `"none"`, or the URL of a proxy. Only on the native engine. */
  readonly proxy?: string | undefined;
  /** The path of a PEM file of further authorities. Only on the native engine. `WAYPOST_CA_BUNDLE`. */
  readonly caBundle?: string | undefined;
  /** Further authorities, in PEM. Only on the native engine. */
  readonly caPem?: string | undefined;
  /** The variables to read in place of `process.env`; `false`: none. */
  readonly environment?: Readonly<Record<string, string | undefined>> | false | undefined;
  /** Sees every attempt's request and answer, in this order on the way out. */
  readonly middleware?: readonly Middleware[] | undefined;
  /** Where log lines go (`console`). */
  readonly logger?: Logger | undefined;
  /** How much is logged. `WAYPOST_LOG`; else `"info"` where a logger is given, `"off"` where none is. */
  readonly logLevel?: LogLevel | undefined;
  /** Used in place of the host's `fetch`. Only on the WebAssembly engine. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

const CLIENT_OPTIONS: Checks = {
  baseUrl: "string?",
  apiKey: "string?",
  accessToken: "string?",
  clientId: "string?",
  clientSecret: "string?",
  scope: "string?",
  tokenUrl: "string?",
  tokens: "object?",
  tokenStore: "object?",
  tenant: "string?",
  apiVersion: "string?",
  userAgent: "string?",
  timeoutMs: "number?",
  connectTimeoutMs: "number?",
  deadlineMs: "number?",
  maxRetries: "integer?",
  backoffBaseMs: "number?",
  backoffCapMs: "number?",
  budget: "any?",
  breaker: "object?",
  cache: "any?",
  pacing: "boolean?",
  trace: "boolean?",
  maxAnswerBytes: "integer?",
  headers: "object?",
  proxy: "string?",
  caBundle: "string?",
  caPem: "string?",
  environment: "any?",
  middleware: "array?",
  logger: "object?",
  logLevel: "string?",
  fetch: "any?",
};

/** What the facade keeps to itself. */
const OURS = ["environment", "middleware", "logger", "logLevel", "fetch", "tokens", "tokenStore"];
const GIVEN_CREDENTIALS = ["apiKey", "accessToken", "clientId", "clientSecret"] as const;
/** What an OAuth client has besides. */
const OF_TOKENS = ["tokens", "tokenStore"] as const;
/** The variables that the engine reads. */
const VARIABLES = /^WAYPOST_|^(?:https?|all|no)_proxy$|^REQUEST_METHOD$/i;

/** What a host may have; read through `globalThis`, so that no bundler puts something in its place. */
interface Host {
  readonly process?: { readonly env?: Record<string, string | undefined>; readonly versions?: { readonly node?: string } };
}

/** The variables that a client of these options may read; `undefined` for none. */
export function environmentOf(options: ClientOptions): Record<string, string> | undefined {
  if (options.environment === false) return undefined;
  const variables = options.environment ?? hostVariables();
  if (variables === undefined) return undefined;
  const key = options.apiKey !== undefined || options.accessToken !== undefined;
  const client = usesTokens(options);
  const left = key ? /^WAYPOST_(?:API_KEY|ACCESS_TOKEN|CLIENT_)/ : client ? /^WAYPOST_(?:API_KEY|ACCESS_TOKEN)/ : /^$/;
  const entries = Object.entries(variables).filter(([name, value]) => value !== undefined && VARIABLES.test(name) && !left.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Does a client of these options get tokens for its calls? */
export function usesTokens({ clientId, clientSecret, tokens, tokenStore }: ClientOptions): boolean {
  return [clientId, clientSecret, tokens, tokenStore].some((given) => given !== undefined);
}

function hostVariables(): Record<string, string | undefined> | undefined {
  const { process } = globalThis as Host;
  try {
    // Browsers have no `process`; where a polyfill gives them one, it has no version of Node.
    return process?.versions?.node === undefined ? undefined : { ...process.env };
  } catch {
    // Deno without `--allow-env`: everything is to be set in code.
    return undefined;
  }
}

/** The engine's settings. Throws a `TypeError` that names what is wrong. */
export function settingsOf(options: ClientOptions, environment: Record<string, string> | undefined): Settings {
  const settings: Settings = renamed("Waypost", CLIENT_OPTIONS, options, [...OURS, "headers"]);
  for (const name of ["budget", "breaker", "cache"] as const) {
    const given = options[name];
    if (given === undefined || given === false) continue;
    if (typeof given !== "object") throw new TypeError(`Waypost: \`${name}\` must be an object${name === "breaker" ? "" : " or false"}`);
    const members = Object.entries(given).filter(([, value]) => value !== undefined);
    settings[name] = Object.fromEntries(members.map(([member, value]) => [snake(member), value]));
  }
  if (options.headers !== undefined) settings.headers = headerPairs("Waypost", options.headers);
  if (options.tokens !== undefined) settings.tokens = JSON.parse(tokensOf(options.tokens).serialize()) as StoredTokens;
  settings.environment = environment ?? null;
  return settings;
}

function tokensOf(given: TokenSet | TokenSetFields): TokenSet {
  return given instanceof TokenSet ? given : new TokenSet(given);
}

/** The token store of a client, to which token sets are text. */
export function storeOf({ tokenStore: store }: ClientOptions): Store | undefined {
  if (store === undefined) return undefined;
  for (const name of ["load", "save", "clear"] as const) {
    if (typeof store[name] !== "function") throw new TypeError(`Waypost: \`tokenStore.${name}\` must be a function`);
  }
  return {
    load: async () => {
      // In JavaScript, a store may answer `null` for nothing.
      const found = (await store.load()) ?? undefined;
      return found && tokensOf(found).serialize();
    },
    save: async (text) => store.save(TokenSet.parse(text)),
    clear: async () => store.clear(),
  };
}

/** The options of a client that differs from another one. Credentials are replaced together. */
export function merged(base: ClientOptions, change: ClientOptions): ClientOptions {
  const made: Record<string, unknown> = { ...base };
  const gone = GIVEN_CREDENTIALS.some((name) => change[name] !== undefined)
    ? [...GIVEN_CREDENTIALS, ...OF_TOKENS, "scope", "tokenUrl"]
    : // Somebody else's tokens, of the same OAuth client.
      OF_TOKENS.some((name) => change[name] !== undefined)
      ? ["apiKey", "accessToken", ...OF_TOKENS]
      : [];
  for (const name of gone) delete made[name];
  for (const [name, value] of Object.entries(change)) if (value !== undefined) made[name] = value;
  if (base.headers !== undefined && change.headers !== undefined) made["headers"] = joined(base.headers, change.headers);
  return made as ClientOptions;
}
