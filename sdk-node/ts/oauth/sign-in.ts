/**
 * Signing a person in: the authorization code grant with PKCE, and the device grant. What comes of it is a {@link TokenSet}, which a client takes and renews.
 *
 * @module
 */

import { environmentOf } from "../options.js";
import { FetchCarrier } from "./carrier.js";
import { base64Url, begin, type Begun, type Carrier, device, type DeviceProgress, finish, type Settings } from "./flow.js";
import type { TokenSet, TokenStore } from "./token-set.js";

/** Settings of a {@link SignIn}. */
export interface SignInOptions {
  /** The authorization server's address, which is its issuer; its metadata is asked there. `WAYPOST_BASE_URL`. */
  readonly baseUrl?: string | undefined;
  /** The id of the OAuth client. `WAYPOST_CLIENT_ID`. */
  readonly clientId?: string | undefined;
  /** Its secret; a public client (a page, a program on people's machines) has none. `WAYPOST_CLIENT_SECRET`. */
  readonly clientSecret?: string | undefined;
  /** What is asked for, words separated by spaces. Left out: the server's choice. */
  readonly scope?: string | undefined;
  /** Where the tokens are kept when there are some. */
  readonly tokenStore?: TokenStore | undefined;
  /** The longest that one request may take, in milliseconds (15,000). */
  readonly timeoutMs?: number | undefined;
  /** The variables to read in place of `process.env`; `false`: none. */
  readonly environment?: Readonly<Record<string, string | undefined>> | false | undefined;
  /** Used in place of the host's `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** What gives a step of a sign-in up. */
export interface StepOptions {
  /** Ends it with a `CancelledError`. */
  readonly signal?: AbortSignal | undefined;
}

/** A person is on their way to the authorization server: send them to {@link url}, and {@link finish} with the address that they come back to. */
export class AuthorizationCode {
  readonly #begun: Begun;
  readonly #end: (redirect: string, options?: StepOptions) => Promise<TokenSet>;

  /** Made by {@link SignIn.begin}. @internal */
  constructor(begun: Begun, end: (redirect: string, options?: StepOptions) => Promise<TokenSet>) {
    this.#begun = begun;
    this.#end = end;
  }

  /** Where the person signs in and agrees. */
  get url(): string {
    return this.#begun.url;
  }

  /** What the address that they come back to must have as its `state`: by it a server tells its sign-ins apart. */
  get state(): string {
    return this.#begun.state;
  }

  /**
   * Exchanges the code of a redirect for tokens, and keeps them.
   *
   * @param redirect - the address that the person came back to, or its path and query.
   * @throws `OAuthError`: `error` is the server's word (`access_denied`), or `state_mismatch`, `issuer_mismatch` or `invalid_response` where the SDK refuses.
   */
  finish(redirect: string, options?: StepOptions): Promise<TokenSet> {
    return this.#end(redirect, options);
  }
}

/**
 * Signs people in at an authorization server, which is asked for its metadata (RFC 8414). One is made for a program and used for any number of sign-ins.
 *
 * ```ts
 * const signIn = new SignIn({ baseUrl: "https://api.example", clientId: "ocl_…", scope: "wallets:read" });
 * const tokens = await signIn.withDevice(({ userCode, verificationUri, polls }) => {
 *   if (polls === 0) console.log(`Visit ${verificationUri} and type ${userCode}`);
 * });
 * ```
 */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #settings: Settings;

  /** Nothing is sent. */
  constructor(options: SignInOptions = {}) {
    const variables = environmentOf({ environment: options.environment }) ?? {};
    const own = options.clientId !== undefined;
    this.#options = options;
    this.#settings = {
      baseUrl: options.baseUrl ?? variables["WAYPOST_BASE_URL"] ?? "",
      clientId: options.clientId ?? variables["WAYPOST_CLIENT_ID"] ?? "",
      clientSecret: options.clientSecret ?? (own ? undefined : variables["WAYPOST_CLIENT_SECRET"] || undefined),
      scope: options.scope,
    };
  }

  /**
   * Begins the authorization code grant with PKCE.
   *
   * @param redirectUri - where the person comes back to, as the client is registered for it.
   */
  async begin(redirectUri: string, options?: StepOptions): Promise<AuthorizationCode> {
    const begun = await begin(this.#settings, redirectUri, this.random(), this.random(), this.carrier(options?.signal));
    return new AuthorizationCode(begun, (redirect, step) => this.finishBegun(begun, redirect, step));
  }

  /**
   * The device grant (RFC 8628): for a program whose person has a browser elsewhere. Resolves when they agreed there.
   *
   * @param progress - called before each wait: first with `polls: 0`, when there is a code to show, then after each time that the server was asked. What it
   * throws ends the sign-in.
   * @throws `OAuthError`: `access_denied`, `expired_token`, or another word of the server's.
   */
  async withDevice(progress: (progress: DeviceProgress) => unknown, options?: StepOptions): Promise<TokenSet> {
    return this.#kept(await device(this.#settings, progress, this.carrier(options?.signal)));
  }

  /** Ends a sign-in that was kept elsewhere meanwhile. @internal */
  protected async finishBegun(begun: Begun, redirect: string, options?: StepOptions): Promise<TokenSet> {
    return this.#kept(await finish(this.#settings, begun, redirect, this.carrier(options?.signal)));
  }

  /** Begins one that is to be kept elsewhere. @internal */
  protected beginKept(redirectUri: string, options?: StepOptions): Promise<Begun> {
    return begin(this.#settings, redirectUri, this.random(), this.random(), this.carrier(options?.signal));
  }

  /** What sends and waits. @internal */
  protected carrier(signal: AbortSignal | undefined): Carrier {
    return new FetchCarrier(this.#options.fetch, this.#options.timeoutMs ?? 15_000, signal);
  }

  /** 256 random bits as 43 letters, for a verifier and for a state (RFC 7636, section 4.1). @internal */
  protected random(): string {
    return base64Url(crypto.getRandomValues(new Uint8Array(32)));
  }

  async #kept(tokens: TokenSet): Promise<TokenSet> {
    await this.#options.tokenStore?.save(tokens);
    return tokens;
  }

  /** What is printed of it: none of its settings. */
  toJSON(): object {
    return {};
  }
}
