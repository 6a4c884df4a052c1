/**
 * Tokens of an OAuth grant, and where they are kept between runs.
 *
 * Promises: what is printed of tokens (`console.log`, `JSON.stringify`, a template) shows none of them; only {@link TokenSet.serialize} does, for a store. The text
 * in a store is the same in every language: `access_token`, `token_type`, `expires_at` (Unix seconds), `refresh_token`, `scope`.
 *
 * @module
 */

import { errorFrom } from "../errors.js";
import { REDACTED } from "../redact.js";

/** The members of a {@link TokenSet}. */
export interface TokenSetFields {
  /** What calls are made with. */
  readonly accessToken: string;
  /** How it is shown: `Bearer`, the only type that clients use. */
  readonly tokenType?: string | undefined;
  /** When it expires, in seconds since 1970; absent where the server did not say. */
  readonly expiresAt?: number | undefined;
  /** What it is renewed with. */
  readonly refreshToken?: string | undefined;
  /** What was granted, words separated by spaces. */
  readonly scope?: string | undefined;
}

/** The longest text that is read from a store, in characters. */
const LONGEST = 262_144;

/** The tokens of one grant. It never changes: a refresh makes a new one. */
export class TokenSet implements TokenSetFields {
  readonly #fields: TokenSetFields;

  /** Wraps tokens that came from elsewhere. Throws a `TypeError` when a member is of another type. */
  constructor(fields: TokenSetFields) {
    const { accessToken, tokenType, expiresAt, refreshToken, scope } = fields;
    if (typeof accessToken !== "string" || accessToken === "") throw new TypeError("TokenSet: `accessToken` must be a string that is not empty");
    for (const [name, value] of Object.entries({ tokenType, refreshToken, scope })) {
      if (value !== undefined && typeof value !== "string") throw new TypeError(`TokenSet: \`${name}\` must be a string`);
    }
    if (expiresAt !== undefined && !Number.isFinite(expiresAt)) throw new TypeError("TokenSet: `expiresAt` must be a number of seconds since 1970");
    this.#fields = { accessToken, tokenType, expiresAt, refreshToken, scope };
  }

  /** What calls are made with. */
  get accessToken(): string {
    return this.#fields.accessToken;
  }

  /** `Bearer`. */
  get tokenType(): string {
    return this.#fields.tokenType ?? "Bearer";
  }

  /** When it expires, in seconds since 1970; `undefined` where the server did not say. */
  get expiresAt(): number | undefined {
    return this.#fields.expiresAt;
  }

  /** What it is renewed with. */
  get refreshToken(): string | undefined {
    return this.#fields.refreshToken;
  }

  /** What was granted, words separated by spaces. */
  get scope(): string | undefined {
    return this.#fields.scope;
  }

  /** The text for a store: JSON with the tokens in it. */
  serialize(): string {
    const { accessToken, tokenType, expiresAt, refreshToken, scope } = this;
    return JSON.stringify({ access_token: accessToken, token_type: tokenType, expires_at: expiresAt, refresh_token: refreshToken, scope });
  }

  /**
   * Reads what {@link serialize} wrote, in whichever language. `null` members are absent ones; those of a later version do not matter.
   *
   * @throws `ConfigError` when it is no token set. The text is not repeated.
   */
  static parse(text: string): TokenSet {
    try {
      if (text.length > LONGEST) throw new TypeError("it is too long");
      const read = JSON.parse(text) as Record<string, unknown>;
      const member = <T>(name: string): T | undefined => (read[name] ?? undefined) as T | undefined;
      return new TokenSet({
        accessToken: read["access_token"] as string,
        tokenType: member("token_type"),
        expiresAt: member("expires_at"),
        refreshToken: member("refresh_token"),
        scope: member("scope"),
      });
    } catch {
      throw errorFrom({ kind: "config", message: "what the token store holds is no token set (JSON with `access_token`); clear the store and sign in again", attempts: [] });
    }
  }

  /** What is printed: which tokens there are, and none of them. */
  toJSON(): Record<string, unknown> {
    const { tokenType, expiresAt, refreshToken, scope } = this;
    return { accessToken: REDACTED, tokenType, expiresAt, refreshToken: refreshToken === undefined ? undefined : REDACTED, scope };
  }
}

Object.defineProperty(TokenSet.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: TokenSet) {
    return this.toJSON();
  },
});

/** Where tokens are kept between runs. One of your own needs these three methods; each may answer at once or with a promise. */
export interface TokenStore {
  /** What was saved last; `undefined` for nothing. */
  load(): TokenSet | undefined | Promise<TokenSet | undefined>;
  /** Keeps these in place of what there was. */
  save(tokens: TokenSet): void | Promise<void>;
  /** Forgets what there is. */
  clear(): void | Promise<void>;
}

/** Keeps tokens for as long as the program runs. */
export class MemoryTokenStore implements TokenStore {
  #tokens: TokenSet | undefined;

  /** Begins with these. */
  constructor(tokens?: TokenSet) {
    this.#tokens = tokens;
  }

  load(): TokenSet | undefined {
    return this.#tokens;
  }

  save(tokens: TokenSet): void {
    this.#tokens = tokens;
  }

  clear(): void {
    this.#tokens = undefined;
  }
}

/** Keeps tokens in a `Storage` of the page: `sessionStorage`, or `localStorage` for all of its tabs. Every script of the origin can read either. */
export class WebTokenStore implements TokenStore {
  readonly #storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly #key: string;

  /** `key` is the name under which they are kept. */
  constructor(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">, key = "waypost.tokens") {
    this.#storage = storage;
    this.#key = key;
  }

  load(): TokenSet | undefined {
    const text = this.#storage.getItem(this.#key);
    return text === null ? undefined : TokenSet.parse(text);
  }

  save(tokens: TokenSet): void {
    this.#storage.setItem(this.#key, tokens.serialize());
  }

  clear(): void {
    this.#storage.removeItem(this.#key);
  }
}
