/** `waypost/webhooks`, beside the shared vectors (vectors.test.ts): payloads, the clock, and what is printed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { Webhook, WebhookError } from "waypost/webhooks";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY = '{"type":"wallet.created"}';

test("a delivery that was just signed is genuine, and its payload is read", () => {
  const webhook = new Webhook(SECRET);
  const delivery = webhook.verify<{ type: string }>(BODY, webhook.headers(BODY, "msg_1"));
  assert.equal(delivery.id, "msg_1");
  assert.equal(delivery.payload.type, "wallet.created");
  assert.ok(Math.abs(delivery.timestamp - Date.now() / 1000) < 5);
});

test("bytes that are no UTF-8 are checked as they are", () => {
  const webhook = new Webhook(SECRET);
  const bytes = new Uint8Array([0xff, 0x00, 0xfe]);
  assert.equal(webhook.check(bytes, webhook.headers(bytes)).id, "msg_test");
  assert.throws(() => webhook.verify(bytes, webhook.headers(bytes)), { name: "WebhookError", reason: "payload" });
});

test("headers of Node's http, also repeated ones, are understood", () => {
  const webhook = new Webhook(SECRET);
  const { "webhook-signature": signature = "", ...rest } = webhook.headers(BODY);
  assert.ok(webhook.check(BODY, { ...rest, "webhook-signature": ["v1,AAAA", signature] }));
});

test("a refusal tells why", () => {
  const webhook = new Webhook(SECRET, { now: () => 1_000_000 });
  assert.throws(() => webhook.verify(BODY, {}), (error: unknown) => error instanceof WebhookError && error.reason === "missing_header");
  assert.throws(() => webhook.verify(BODY, webhook.headers(BODY, "m", 1)), { reason: "too_old" });
  assert.throws(() => webhook.verify(`${BODY} `, webhook.headers(BODY)), { reason: "signature" });
});

test("the secret is not printed", () => {
  const webhook = new Webhook(SECRET);
  assert.doesNotMatch(inspect(webhook, { showHidden: true, depth: 9 }) + JSON.stringify(webhook), /MfKQ9r8/);
  assert.throws(() => new Webhook("whsec_TopSecret!"), (error: Error) => !`${error.message} ${JSON.stringify(error)}`.includes("TopSecret"));
  assert.throws(() => new Webhook([]), { reason: "secret" });
});
