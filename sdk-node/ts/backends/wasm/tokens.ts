/**
 * Access tokens for the calls of a client: what is held, and the one errand that gets more. The engine says which step comes next; here are the token sets,
 * the token requests and what their answers mean, in the words of every Waypost SDK (`sdk-core/src/engine/oauth`). `openapi/vectors/tokens.json` holds it.
 *
 * Promises: one errand at a time, for all calls that wait; a call that is given up takes a token request with it only where that may be made again; no
 * error repeats a token or a secret.
 */

import type { Engine } from "@waypost/wasm";
import { CallFailed, type Report, type Settings, type Store, type StoredTokens } from "../../backend.js";
import { Flight, Stop, type Host, type Row } from "./drive.js";
import { encoded } from "./form.js";
import { scrub } from "./outcome.js";

/** What a call gets: a token, or why there is none. */
export type Outcome = { readonly token: string; readonly error?: never } | { readonly token?: never; readonly error: CallFailed };

/** Steps, by the numbers of `sdk-wasm/src/engine.rs`. */
const NEXT = { use: 0, wait: 1, load: 2, refresh: 3, client: 4, save: 5, clear: 6 } as const;
/** What the engine is told, by its numbers. */
const TOLD = { begin: 0, need: 1, refused: 2, loaded: 3, granted: 4, rejected: 5, cleared: 6, saved: 7, failed: 8 } as const;
/** Flags of what is told. */
const THERE = 1;
const REFRESHABLE = 2;
const STORED = 4;
const SAME = 4;
const SECRET = 8;

const TOKEN: Row = { id: "oauth_token", number: -1, method: "POST", retry: 1, json: false, kept: false, form: false };
const SIGN_IN = "Sign in again and give the client the new tokens, or give it a client's id and secret (WAYPOST_CLIENT_ID, WAYPOST_CLIENT_SECRET)";
/** What to do about an error of RFC 6749, section 5.2. */
const ADVICE: Readonly<Record<string, string>> = {
  invalid_client: "Check the client's id and secret (WAYPOST_CLIENT_ID, WAYPOST_CLIENT_SECRET), and that the client was not deleted",
  invalid_grant: "Sign in again: the refresh token has expired, was used, or was revoked",
  invalid_scope: "Ask for less: the scope must be among what the client is registered for",
  unauthorized_client: "Register the client for this grant",
};
/** The longest text of a server's that is kept, in characters. */
const LONGEST = 500;

/** Somebody is getting a token. */
interface Errand {
  /** Ends its token request. */
  readonly stop: Stop;
  /** When the call that began it ends, on the host's clock. */
  readonly until: number;
  /** Its token may work once: whoever goes, its successor must not be lost. */
  goesOn: boolean;
  readonly end: Promise<Outcome | undefined>;
}

/** The tokens of one client. */
export class Tokens {
  readonly #engine: Engine;
  readonly #client: number;
  readonly #settings: Settings;
  readonly #base: string;
  readonly #store: Store | undefined;
  #held: StoredTokens | undefined;
  #errand: Errand | undefined;
  /** Why the last refresh token was not taken. */
  #refused: CallFailed | undefined;

  /** Of a client that gets tokens; `undefined`: it gets none. */
  static of(engine: Engine, client: number, base: string, settings: Settings, store: Store | undefined): Tokens | undefined {
    const { client_id, tokens } = settings;
    return client_id === undefined && tokens === undefined && store === undefined ? undefined : new Tokens(engine, client, base, settings, store);
  }

  private constructor(engine: Engine, client: number, base: string, settings: Settings, store: Store | undefined) {
    this.#engine = engine;
    this.#client = client;
    this.#base = base;
    this.#settings = settings;
    this.#store = store;
    this.#held = settings.tokens;
    this.#tell(TOLD.begin, this.#held, (store === undefined ? 0 : STORED) | (settings.client_secret === undefined ? 0 : SECRET));
  }

