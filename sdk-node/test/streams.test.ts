/** Server-sent events and bytes, cut anywhere. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError, type Operation, type ServerEvent } from "waypost";

import { onEach } from "./support/engines.js";
import { stage } from "./support/staged.js";

const STREAM =
  '\u{feff}: hello\r\nevent: paid\rdata: {"a":\r\ndata:"\u{e9}"}\nid: 7\n\nretry: 10\ndata\n\nevent: none\n\ndata: x\n\ndata: cut';
const EXPECTED: readonly ServerEvent<unknown>[] = [
  { event: "paid", data: { a: "é" }, id: "7", retry: undefined },
  { event: "", data: "", id: "7", retry: 10 },
  { event: "", data: "x", id: "7", retry: undefined },
];
const EVENTS: Operation = { id: "things_events", result: "events", define: { method: "GET", path: "/v1/events", result: "events" } };
const BYTES: Operation = { id: "things_bytes", result: "bytes", define: { method: "GET", path: "/v1/bytes", result: ["text/csv"] } };

/** Sends a body in pieces, each in a chunk of its own. */
function inPieces(type: string, pieces: readonly Buffer[]): ReturnType<typeof stage> {
  return stage(async (socket) => {
    socket.setNoDelay(true);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`);
    for (const piece of pieces) {
      socket.write(`${piece.length.toString(16)}\r\n`);
      socket.write(piece);
      socket.write("\r\n");
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write("0\r\n\r\n");
  });
}

function cutInto(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, place) => bytes.subarray(place * size, (place + 1) * size));
}

onEach("streams", ({ Waypost }) => {
  for (const size of [1, 2, 3, 7, 1_000]) {
    test(`events read the same when they come in pieces of ${size}`, async () => {
      const { baseUrl } = await inPieces("text/event-stream", cutInto(STREAM, size));
      const came: ServerEvent<unknown>[] = [];
      const client = new Waypost({ baseUrl, environment: false });
      for await (const event of client.caller.events(EVENTS, [])) came.push(event);
      assert.deepEqual(came, EXPECTED);
    });
  }

  test("lines read the same wherever they are cut", async () => {
    const text = "a,é\r\n\r\nb,1\nlast";
    for (const size of [1, 3, 100]) {
      const { baseUrl } = await inPieces("text/csv", cutInto(text, size));
      const lines: string[] = [];
      for await (const line of new Waypost({ baseUrl, environment: false }).caller.bytes(BYTES, []).lines()) lines.push(line);
      assert.deepEqual(lines, ["a,é", "", "b,1", "last"]);
    }
  });

  test("an event that never ends is refused at the limit", async () => {
    const { baseUrl } = await inPieces("text/event-stream", cutInto(`data: ${"x".repeat(5_000)}`, 500));
    const client = new Waypost({ baseUrl, environment: false, maxAnswerBytes: 1_000 });
    await assert.rejects(
      async () => {
        for await (const _ of client.caller.events(EVENTS, []));
      },
      (error: unknown) => error instanceof DecodeError && /larger than 1000/.test(error.message),
    );
  });

  test("reading all of a stream into memory stops at the limit", async () => {
    const { baseUrl } = await inPieces("text/csv", cutInto("x".repeat(5_000), 500));
    const client = new Waypost({ baseUrl, environment: false, maxAnswerBytes: 1_000 });
    await assert.rejects(async () => client.caller.bytes(BYTES, []).bytes(), DecodeError);
  });

  test("a stream is read once, and says so", async () => {
    const { baseUrl } = await inPieces("text/csv", [Buffer.from("a")]);
    const stream = await new Waypost({ baseUrl, environment: false }).caller.bytes(BYTES, []);
    assert.equal(await stream.text(), "a");
    await assert.rejects(async () => stream.text(), { name: "TypeError", message: /read or cancelled already/ });
  });

  test("a stream says how it came, and can be disposed of", async () => {
    const { baseUrl } = await inPieces("text/csv", [Buffer.from("a")]);
    const stream = await new Waypost({ baseUrl, environment: false }).caller.bytes(BYTES, []);
    assert.equal(stream.response.status, 200);
    assert.equal(stream.response.headers.get("content-type"), "text/csv");
    await stream[Symbol.asyncDispose]();
    await assert.rejects(async () => stream.bytes(), TypeError);
  });
});
