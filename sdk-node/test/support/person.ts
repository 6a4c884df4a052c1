/** A person with an account at a gateway, at a browser that runs nothing: signs in, and says what they are told to say to whatever is asked. */

import assert from "node:assert/strict";

import type { Gateway } from "./gateway.js";

/** A person's account. */
export interface Person {
  readonly email: string;
  readonly token: string;
}

const PASSWORD = "seven wet umbrellas in a row";

async function json(response: Response, status: number): Promise<Record<string, never>> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text) as Record<string, never>;
}

/** Somebody new. */
export async function register({ baseUrl }: Pick<Gateway, "baseUrl">): Promise<Person> {
  const email = `ada-${crypto.randomUUID()}@example.com`;
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(baseUrl + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  await json(await post("/v1/auth/register", { email, password: PASSWORD, name: "Ada Marlowe" }), 201);
  const { access_token } = await json(await post("/v1/auth/login", { email, password: PASSWORD }), 200);
  return { email, token: String(access_token) };
}

/** A client that the person registers. */
export async function oauthClient({ baseUrl }: Pick<Gateway, "baseUrl">, person: Person, change: object): Promise<{ readonly id: string; readonly secret: string }> {
  const body = { name: "Bookkeeper", type: "public", scopes: ["wallets:read", "wallets:write"], ...change };
  const headers = { "content-type": "application/json", authorization: `Bearer ${person.token}` };
  const made = await json(await fetch(`${baseUrl}/v1/oauth_clients`, { method: "POST", headers, body: JSON.stringify(body) }), 201);
  return { id: (made["client"] as unknown as { id: string }).id, secret: String(made["client_secret"]) };
}

function field(html: string, name: string): string {
  const value = new RegExp(`name="${name}"[^>]*? value="([^"]*)"`).exec(html)?.[1];
  assert.ok(value !== undefined, `there is no field ${name} in ${html}`);
  return value.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Signs in at `address` and decides; answers where the browser is sent, or with what it is shown. */
export async function decide({ baseUrl }: Pick<Gateway, "baseUrl">, person: Person, address: string, decision: "allow" | "deny" = "allow"): Promise<string> {
  const cookies = new Map<string, string>();
  const ask = async (target: string, form?: Record<string, string>): Promise<{ html: string; location: string }> => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), "sec-fetch-site": form ? "same-origin" : "none" };
    const response = await fetch(new URL(target, baseUrl), { method: form ? "POST" : "GET", headers, redirect: "manual", ...(form && { body: new URLSearchParams(form) }) });
    for (const cookie of response.headers.getSetCookie()) {
      const [name = "", value = ""] = (cookie.split(";")[0] ?? "").split("=");
      cookies.set(name, value);
    }
    return { html: await response.text(), location: response.headers.get("location") ?? "" };
  };
  const page = await ask(address);
  const signedIn = await ask("/oauth/sign_in", { email: person.email, password: PASSWORD, csrf_token: field(page.html, "csrf_token"), return_to: field(page.html, "return_to") });
  const asked = await ask(signedIn.location);
  const csrf = { csrf_token: field(asked.html, "csrf_token") };
  if (asked.html.includes('name="request"')) return (await ask("/oauth/authorize", { ...csrf, request: field(asked.html, "request"), decision })).location;
  const shown = await ask("/oauth/device", { ...csrf, user_code: field(asked.html, "user_code") });
  return (await ask("/oauth/device", { csrf_token: field(shown.html, "csrf_token"), user_code: field(shown.html, "user_code"), decision })).html;
}