  /** Another token than `refused`; `undefined` where the call is given up, or its time has passed. */
  async get(operation: string, refused: string | undefined, within: number, host: Host, stop: Stop): Promise<Outcome | undefined> {
    const until = host.now() + within;
    for (;;) {
      if (stop.stopped || host.now() >= until) return undefined;
      const dead = refused !== undefined && this.#held?.access_token === refused;
      const next = this.#tell(dead ? TOLD.refused : TOLD.need, undefined, 0, host.unix());
      if (next === NEXT.use && this.#held !== undefined) return { token: this.#held.access_token };
      const mine = next !== NEXT.wait;
      const errand = mine ? this.#begin(next, operation, until, host) : this.#errand;
      if (errand === undefined) return undefined;
      const outcome = await host.within(errand.end, until - host.now(), stop);
      if (outcome !== undefined) return outcome;
      if (mine && !errand.goesOn) {
        // Whoever waits as well takes it up anew.
        errand.stop.stopped = true;
        errand.stop.now?.();
        this.#end(errand);
      }
    }
  }

  #begin(next: number, operation: string, until: number, host: Host): Errand {
    this.#refused = undefined;
    let run: (errand: Errand) => void = () => undefined;
    const end = new Promise<Outcome | undefined>((resolve) => {
      run = (errand) => {
        void this.#run(next, operation, errand, host).then((outcome) => {
          this.#end(errand);
          resolve(outcome);
        });
      };
    });
    const errand: Errand = { stop: new Stop(), until, goesOn: false, end };
    this.#errand = errand;
    run(errand);
    return errand;
  }

  /** The next call that needs a token begins anew. */
  #end(errand: Errand): void {
    if (this.#errand !== errand) return;
    this.#errand = undefined;
    this.#tell(TOLD.failed);
  }

  async #run(first: number, operation: string, errand: Errand, host: Host): Promise<Outcome | undefined> {
    let next = first;
    try {
      while (!errand.stop.stopped) {
        if (next === NEXT.load) next = await this.#load(errand, host);
        else if (next === NEXT.save) next = await this.#keep(TOLD.saved, () => this.#store?.save(JSON.stringify(this.#held)));
        else if (next === NEXT.clear) next = await this.#keep(TOLD.cleared, () => this.#store?.clear());
        else if (next === NEXT.refresh || next === NEXT.client) next = await this.#ask(next === NEXT.refresh, errand, host);
        else if (next === NEXT.use && this.#held !== undefined) return { token: this.#held.access_token };
        else return { error: this.#signIn(operation) };
      }
      return undefined;
    } catch (error) {
      if (errand.stop.stopped && !errand.goesOn) return undefined;
      return { error: error instanceof CallFailed ? error : refusal({ message: `the token request failed: ${String(error)}`, hint: "" }) };
    }
  }

  async #load(errand: Errand, host: Host): Promise<number> {
    let found: StoredTokens | undefined;
    try {
      const text = await this.#store?.load();
      found = text === undefined ? undefined : (JSON.parse(text) as StoredTokens);
    } catch (error) {
      throw refusal({ message: `the token store could not be read: ${said(error)}`, hint: "See to the store, or give the client another one" });
    }
    if (errand.stop.stopped) return NEXT.load;
    const same = found !== undefined && this.#held !== undefined && plain(found) === plain(this.#held);
    const { number, first } = this.#told(TOLD.loaded, found, same ? SAME : 0, host.unix());
    if (first !== 0) this.#held = found;
    else if (number === NEXT.clear) this.#held = undefined;
    return number;
  }

  /** A store that cannot keep tokens costs no call: they are in memory as well. */
  async #keep(done: number, work: () => Promise<void> | undefined): Promise<number> {
    await Promise.resolve().then(work).catch(() => undefined);
    return this.#tell(done);
  }

  async #ask(refresh: boolean, errand: Errand, host: Host): Promise<number> {
    const token = refresh ? (this.#held?.refresh_token ?? undefined) : undefined;
    errand.goesOn = refresh;
    const { client_secret: secret } = this.#settings;
    const secrets = [token, secret].filter((text) => text !== undefined && text.length > 0) as string[];
    const [url, headers, body] = this.#request(token);
    const begin = (now: number) => this.#engine.ask(this.#client, Number(refresh), now, Math.random());
    const line = { engine: this.#engine, number: this.#client, cache: undefined, tokens: undefined };
    const flight = new Flight(line, limited(host, refresh ? Infinity : errand.until), TOKEN, body, undefined, { url, headers, begin });
    // What gives the errand up gives its request up.
    errand.stop.now = () => flight.cancel(undefined);
    try {
      const answer = await flight.run([], undefined, (landed) => landed.body, () => undefined);
      const granted = grantOf(answer, host.unix());
      const held = this.#held;
      // What a refresh does not say stays as it was (RFC 6749, section 6).
      this.#held = { ...granted, refresh_token: granted.refresh_token ?? held?.refresh_token ?? null, scope: granted.scope ?? held?.scope ?? null };
      return this.#tell(TOLD.granted, this.#held);
    } catch (thrown) {
      if (!(thrown instanceof CallFailed)) throw thrown;
      const error = understood(thrown.report, flight.refusal, secrets);
      if (error.report.oauth?.error !== "invalid_grant" || token === undefined) throw error;
      this.#refused = error;
      const next = this.#tell(TOLD.rejected);
      if (next !== NEXT.load && next !== NEXT.refresh) this.#held = undefined;
      return next;
    } finally {
      errand.goesOn = false;
    }
  }

  /** The token request (RFC 6749, sections 2.3.1, 4.4.2 and 6): its URL, headers and form. */
  #request(refresh: string | undefined): [url: string, headers: string[], body: string] {
    const { token_url, client_id, client_secret, scope, user_agent, api_version, tenant, headers: given = [] } = this.#settings;
    const headers: string[] = [];
    const put = (name: string, value: string | undefined): void => {
      if (value !== undefined) headers.push(name, value);
    };
    put("user-agent", user_agent);
    // What a program sends to the API with every call may be needed on the way to it; elsewhere it is nobody's business.
    if (token_url === undefined) {
      put("x-api-version", api_version);
      put("x-tenant-id", tenant);
      for (const [name, value] of given) {
        if (!/^(?:x-api-key|authorization|accept|content-type|user-agent|x-api-version|x-tenant-id)$/i.test(name)) put(name.toLowerCase(), value);
      }
    }
    put("accept", "application/json");
    put("content-type", "application/x-www-form-urlencoded");
    const form = refresh === undefined ? [["grant_type", "client_credentials"], ["scope", scope]] : [["grant_type", "refresh_token"], ["refresh_token", refresh]];
    if (client_secret === undefined) form.push(["client_id", client_id]);
    // Each half is form-encoded before the two are joined, or an id with a colon would end early.
    else put("authorization", `Basic ${btoa(`${encoded(client_id ?? "")}:${encoded(client_secret)}`)}`);
    const body = form.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encoded(value)}`])).join("&");
    return [token_url ?? `${this.#base}/oauth/token`, headers, body];
  }

  /** Somebody has to sign in. */
  #signIn(operation: string): CallFailed {
    const refused = this.#refused?.report;
    const what = refused === undefined ? "none was had" : "the server did not take the last one";
    return refusal({ message: `${operation} needs an access token, and ${what}`, hint: SIGN_IN, operation, ...(refused && { status: refused.status ?? null, oauth: refused.oauth ?? null }) });
  }

  #tell(event: number, tokens?: StoredTokens, flags = 0, unix = 0): number {
    return this.#told(event, tokens, flags, unix).number;
  }

  #told(event: number, tokens: StoredTokens | undefined, flags: number, unix: number): { number: number; first: number } {
    const about = tokens === undefined ? 0 : THERE | (tokens.refresh_token == null ? 0 : REFRESHABLE);
    return this.#engine.token(this.#client, event, tokens?.expires_at ?? NaN, about | flags, unix);
  }
}

