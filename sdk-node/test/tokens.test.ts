/** Clients that get their access tokens themselves: many calls at once, stores of one's own, and the real gateway. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { isWaypostError } from "waypost";
import { MemoryTokenStore, OAuthError, TokenSet } from "waypost/oauth";

import { onEach } from "./support/engines.js";
import { startGateway } from "./support/gateway.js";
import { oauthClient, register } from "./support/person.js";

const MANY = 200;
const run = promisify(execFile);

/** An authorization server and API that counts what it is asked; a token is good until the next one is granted. */
async function counting(refuses = false): Promise<{ baseUrl: string; forms: string[]; calls: () => number; revoke: () => void }> {
  const forms: string[] = [];
  let calls = 0;
  let good: string | undefined;
  const textOf = async (request: IncomingMessage): Promise<string> => {
    let text = "";
    for await (const piece of request) text += String(piece);
    return text;
  };
  const server = createServer((request, response) => {
    void textOf(request).then(async (body) => {
      const tell = (status: number, value: unknown): void => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      if (request.url === "/oauth/token") {
        forms.push(body);
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (refuses) return tell(400, { error: "invalid_grant", error_description: "It was used." });
        good = `token-${forms.length}`;
        return tell(200, { access_token: good, token_type: "Bearer", expires_in: 900, refresh_token: `refresh-${forms.length}` });
      }
      calls++;
      return good !== undefined && request.headers.authorization === `Bearer ${good}` ? tell(200, { data: [], has_more: false }) : tell(401, { code: "unauthenticated" });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { baseUrl: `http://127.0.0.1:${port}`, forms, calls: () => calls, revoke: () => void (good = undefined) };
}

onEach("access tokens", ({ name, Waypost }) => {
  test(`${MANY} calls at once make one token request, and one more once the token is refused`, async () => {
    const { baseUrl, forms, calls, revoke } = await counting();
    const client = new Waypost({ baseUrl, clientId: "app", clientSecret: "secret-value", environment: false, maxRetries: 0, pacing: false });
    const storm = (): Promise<unknown> => Promise.all(Array.from({ length: MANY }, () => client.wallets.list()));
    await storm();
    assert.deepEqual([forms.length, calls()], [1, MANY]);
    assert.equal(forms[0], "grant_type=client_credentials");
    revoke();
    await storm();
    assert.equal(forms.length, 2);
    assert.equal(forms[1], "grant_type=refresh_token&refresh_token=refresh-1");
    client.close();
  });

  test("a failure of the one request is told to every call that waited for it", async () => {
    const { baseUrl, forms } = await counting(true);
    const tokens = { accessToken: "old-value", expiresAt: 1, refreshToken: "refresh-value" };
    const client = new Waypost({ baseUrl, clientId: "app", tokens, environment: false });
    const outcomes = await Promise.allSettled(Array.from({ length: MANY }, () => client.wallets.list()));
    assert.equal(forms.length, 1);
    for (const outcome of outcomes) {
      assert.ok(outcome.status === "rejected");
      const error: unknown = outcome.reason;
      assert.ok(isWaypostError(error) && error instanceof OAuthError, String(error));
      assert.deepEqual([error.kind, error.error, error.errorDescription, error.status], ["oauth", "invalid_grant", "It was used.", 400]);
      assert.doesNotMatch(`${error.message}${JSON.stringify(error)}`, /old-value|refresh-value/);
    }
    client.close();
  });

  test("giving up the call that asks fails none of the others", async () => {
    const { baseUrl, forms } = await counting();
    const client = new Waypost({ baseUrl, clientId: "app", clientSecret: "secret-value", environment: false });
    const controller = new AbortController();
    const first = client.wallets.list({}, { signal: controller.signal });
    const others = Array.from({ length: 20 }, () => client.wallets.list());
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(async () => first, { kind: "cancelled" });
    assert.equal((await Promise.all(others)).length, 20);
    assert.ok(forms.length <= 2, `${forms.length} token requests`);
    client.close();
  });

  test("tokens are kept in a store of one's own, which answers at once or later, and printed nowhere", async () => {
    const { baseUrl, forms } = await counting();
    for (const later of [false, true]) {
      const said: string[] = [];
      let kept: TokenSet | undefined = new TokenSet({ accessToken: "old", expiresAt: 1, refreshToken: "refresh-0" });
      const answer = <T>(verb: string, value: T): T | Promise<T> => {
        said.push(verb);
        return later ? new Promise((resolve) => setTimeout(resolve, 5, value)) : value;
      };
      const tokenStore = {
        load: () => answer("load", kept),
        save: (tokens: TokenSet) => answer("save", void (kept = tokens)),
        clear: () => answer("clear", undefined),
      };
      const client = new Waypost({ baseUrl, clientId: "cli", tokenStore, environment: false });
      await client.wallets.list();
      assert.deepEqual(said, ["load", "save"]);
      assert.equal(forms.at(-1), "grant_type=refresh_token&refresh_token=refresh-0&client_id=cli");
      assert.equal(kept?.refreshToken, `refresh-${forms.length}`);
      assert.ok(kept.expiresAt !== undefined && Math.abs(kept.expiresAt - Date.now() / 1000 - 900) < 30);
      client.close();
    }
  });

  test("two clients of one store need one token", async () => {
    const { baseUrl, forms } = await counting();
    const tokenStore = new MemoryTokenStore();
    const options = { baseUrl, clientId: "app", clientSecret: "secret-value", tokenStore, environment: false } as const;
    for (const client of [new Waypost(options), new Waypost(options)]) {
      await client.wallets.list();
      client.close();
    }
    assert.equal(forms.length, 1);
  });

  test("options that cannot work are refused, and an own key goes first", async () => {
    const { baseUrl, forms } = await counting();
    assert.throws(() => new Waypost({ baseUrl, tokenStore: { load: 1 } as never }), /tokenStore\.load/);
    assert.throws(() => new Waypost({ baseUrl, tokens: { accessToken: "" } }), TypeError);
    const keyed = new Waypost({ baseUrl, clientId: "app", clientSecret: "secret-value", environment: false }).withOptions({ apiKey: "wp_1" });
    await assert.rejects(async () => keyed.wallets.list(), { kind: "authentication" });
    assert.equal(forms.length, 0);
  });

  if (name !== "native") return;
  test("the id and secret of a client in the environment are all that a program needs", async () => {
    const gateway = await startGateway();
    const person = await register(gateway);
    const { id, secret } = await oauthClient(gateway, person, { type: "confidential", grant_types: ["client_credentials"] });
    const program = `
      import { Waypost } from "waypost";
      const client = new Waypost();
      const wallet = await client.wallets.create({ currency: "EUR", name: "Machine" });
      console.log((await client.wallets.get(wallet.id)).name);`;
    const variables = Object.fromEntries(Object.entries(process.env).filter(([variable]) => !variable.startsWith("WAYPOST_")));
    const env = { ...variables, WAYPOST_BASE_URL: gateway.baseUrl, WAYPOST_CLIENT_ID: id, WAYPOST_CLIENT_SECRET: secret };
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { env, timeout: 30_000 });
    assert.equal(stdout, "Machine\n");
  });
});
