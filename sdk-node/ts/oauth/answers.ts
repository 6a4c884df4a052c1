/**
 * What an authorization server answers, read: metadata (RFC 8414), redirects (RFC 6749, section 4.1.2; RFC 9207), device codes (RFC 8628) and tokens. Pure.
 *
 * Promises: a redirect's state is compared before anything else of it is believed, and its issuer where that is told; nobody is sent to what is no web page; no
 * error repeats a code, a verifier or a token.
 *
 * @module
 */

import { errorFrom, type WaypostError } from "../errors.js";
import { redactUrl } from "../redact.js";
import { TokenSet } from "./token-set.js";

/** The endpoints of an authorization server that a sign-in uses. */
export interface Endpoints {
  /** Who answers: what `iss` of a redirect must be. */
  readonly issuer: string;
  readonly token: string;
  readonly authorization?: string | undefined;
  readonly deviceAuthorization?: string | undefined;
  /** Every redirect names the issuer. */
  readonly namesIssuer: boolean;
}

/** What is sent to the server. */
export interface Request {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** Its answer, whatever the status. */
export interface Answer {
  readonly request: Request;
  readonly status: number;
  /** The value of a header. */
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

/** The device's half of a sign-in, and what a person needs for theirs. */
export interface DeviceCode {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete?: string | undefined;
  /** In seconds since 1970. */
  readonly expiresAt: number;
  /** In milliseconds. */
  readonly interval: number;
}

/** Longer than any server asks for: a device never waits for longer, in milliseconds. */
export const SLOWEST = 300_000;

/** The longest text of a server's that an error repeats. */
const LONGEST = 500;

type Json = Readonly<Record<string, unknown>>;

/** An error of a sign-in. `word` is the RFC's, or one of the SDK's own. */
export function refusal(word: string, message: string, hint: string, answer?: Answer, more: { readonly errorDescription?: string | undefined; readonly errorUri?: string | undefined } = {}): WaypostError {
  const requestId = answer?.header("x-request-id");
  const about = answer === undefined ? [] : [targetOf(answer.request), ...(requestId === undefined ? [] : [`request ${requestId}`])];
  const told = about.length > 0 ? ` (${about.join(", ")})` : "";
  return errorFrom({
    kind: "oauth",
    message: `${message}${told}${hint === "" ? "" : `. ${hint}`}`,
    attempts: [],
    error: word,
    ...(more.errorDescription !== undefined && { errorDescription: more.errorDescription }),
    ...(more.errorUri !== undefined && { errorUri: more.errorUri }),
    ...(hint !== "" && { hint }),
    ...(answer !== undefined && { status: answer.status, method: answer.request.method, url: targetOf(answer.request).slice(answer.request.method.length + 1) }),
    ...(requestId !== undefined && { requestId }),
  });
}

/** Method and URL, without query. */
export function targetOf({ method, url }: Request): string {
  return `${method} ${redactUrl(url.split("?")[0] ?? "")}`;
}

/** An answer that is not what the RFC says. */
function invalid(answer: Answer, message: string, hint: string): WaypostError {
  return refusal("invalid_response", message, hint, answer);
}

const HINTS: Readonly<Record<string, string>> = {
  access_denied: "The person said no",
  expired_token: "The code has expired; begin again",
  invalid_client: "Check the client's id and secret",
  invalid_grant: "Begin again: a code works once, and not for long",
  invalid_scope: "Ask for what the client is registered for",
  unauthorized_client: "Register the client for this grant",
};

function told(what: string, error: string, description: string | undefined, uri: string | undefined, answer?: Answer): WaypostError {
  const said = description === undefined ? "" : `: ${clean(description).replace(/\.+$/, "")}`;
  const hint = Object.hasOwn(HINTS, error) ? (HINTS[error] as string) : "";
  return refusal(clean(error), `${what}: ${clean(error)}${said}`, hint, answer, { errorDescription: description && clean(description), errorUri: uri && clean(uri) });
}

/** The error of an answer that is none of success. */
export function refusedBy(answer: Answer, what: string): WaypostError {
  const body = object(answer.body) ?? {};
  const error = textOf(body, "error");
  if (error === undefined) return invalid(answer, what, "Check the base URL: what answered may be no authorization server");
  return told(what, error, textOf(body, "error_description"), textOf(body, "error_uri"), answer);
}

/** The word of an error answer. */
export function wordOf(answer: Answer): string | undefined {
  return textOf(object(answer.body) ?? {}, "error");
}

/** The issuer of a base URL, and where its metadata is: the path comes after the well-known one (RFC 8414, section 3.1). */
export function place(baseUrl: string): { readonly issuer: string; readonly url: string } {
  const [, origin, path] = /^(https?:\/\/[^/?#@\s]+)(\/[^?#\s]*)?$/i.exec(baseUrl) ?? [];
  if (origin === undefined || !URL.canParse(baseUrl)) {
    throw errorFrom({ kind: "config", message: "the base URL to sign in at is no URL of a server; write `https://host`", attempts: [] });
  }
  const prefix = (path ?? "").replace(/\/+$/, "");
  const own = new URL(origin).origin;
  return { issuer: own + prefix, url: `${own}/.well-known/oauth-authorization-server${prefix}` };
}

/** Reads the metadata that was found for an issuer. */
export function readEndpoints(issuer: string, answer: Answer): Endpoints {
  const wrong = (what: string): WaypostError => invalid(answer, `the authorization server's metadata ${what}`, "Check the base URL: it is the authorization server's address");
  if (answer.status !== 200) throw wrong("was not found");
  const metadata = object(answer.body);
  if (metadata === undefined) throw wrong("is not JSON");
  // Another server's metadata would send the person, and the code, there (RFC 8414, section 3.3).
  if (textOf(metadata, "issuer")?.replace(/\/+$/, "") !== issuer) {
    throw refusal("issuer_mismatch", "the authorization server's metadata names another issuer than the address that it came from", "Give the issuer's own address as the base URL", answer);
  }
  const secure = issuer.startsWith("https://");
  const endpoint = (name: string): string | undefined => {
    const url = textOf(metadata, name);
    if (url !== undefined && !isWeb(url, secure)) throw wrong(`has a \`${name}\` that is no URL of a web page, or one that is not secure`);
    return url;
  };
  const authorization = endpoint("authorization_endpoint");
  const token = endpoint("token_endpoint");
  if (token === undefined) throw wrong("has no `token_endpoint`");
  const deviceAuthorization = endpoint("device_authorization_endpoint");
  return { issuer, authorization, token, deviceAuthorization, namesIssuer: metadata["authorization_response_iss_parameter_supported"] === true };
}

/** The code of a redirect: an address, or its path and query. */
export function readRedirect(redirect: string, state: string, { issuer, namesIssuer }: Pick<Endpoints, "issuer" | "namesIssuer">): string {
  const query = new URLSearchParams(/\?([^#]*)/.exec(redirect)?.[1] ?? "");
  const once = (name: string): string | undefined => {
    const [value, another] = query.getAll(name);
    return another === undefined && value !== "" ? value : undefined;
  };
  if (once("state") !== state) {
    throw refusal("state_mismatch", "the redirect belongs to another sign-in: its `state` is not the one that was sent", "Begin again, and follow no link that somebody else sent");
  }
  if ((query.has("iss") || namesIssuer) && once("iss") !== issuer) {
    throw refusal("issuer_mismatch", "the redirect came from another authorization server: its `iss` is not the issuer", "Begin again; if it happens again, somebody may be mixing servers up");
  }
  const error = query.get("error") ?? "";
  if (error !== "") {
    throw told("the authorization server did not let the person sign in", error, query.get("error_description") ?? undefined, query.get("error_uri") ?? undefined);
  }
  const code = once("code");
  if (code === undefined) throw refusal("invalid_response", "the redirect has neither one code nor an error", "Begin again");
  return code;
}

/** Reads the answer of the device authorization endpoint (RFC 8628, section 3.2). `now` is in milliseconds since 1970. */
export function readDeviceCode(answer: Answer, secure: boolean, now: number): DeviceCode {
  const wrong = (what: string): WaypostError => invalid(answer, what, "The server does not keep to RFC 8628");
  const body = object(answer.body);
  if (body === undefined) throw wrong("the device's codes are not JSON");
  const deviceCode = textOf(body, "device_code");
  if (deviceCode === undefined) throw wrong("there is no `device_code`");
  const userCode = textOf(body, "user_code");
  // A person reads it from a screen and types it: anything else there is not a code.
  if (userCode === undefined || !/^[\x20-\x7e]{1,64}$/.test(userCode)) throw wrong("there is no `user_code` that a person could type");
  const verificationUri = textOf(body, "verification_uri");
  if (verificationUri === undefined || !isWeb(verificationUri, secure)) throw wrong("there is no `verification_uri` that a person could visit");
  const complete = textOf(body, "verification_uri_complete");
  const seconds = (name: string, otherwise: number): number => secondsOf(body[name]) ?? otherwise;
  return {
    deviceCode,
    userCode,
    verificationUri,
    verificationUriComplete: complete !== undefined && isWeb(complete, secure) ? complete : undefined,
    expiresAt: Math.floor(now / 1000) + seconds("expires_in", 600),
    interval: Math.min(Math.max(seconds("interval", 5) * 1000, 1000), SLOWEST),
  };
}

/** Reads the token endpoint's answer (RFC 6749, section 5.1). A scope that it leaves out is the one that was asked for. */
export function readTokens(answer: Answer, asked: string | undefined, now: number): TokenSet {
  const wrong = (what: string): WaypostError => invalid(answer, what, "The server does not keep to RFC 6749");
  const body = object(answer.body);
  if (body === undefined) throw wrong("the tokens are not JSON");
  if ((textOf(body, "token_type") ?? "bearer").toLowerCase() !== "bearer") throw wrong("the token is of another type than `Bearer`");
  const accessToken = textOf(body, "access_token");
  if (accessToken === undefined) throw wrong("there is no `access_token`");
  const lifetime = secondsOf(body["expires_in"]);
  return new TokenSet({
    accessToken,
    tokenType: "Bearer",
    expiresAt: lifetime === undefined ? undefined : Math.floor(now / 1000) + lifetime,
    refreshToken: textOf(body, "refresh_token"),
    scope: textOf(body, "scope") ?? asked,
  });
}

/** Whether a browser may be sent there: no `javascript:`, no `file:`, and nothing in the clear where the server is not. */
function isWeb(url: string, secure: boolean): boolean {
  return url.length <= 2048 && (secure ? /^https:\/\/[^/\s][\x21-\x7e]*$/ : /^https?:\/\/[^/\s][\x21-\x7e]*$/).test(url);
}

function object(text: string): Json | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as Json) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(body: Json, name: string): string | undefined {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Whole seconds of a number, or of a text that is one. */
function secondsOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? Math.floor(number) : undefined;
}

function clean(text: string): string {
  return [...text.replace(/[\x00-\x1f\x7f-\x9f]/g, "")].slice(0, LONGEST).join("");
}