/** The host, with attempts that end when the call does for which they are made. */
function limited(host: Host, until: number): Host {
  if (until === Infinity) return host;
  const left = (): number => Math.max(until - host.now(), 0);
  return {
    now: () => host.now(),
    unix: () => host.unix(),
    send: (sending, stop) => host.send({ ...sending, timeout: Math.min(sending.timeout, left()) }, stop),
    sleep: (milliseconds, stop) => host.sleep(Math.min(milliseconds, left()), stop),
    within: (work, milliseconds, stop) => host.within(work, milliseconds, stop),
  };
}

function refusal(report: Omit<Report, "kind">): CallFailed {
  return new CallFailed({ attempts: [], ...report, kind: "oauth" });
}

/** Reads the answer of a token endpoint (RFC 6749, section 5.1). */
function grantOf(body: Uint8Array, unix: number): StoredTokens {
  const wrong = (what: string): CallFailed =>
    new CallFailed({
      kind: "decode",
      message: `oauth_token answered 200 with ${what}`,
      hint: "Check that the token endpoint's address is right, and that no proxy in between answers for it",
      operation: "oauth_token",
      attempts: [],
    });
  const read = objectOf(body);
  if (read === undefined) throw wrong("what is no JSON object");
  const text = (name: string): string | null => (typeof read[name] === "string" && read[name] !== "" ? (read[name] as string) : null);
  const token = text("access_token");
  if (token === null) throw wrong("no access token");
  const type = text("token_type") ?? "Bearer";
  if (type.toLowerCase() !== "bearer") throw wrong("a token of another type than Bearer");
  if (/[^\x20-\x7e]/.test(token)) throw wrong("an access token that cannot be sent");
  const lasts = read["expires_in"];
  const seconds = typeof lasts === "number" || (typeof lasts === "string" && lasts.trim() !== "") ? Number(lasts) : NaN;
  const ends = seconds >= 0 ? Math.floor(unix / 1000) + Math.floor(Math.min(seconds, 2 ** 40)) : null;
  return { access_token: token, token_type: type, expires_at: ends, refresh_token: text("refresh_token"), scope: text("scope") };
}

