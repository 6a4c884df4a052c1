/** Errors: their classes, what they carry, and how they travel. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as waypost from "waypost";
import { APIError, errorFrom, type ErrorKind, isWaypostError, TransportError, WaypostError } from "waypost";
import { problem } from "waypost/testing";

import { onEach } from "./support/engines.js";

const STATUSES: readonly (readonly [number, ErrorKind, string])[] = [
  [400, "bad_request", "BadRequestError"],
  [418, "bad_request", "BadRequestError"],
  [401, "authentication", "AuthenticationError"],
  [403, "permission_denied", "PermissionDeniedError"],
  [404, "not_found", "NotFoundError"],
  [409, "conflict", "ConflictError"],
  [410, "gone", "GoneError"],
  [422, "unprocessable", "UnprocessableError"],
  [429, "rate_limited", "RateLimitedError"],
  [500, "server", "ServerError"],
  [503, "server", "ServerError"],
];

onEach("an error answer", ({ FakeWaypost }) => {
  for (const [status, kind, name] of STATUSES) {
    test(`${status} is a ${name} of kind ${kind}`, async () => {
      const fake = new FakeWaypost({ maxRetries: 0 });
      const more = { detail: "What happened.", headers: { "x-request-id": "req_1" }, limit: 7 };
      fake.on("wallets.get", problem(status, "some_code", more));
      const error = await fake.client.wallets.get("wal_1").catch((reason: unknown) => reason);
      const type = waypost[name as keyof typeof waypost] as typeof WaypostError;
      assert.ok(error instanceof type && error instanceof APIError && error instanceof WaypostError && error instanceof Error);
      assert.equal(error.name, name);
      assert.equal(error.kind, kind);
      assert.equal(error.status, status);
      assert.equal(error.code, "some_code");
      assert.equal(error.problem?.detail, "What happened.");
      assert.equal(error.problem?.["limit"], 7);
      assert.equal(error.requestId, "req_1");
      assert.equal(error.operation, "wallets_get");
      assert.equal(error.method, "GET");
      assert.equal(error.url, "https://api.example/v1/wallets/wal_1");
      assert.equal(error.attempts.length, 1);
      assert.equal(error.attempts[0]?.status, status);
      assert.match(error.message, /What happened.*GET https:\/\/api\.example\/v1\/wallets\/wal_1, request req_1, 1 attempt/);
      assert.ok(error.stack?.startsWith(`${name}: `));
    });
  }

  test("retryAfter is in seconds, and in the message", async () => {
    const fake = new FakeWaypost({ maxRetries: 0 }).on("wallets.get", problem(429, "rate_limited", { headers: { "retry-after": "7" } }));
    const error = await fake.client.wallets.get("wal_1").catch((reason: unknown) => reason);
    assert.ok(error instanceof waypost.RateLimitedError);
    assert.equal(error.retryAfter, 7);
    assert.match(error.message, /retry after 7 s/);
  });

  test("what the caller's own code throws comes as it is", async () => {
    const mine = new RangeError("mine");
    const fake = new FakeWaypost({
      middleware: [
        {
          request: () => {
            throw mine;
          },
        },
      ],
    }).always("*", { json: {} });
    await assert.rejects(async () => fake.client.wallets.get("wal_1"), (error: unknown) => error === mine);
  });
});

test("the classes at each level catch what is below them", () => {
  const of = (kind: ErrorKind): WaypostError => errorFrom({ kind, message: "m", attempts: [] });
  for (const kind of ["connection", "timeout", "cancelled", "circuit_open"] as const) {
    assert.ok(of(kind) instanceof TransportError && !(of(kind) instanceof APIError));
  }
  for (const kind of ["decode", "oauth", "config"] as const) {
    assert.ok(of(kind) instanceof WaypostError && !(of(kind) instanceof TransportError) && !(of(kind) instanceof APIError));
  }
});

test("a kind of a later version is a plain WaypostError", () => {
  const error = errorFrom({ kind: "quota_exceeded" as ErrorKind, message: "m", attempts: [] });
  assert.equal(error.constructor, WaypostError);
  assert.equal(error.name, "WaypostError");
});

test("an error travels as JSON and is made again from it", () => {
  const cause = new Error("below");
  const error = errorFrom({ kind: "conflict", message: "m", status: 409, code: "c", attempts: [{ number: 1, delayMs: 0, durationMs: 3 }] }, { cause });
  assert.equal(error.cause, cause);
  const again = errorFrom(JSON.parse(JSON.stringify(error)) as never);
  assert.ok(again instanceof waypost.ConflictError);
  assert.deepEqual(again.toJSON(), error.toJSON());
});

test("structuredClone keeps the message and the stack; what toJSON gives is kept whole", () => {
  const error = errorFrom({ kind: "conflict", message: "m", status: 409, attempts: [] });
  const clone = structuredClone(error);
  assert.ok(clone instanceof Error);
  assert.equal(clone.message, "m");
  assert.equal(clone.stack, error.stack);
  assert.deepEqual(structuredClone(error.toJSON()), error.toJSON());
});

test("isWaypostError knows errors of another copy of the package, and no others", async () => {
  const { createRequire } = await import("node:module");
  const other = createRequire(import.meta.url)("waypost") as typeof waypost;
  assert.ok(isWaypostError(other.errorFrom({ kind: "gone", message: "m", attempts: [] })));
  for (const stranger of [new Error("m"), null, undefined, "m", { kind: "gone" }]) assert.ok(!isWaypostError(stranger));
});
