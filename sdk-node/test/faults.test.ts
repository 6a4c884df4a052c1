/** A network and servers that fail, staged on raw TCP: what the client makes of it, on both engines. */

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { test } from "node:test";

import { ConnectionError, DecodeError, isWaypostError, type AnyWaypostError, ServerError, TimeoutError } from "waypost";

import { onEach } from "./support/engines.js";
import { answer, answers, cut, reset, silent, stage } from "./support/staged.js";

const wallet = JSON.stringify({ id: "wal_1", balance: 5 });
const quick = { environment: false, apiKey: "wp_1_secret", backoffBaseMs: 1, backoffCapMs: 2 } as const;

onEach("faults", ({ Waypost, name }) => {
  test("a refused connection is a ConnectionError that says where", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    const error = await failureOf(new Waypost({ ...quick, baseUrl: `http://127.0.0.1:${port}` }).wallets.get("wal_1"));
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.attempts.length, 3);
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}/v1/wallets/wal_1.*3 attempts`));
  });

  test("a reset before the first byte is sent again, under the same key", async () => {
    const { baseUrl, requests } = await stage(reset, answers(201, wallet));
    const { response } = await new Waypost({ ...quick, baseUrl }).wallets.create({ currency: "EUR" }).withResponse();
    assert.equal(response.attempts.length, 2);
    const keys = requests.map((request) => /^idempotency-key: (.*)$/im.exec(request)?.[1]);
    assert.equal(keys.length, 2);
    assert.ok(keys[0]);
    assert.equal(keys[0], keys[1]);
  });

  test("what must not happen twice is not sent again once a byte was sent", async () => {
    const { baseUrl, requests } = await stage(reset);
    const call = new Waypost({ ...quick, baseUrl, accessToken: "tok.en" }).auth.changePassword({ current_password: "a", new_password: "b" });
    const error = await failureOf(call);
    assert.ok(error instanceof ConnectionError);
    assert.equal(requests.length, 1);
  });

  test("an answer that breaks off after its first byte is a ConnectionError with its status", async () => {
    const { baseUrl, requests } = await stage(cut(answer(200, wallet).slice(0, -4)));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0 }).wallets.get("wal_1"));
    assert.ok(error instanceof ConnectionError, String(error));
    assert.equal(requests.length, 1);
  });

  test("a head that does not come is a TimeoutError after timeoutMs", async () => {
    const { baseUrl } = await stage(silent);
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0, timeoutMs: 60 }).wallets.get("wal_1"));
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.attempts[0]?.cause, "timeout");
  });

  test("a body that does not end is a TimeoutError as well", async () => {
    const { baseUrl } = await stage((socket) => void socket.write(answer(200, wallet).slice(0, -4)));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0, timeoutMs: 60 }).wallets.get("wal_1"));
    assert.ok(error instanceof TimeoutError);
  });

  test("the deadline ends a call over all its attempts", async () => {
    const { baseUrl, requests } = await stage(silent);
    const since = Date.now();
    const error = await failureOf(new Waypost({ ...quick, baseUrl, timeoutMs: 60, deadlineMs: 100, maxRetries: 9 }).wallets.get("wal_1"));
    assert.ok(error instanceof TimeoutError);
    assert.ok(Date.now() - since < 2_000);
    assert.ok(requests.length <= 3);
  });

  test("an HTML 502 is a ServerError with its beginning, not a JSON error", async () => {
    const { baseUrl } = await stage(answers(502, "<html><body>Bad gateway</body></html>", { "content-type": "text/html" }));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0 }).wallets.get("wal_1"));
    assert.ok(error instanceof ServerError);
    assert.equal(error.status, 502);
    assert.equal(error.problem, undefined);
    assert.match(error.excerpt ?? "", /Bad gateway/);
  });

  test("a 200 of the wrong content type is a DecodeError that says what came", async () => {
    const { baseUrl } = await stage(answers(200, "<html>Sign in to the hotel</html>", { "content-type": "text/html" }));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0 }).wallets.get("wal_1"));
    assert.ok(error instanceof DecodeError);
    assert.match(error.message, /text\/html/);
  });

  test("JSON that is cut short is a DecodeError that quotes none of it", async () => {
    const { baseUrl } = await stage(answers(200, '{"access_token":"tok_secret", "expires'));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0 }).wallets.get("wal_1"));
    assert.ok(error instanceof DecodeError);
    assert.equal(error.operation, "wallets_get");
    assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)}`, /tok_secret/);
  });

  test("a body that is not UTF-8 is a DecodeError", async () => {
    const body = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
    const { baseUrl } = await stage((socket) => {
      socket.write(answer(200, "", { "content-length": String(body.length) }));
      socket.write(body);
    });
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0 }).wallets.get("wal_1"));
    assert.ok(error instanceof DecodeError);
  });

  test("a 429 is waited out as it says, and the answer is given", async () => {
    const { baseUrl } = await stage(answers(429, "", { "retry-after": "0" }), answers(200, wallet));
    const { response } = await new Waypost({ ...quick, baseUrl }).wallets.get("wal_1").withResponse();
    assert.deepEqual(
      response.attempts.map(({ status }) => status),
      [429, 200],
    );
  });

  test("a 429 that asks for longer than the deadline fails at once, with how long", async () => {
    const { baseUrl, requests } = await stage(answers(429, "", { "retry-after": "3600" }));
    const error = await failureOf(new Waypost({ ...quick, baseUrl }).wallets.get("wal_1"));
    assert.equal(error.kind, "rate_limited");
    assert.equal(error.retryAfter, 3600);
    assert.equal(requests.length, 1);
  });

  test("properties and values that this version does not know are kept", async () => {
    const { baseUrl } = await stage(answers(200, JSON.stringify({ id: "wal_1", status: "hibernating", colour: "green" })));
    const got = await new Waypost({ ...quick, baseUrl }).wallets.get("wal_1");
    assert.equal(got.status, "hibernating");
    assert.equal((got as unknown as { colour: string }).colour, "green");
  });

  test("a large answer comes whole", async () => {
    const name = "x".repeat(300_000);
    const { baseUrl } = await stage(answers(200, JSON.stringify({ id: "wal_1", name })));
    assert.equal((await new Waypost({ ...quick, baseUrl }).wallets.get("wal_1")).name, name);
  });

  test("an answer larger than allowed is refused", async () => {
    const { baseUrl } = await stage(answers(200, JSON.stringify({ id: "x".repeat(5_000) })));
    const error = await failureOf(new Waypost({ ...quick, baseUrl, maxRetries: 0, maxAnswerBytes: 1_000 }).wallets.get("wal_1"));
    assert.equal(error.kind, "decode");
  });

  test("a stream that breaks ends with an error after what came", async () => {
    const { baseUrl } = await stage((socket) => {
      const head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
      socket.write(`${head}4\r\n{"a"\r\n`, () => setTimeout(() => socket.destroy(), 20));
    });
    let came = "";
    const read = async (): Promise<void> => {
      for await (const piece of new Waypost({ ...quick, baseUrl }).wallets.statement("wal_1")) came += Buffer.from(piece).toString();
    };
    const error = await failureOf(read());
    assert.ok(error instanceof ConnectionError, String(error));
    assert.equal(came, '{"a"');
  });

  test("a reader that stops closes the connection", async () => {
    const staged = await stage((socket) => {
      const head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
      socket.write(`${head}2\r\n{}\r\n`);
    });
    for await (const piece of new Waypost({ ...quick, baseUrl: staged.baseUrl }).wallets.statement("wal_1")) {
      assert.equal(piece.length, 2);
      break;
    }
    await staged.dropped;
  });

  test("requests are what the contract says", async () => {
    const { baseUrl, requests } = await stage(answers(201, wallet));
    await new Waypost({ ...quick, baseUrl, tenant: "ten_1" }).wallets.create({ currency: "EUR" }, { headers: { "X-Mine": "1" } });
    const [request = ""] = requests;
    assert.match(request, /^POST \/v1\/wallets HTTP\/1\.1\r\n/);
    assert.match(request, /^x-api-key: wp_1_secret\r$/im);
    assert.match(request, /^content-type: application\/json\r$/im);
    assert.match(request, /^x-tenant-id: ten_1\r$/im);
    assert.match(request, /^x-mine: 1\r$/im);
    assert.match(request, /\r\n\r\n\{"currency":"EUR"\}$/);
    if (name === "native") assert.match(request, /^user-agent: waypost-/im);
  });
});

/** What a call fails with; an error of the SDK. */
async function failureOf(call: PromiseLike<unknown>): Promise<AnyWaypostError> {
  try {
    await call;
  } catch (error) {
    if (isWaypostError(error)) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}