/** From how the token request ended to what it means. */
function understood(report: Report, body: Uint8Array, secrets: readonly string[]): CallFailed {
  const clean = (text: string): string => scrub(text, secrets);
  const { status } = report;
  const refused = typeof status === "number" && status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  if (!refused || report.kind === "timeout" || report.kind === "cancelled") {
    // A token endpoint's answer may hold tokens.
    const excerpt = report.excerpt != null && typeof status === "number" && status >= 400 ? clean(report.excerpt) : null;
    return new CallFailed({ ...report, message: clean(report.message), excerpt });
  }
  const read = objectOf(body) ?? {};
  const text = (name: string): string | null => {
    const value = read[name];
    if (typeof value !== "string") return null;
    return clean([...value.trim().replace(/\p{Cc}/gu, "")].slice(0, LONGEST).join("")) || null;
  };
  const oauth = { error: text("error"), error_description: text("error_description"), error_uri: text("error_uri") };
  const told = oauth.error === null ? undefined : oauth.error_description === null ? oauth.error : `${oauth.error}: ${oauth.error_description.replace(/\.+$/, "")}`;
  const { problem: _, code: __, ...rest } = report;
  const hint = ADVICE[oauth.error ?? ""] ?? "Check the client's registration and the token endpoint's address";
  const message = clean(told === undefined ? report.message : `oauth_token answered ${status} ${told}`);
  return refusal({ ...rest, message, hint, oauth, excerpt: report.excerpt == null ? null : clean(report.excerpt) });
}

function objectOf(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A token set in one form, to compare. */
function plain({ access_token, token_type, expires_at, refresh_token, scope }: StoredTokens): string {
  return JSON.stringify([access_token, token_type ?? "Bearer", expires_at ?? null, refresh_token ?? null, scope ?? null]);
}

function said(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
