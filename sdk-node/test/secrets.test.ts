/** Credentials are never printed: not of a client, a resource, a promise, an answer or an error, in whichever way somebody prints it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";

import { problem } from "waypost/testing";

import { onEach } from "./support/engines.js";

const SECRETS = { apiKey: "wp_1_TopSecretKey", accessToken: "top.secret.token", clientId: "app", clientSecret: "TopSecretClient" } as const;

/** Every way in which a program prints a value. */
function printed(value: unknown): string {
  const ways = [inspect(value, { depth: 12, showHidden: true, getters: true }), format("%s %o %O %j", value, value, value, value), JSON.stringify(value), String(value)];
  return value instanceof Error ? [...ways, value.message, value.stack, inspect(value.cause)].join("\n") : ways.join("\n");
}

onEach("secrets", ({ FakeWaypost, Waypost }) => {
  for (const [name, secret] of Object.entries(SECRETS).filter(([name]) => name !== "clientId")) {
    test(`${name} is in nothing that is printed`, async () => {
      const credentials = name === "clientSecret" ? { clientId: SECRETS.clientId, clientSecret: secret } : { [name]: secret };
      const fake = new FakeWaypost({ apiKey: undefined, headers: { "x-service-token": secret }, ...credentials });
      fake.always("*", problem(422, "wrong", { detail: `The token ${secret} is wrong.` }));
      const call = fake.client.wallets.get("wal_1");
      const error = await call.catch((reason: unknown) => reason);
      const shown = [fake, fake.client, fake.client.wallets, call, error, fake.requests.map(({ headers }) => headers), fake.client.withOptions({ maxRetries: 1 })].map(printed);
      for (const one of shown) assert.ok(!one.includes(secret), one);
    });
  }

  test("a client on a real engine prints none either", () => {
    const client = new Waypost({ baseUrl: "https://api.example", apiKey: SECRETS.apiKey, environment: false });
    assert.ok(!printed(client).includes(SECRETS.apiKey));
  });

  test("a wrong setting is named without its value", async () => {
    for (const options of [{ apiKey: `${SECRETS.apiKey}\n` }, { baseUrl: `https://me:${SECRETS.apiKey}@api.example` }]) {
      const make = async (): Promise<unknown> => new Waypost({ baseUrl: "https://api.example", environment: false, ...options }).system.health();
      await assert.rejects(make, (error: unknown) => !printed(error).includes(SECRETS.apiKey));
    }
  });
});
