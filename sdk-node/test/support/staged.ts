/**
 * A server that fails as it is told: raw TCP, so that it can do what no HTTP library would, such as cutting an answer in the middle.
 */

import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { after } from "node:test";

/** What is done with one request. */
export type Scene = (socket: Socket, request: string) => void | Promise<void>;

/** A staged server. */
export interface Stage {
  /** `http://127.0.0.1:port`. */
  readonly baseUrl: string;
  /** Every request so far: head and body. */
  readonly requests: string[];
  /** How many connections are open. */
  open(): number;
  /** Resolves when a connection that a request came on was closed by the client. */
  readonly dropped: Promise<void>;
}

/** Starts a server that plays `scenes`, one a request; the last one goes on. It is stopped after the tests of this file. */
export async function stage(...scenes: readonly Scene[]): Promise<Stage> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let tell: () => void = () => undefined;
  const dropped = new Promise<void>((resolve) => (tell = resolve));
  let place = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let text = "";
    let asked = false;
    const gone = (): void => void (asked && tell());
    socket.on("close", () => {
      sockets.delete(socket);
      gone();
    });
    socket.on("end", gone);
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      for (let end = endOf(text); end !== undefined; end = endOf(text)) {
        const request = text.slice(0, end);
        text = text.slice(end);
        requests.push(request);
        asked = true;
        const scene = scenes[Math.min(place++, scenes.length - 1)];
        void scene?.(socket, request);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { baseUrl: `http://127.0.0.1:${address.port}`, requests, open: () => sockets.size, dropped };
}

/** Where the first request of a text ends; `undefined` while it is not complete. */
function endOf(text: string): number | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1];
  const end = head + 4 + Number(length ?? 0);
  return text.length >= end ? end : undefined;
}

/** An answer as it goes over the wire. */
export function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Staged\r\n${lines.join("")}\r\n${body}`;
}

/** Answers. */
export function answers(status: number, body: string, headers?: Readonly<Record<string, string>>): Scene {
  return (socket) => void socket.write(answer(status, body, headers));
}

/** Closes the connection without a byte. */
export const reset: Scene = (socket) => void socket.destroy();

/** Sends half of an answer and closes the connection. */
export function cut(text: string): Scene {
  return (socket) => void socket.write(text, () => socket.destroy());
}

/** Never answers. */
export const silent: Scene = () => undefined;
