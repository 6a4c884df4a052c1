/**
 * The steps of a sign-in, one after another, on whatever carries requests and waits. The engine has the same for Rust and Python; `openapi/vectors`
 * (`authorize.json`, `device.json`) holds both to one behaviour. It is written here because the engine that a page downloads has no room for it.
 *
 * @module
 */

import { sha256 } from "@noble/hashes/sha2.js";

import { errorFrom, type WaypostError } from "../errors.js";
import { type Answer, type DeviceCode, type Endpoints, place, readDeviceCode, readEndpoints, readRedirect, readTokens, refusal, refusedBy, type Request, SLOWEST, targetOf, wordOf } from "./answers.js";
import type { TokenSet } from "./token-set.js";

/** Who signs in where, for what. */
export interface Settings {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly scope?: string | undefined;
}

/** No complete answer, in the words of the engine. */
export interface NoAnswer {
  readonly kind: string;
  readonly sent: boolean;
  readonly message: string;
}

/** What sends and waits. Each rejects with the caller's own error when the sign-in is given up. */
export interface Carrier {
  /** Sends a request; follows no redirect. */
  send(request: Request): Promise<Answer | NoAnswer>;
  /** In milliseconds. */
  wait(milliseconds: number): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What is told before each time that a device waits: what to show, and how far it is. */
export interface DeviceProgress {
  /** What the person types: `WDJB-MJHT`. */
  readonly userCode: string;
  /** Where. */
  readonly verificationUri: string;
  /** The same address with the code in it, for a link or a QR code. */
  readonly verificationUriComplete?: string | undefined;
  /** When the code expires, in seconds since 1970. */
  readonly expiresAt: number;
  /** How often the server was asked already; 0 when there is something to show for the first time. */
  readonly polls: number;
  /** How long until it is asked again, in milliseconds. */
  readonly waitMs: number;
}

/** A sign-in whose person is at the authorization server: what is kept until they come back. */
export interface Begun {
  readonly url: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly verifier: string;
  readonly issuer: string;
  readonly namesIssuer: boolean;
  readonly token: string;
}

/** The waits before a request is sent again that had no answer, or one of 429 or 5xx, in milliseconds. A person is there and waits too. */
const WAITS = [500, 2000] as const;
/** Who is asked to wait for longer is told so. */
const LONGEST_WAIT = 30_000;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** Sent again, these end the same way. */
const HOPELESS = ["tls", "protocol", "request"];

const NO_METADATA = "the authorization server's metadata could not be read";
const NO_CODE = "the authorization server gave the device no code";
const NO_TOKENS = "the authorization server gave no tokens for the code";
const NOT_LET_IN = "the authorization server did not let the device in";

/** Bytes in base64url, without padding. */
export function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Begins the authorization code grant (RFC 6749, section 4.1; RFC 7636): where the person is to be sent. */
export async function begin(settings: Settings, redirectUri: string, verifier: string, state: string, carrier: Carrier): Promise<Begun> {
  const { issuer, namesIssuer, token, authorization } = await discover(settings, carrier);
  if (authorization === undefined) throw lacking("page to sign in at");
  const parameters = {
    response_type: "code",
    code_challenge: base64Url(sha256(new TextEncoder().encode(verifier))),
    code_challenge_method: "S256",
    client_id: settings.clientId,
    redirect_uri: redirectUri,
    scope: settings.scope,
    state,
  };
  const url = `${authorization}${authorization.includes("?") ? "&" : "?"}${encoded(parameters)}`;
  return { url, redirectUri, state, verifier, issuer, namesIssuer, token };
}

/** Ends it with the address that the person came back to. The code is sent once: after a lost answer it may have been used. */
export async function finish(settings: Settings, begun: Begun, redirect: string, carrier: Carrier): Promise<TokenSet> {
  const code = readRedirect(redirect, begun.state, begun);
  const request = form(settings, begun.token, { grant_type: "authorization_code", code, redirect_uri: begun.redirectUri, code_verifier: begun.verifier });
  const answer = await asked(request, NO_TOKENS, carrier, true);
  if (answer.status !== 200) throw refusedBy(answer, NO_TOKENS);
  return readTokens(answer, settings.scope, carrier.now());
}

/** The device grant (RFC 8628): from the code to the tokens. */
export async function device(settings: Settings, show: (progress: DeviceProgress) => unknown, carrier: Carrier): Promise<TokenSet> {
  const { issuer, token, deviceAuthorization } = await discover(settings, carrier);
  if (deviceAuthorization === undefined) throw lacking("device authorization endpoint");
  const answer = await asked(form(settings, deviceAuthorization, { scope: settings.scope }), NO_CODE, carrier);
  if (answer.status !== 200) throw refusedBy(answer, NO_CODE);
  const code = readDeviceCode(answer, issuer.startsWith("https://"), carrier.now());
  let { interval } = code;
  let atLeast = 0;
  for (let polls = 0; ; polls++) {
    const waitMs = Math.min(Math.max(interval, atLeast), SLOWEST);
    if (carrier.now() + waitMs >= code.expiresAt * 1000) throw refusal("expired_token", "nobody let the device in before its code expired", "Begin again");
    await show(progressOf(code, polls, waitMs));
    await carrier.wait(waitMs);
    const polled = await carrier.send(form(settings, token, { grant_type: DEVICE_GRANT, device_code: code.deviceCode }));
    atLeast = 0;
    if (!("status" in polled) || isBusy(polled)) {
      if ("kind" in polled && HOPELESS.includes(polled.kind)) throw unanswered(form(settings, token, {}), polled, NOT_LET_IN);
      // No answer: half as often from now on (RFC 8628, section 3.5).
      interval = Math.min(interval * 2, SLOWEST);
      if ("status" in polled) atLeast = retryAfter(polled, carrier.now()) ?? 0;
      continue;
    }
    if (polled.status === 200) return readTokens(polled, settings.scope, carrier.now());
    const word = wordOf(polled);
    // Five seconds more, from now on.
    if (word === "slow_down") interval = Math.min(interval + 5000, SLOWEST);
    else if (word !== "authorization_pending") throw refusedBy(polled, NOT_LET_IN);
  }
}

async function discover({ baseUrl, clientId }: Settings, carrier: Carrier): Promise<Endpoints> {
  if (clientId === "") throw errorFrom({ kind: "config", message: "there is no client id to sign in with; set `clientId` or WAYPOST_CLIENT_ID", attempts: [] });
  const { issuer, url } = place(baseUrl);
  const request: Request = { method: "GET", url, headers: { accept: "application/json" } };
  return readEndpoints(issuer, await asked(request, NO_METADATA, carrier));
}

/** An answer that is final, after at most three tries. What must not be sent twice is sent again only where it was not looked at. */
async function asked(request: Request, what: string, carrier: Carrier, once = false): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    const answer = await carrier.send(request);
    let error: WaypostError;
    let wait: number | undefined;
    if (!("status" in answer)) {
      error = unanswered(request, answer, what);
      if (HOPELESS.includes(answer.kind) || (once && answer.sent)) throw error;
    } else if (!isBusy(answer)) {
      return answer;
    } else {
      error = refusal("invalid_response", `${what}: it answered with an error of its own`, "Try again later", answer);
      if (once && answer.status !== 429) throw error;
      wait = retryAfter(answer, carrier.now());
    }
    const own = WAITS[tries];
    const pause = own === undefined ? Infinity : Math.max(own, wait ?? 0);
    if (pause > LONGEST_WAIT) throw error;
    await carrier.wait(pause);
  }
}

