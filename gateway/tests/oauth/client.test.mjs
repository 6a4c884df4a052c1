// A client library that others wrote (`openid-client`, on `oauth4webapi`) against the gateway as an authorization server. It is certified for OpenID Connect and
// strict about what it is answered.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as oauth from "openid-client";
import { agree, client, gateway, register } from "./support.mjs";

const REDIRECT = "http://127.0.0.1:4711/callback";
const GRANTS = ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"];
const url = await gateway();
const person = await register(url);

const discover = (own, authentication) =>
  oauth.discovery(new URL(url), own.id, undefined, authentication, { algorithm: "oauth2", execute: [oauth.allowInsecureRequests] });

const wallets = async (token) => (await fetch(`${url}/v1/wallets`, { headers: { authorization: `Bearer ${token}` } })).status;

/** A client that authenticates by its secret, in each of the two ways. */
const withSecret = async (authentication) => {
  const own = await client(url, person, { grant_types: GRANTS, redirect_uris: ["http://127.0.0.1/callback"] });
  return discover(own, authentication(own.secret));
};

test("code and PKCE, refresh, introspection and revocation", async () => {
  const config = await withSecret(oauth.ClientSecretBasic);
  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  const request = oauth.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: "wallets:read",
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  const back = await agree(url, person, request.href);
  const tokens = await oauth.authorizationCodeGrant(config, new URL(back.location), { pkceCodeVerifier: verifier, expectedState: state });
  assert.equal(tokens.scope, "wallets:read");
  assert.equal(await wallets(tokens.access_token), 200);
  const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal((await oauth.tokenIntrospection(config, refreshed.access_token)).active, true);
  await oauth.tokenRevocation(config, refreshed.refresh_token);
  assert.equal((await oauth.tokenIntrospection(config, refreshed.access_token)).active, false);
  assert.equal(await wallets(refreshed.access_token), 401);
});

test("the answer of another state or another server is refused by the client", async () => {
  const config = await withSecret(oauth.ClientSecretBasic);
  const verifier = oauth.randomPKCECodeVerifier();
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  const request = oauth.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, state: "s1", code_challenge: challenge, code_challenge_method: "S256" });
  const back = new URL((await agree(url, person, request.href)).location);
  await assert.rejects(oauth.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: "s2" }));
  const other = new URL(back);
  other.searchParams.set("iss", "https://evil.example");
  await assert.rejects(oauth.authorizationCodeGrant(config, other, { pkceCodeVerifier: verifier, expectedState: "s1" }));
});

test("a refusal reaches the client as the RFC's error", async () => {
  const config = await withSecret(oauth.ClientSecretPost);
  await assert.rejects(oauth.refreshTokenGrant(config, "nonsense"), (error) => error.error === "invalid_grant" && error.status === 400);
  const denied = oauth.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, state: "s", code_challenge: await oauth.calculatePKCECodeChallenge("v".repeat(43)), code_challenge_method: "S256" });
  const back = await agree(url, person, denied.href, { decision: "deny" });
  await assert.rejects(oauth.authorizationCodeGrant(config, new URL(back.location), { expectedState: "s" }), (error) => error.error === "access_denied");
});

test("client credentials by header, by form, and by a signed assertion", async () => {
  for (const authentication of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
    const tokens = await oauth.clientCredentialsGrant(await withSecret(authentication), { scope: "wallets:read" });
    assert.equal(await wallets(tokens.access_token), 200);
  }
  for (const [algorithm, name] of [[{ name: "ECDSA", namedCurve: "P-256" }, "ES256"], [{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, "RS256"]]) {
    const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const key = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e, kid: name, alg: name, use: "sig" }).filter(([, value]) => value !== undefined));
    const own = await client(url, person, { authentication: "private_key_jwt", grant_types: ["client_credentials"], jwks: { keys: [key] } });
    const config = await discover(own, oauth.PrivateKeyJwt({ key: pair.privateKey, kid: name }));
    const tokens = await oauth.clientCredentialsGrant(config);
    assert.equal(await wallets(tokens.access_token), 200);
  }
});

test("a public client on a port of its own", async () => {
  const own = await client(url, person, { type: "public", grant_types: ["authorization_code", "refresh_token"], redirect_uris: ["http://127.0.0.1/callback"] });
  const config = await discover(own, oauth.None());
  const verifier = oauth.randomPKCECodeVerifier();
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  const request = oauth.buildAuthorizationUrl(config, { redirect_uri: "http://127.0.0.1:51234/callback", state: "s", code_challenge: challenge, code_challenge_method: "S256" });
  const back = await agree(url, person, request.href);
  const tokens = await oauth.authorizationCodeGrant(config, new URL(back.location), { pkceCodeVerifier: verifier, expectedState: "s" });
  assert.equal(await wallets(tokens.access_token), 200);
});

test("a device polls until the person agrees", async () => {
  const config = await withSecret(oauth.ClientSecretBasic);
  const device = await oauth.initiateDeviceAuthorization(config, { scope: "wallets:read" });
  const polled = oauth.pollDeviceAuthorizationGrant(config, device);
  const shown = await agree(url, person, device.verification_uri_complete);
  assert.match(shown.html, /Allowed/);
  assert.equal(await wallets((await polled).access_token), 200);
});
