/** Programs in processes of their own, beside a server in this one: what a process does at its end can only be seen from outside. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after } from "node:test";

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is run with. */
export interface Setting {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** `cjs` for a program in CommonJS. */
  readonly ending?: "mjs" | "cjs";
}

/** Runs a program of the project. Ends it after 20 s. */
export async function program(source: string, { args = [], env = {}, cwd = process.cwd(), ending = "mjs" }: Setting = {}): Promise<Ended> {
  const file = join(await mkdtemp(join(cwd, "program-")), `main.${ending}`);
  await writeFile(file, source);
  return new Promise((resolve) => {
    execFile(process.execPath, [...args, file], { cwd, env: { ...process.env, ...env }, timeout: 20_000, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const { code, signal } = (error ?? { code: 0, signal: null }) as { code: number | null; signal: string | null };
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** A server for the tests of this file. Answers its address. */
export async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An answer that is a wallet. */
export function wallet(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ id: "wal_1", balance: 5 }));
}

/** The beginning of every program: a client on the addon, at `BASE`. */
export const CLIENT = `
import { Waypost } from "waypost";
const client = new Waypost({ baseUrl: process.env.BASE, apiKey: "wp_1_secret", environment: false });
`;