function isBusy({ status }: Answer): boolean {
  return status === 429 || status >= 500;
}

/** What an answer asks to wait for, in milliseconds: seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfter(answer: Answer, now: number): number | undefined {
  const value = answer.header("retry-after");
  if (value === undefined) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : undefined;
}

function progressOf({ userCode, verificationUri, verificationUriComplete, expiresAt }: DeviceCode, polls: number, waitMs: number): DeviceProgress {
  return { userCode, verificationUri, ...(verificationUriComplete !== undefined && { verificationUriComplete }), expiresAt, polls, waitMs };
}

/** A form, with the client's authentication: Basic (RFC 6749, section 2.3.1), or its id alone where it has no secret. */
function form({ clientId, clientSecret }: Settings, url: string, parameters: Readonly<Record<string, string | undefined>>): Request {
  const headers: Record<string, string> = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
  if (clientSecret === undefined) return { method: "POST", url, headers, body: encoded({ client_id: clientId, ...parameters }) };
  headers["authorization"] = `Basic ${btoa(`${component(clientId)}:${component(clientSecret)}`)}`;
  return { method: "POST", url, headers, body: encoded(parameters) };
}

function encoded(parameters: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return pairs.map(([name, value]) => `${component(name)}=${component(value)}`).join("&");
}

/** Everything but the unreserved characters of RFC 3986 is encoded, as the engine does it. */
function component(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function lacking(what: string): WaypostError {
  return refusal("unsupported_response", `the authorization server has no ${what}`, "Sign in another way");
}

function unanswered(request: Request, { kind, message }: NoAnswer, what: string): WaypostError {
  return errorFrom({ kind: kind === "timeout" ? "timeout" : "connection", message: `${what}: ${message} (${targetOf(request)})`, attempts: [], method: request.method, url: targetOf(request).slice(request.method.length + 1) });
}
