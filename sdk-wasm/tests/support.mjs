// What the tests share: the built app, servers on loopback, a gateway of one's own, a headless Chromium.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after } from "node:test";
import puppeteer from "puppeteer-core";

/** A project in which the packed tarballs are installed, with the app in it; `scripts/test` makes it. */
export const project = process.env.WAYPOST_WASM_PROJECT ?? missing("WAYPOST_WASM_PROJECT");

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css" };

/** A server on loopback that ends with the tests of a file. `url` has no slash at its end. */
export async function serve(answer) {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Serves a folder as any static server does. `change(path, headers)` may answer otherwise: `{ status, headers, body }`. */
export function folder(root, change = () => undefined) {
  return async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    const changed = change(path);
    if (changed?.body !== undefined) return response.writeHead(changed.status ?? 200, changed.headers).end(changed.body);
    try {
      const bytes = await readFile(join(root, path === "/" ? "index.html" : path));
      response.writeHead(200, { "content-type": TYPES[extname(path) || ".html"] ?? "application/octet-stream", ...changed?.headers }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  };
}

/** A gateway with a fresh data folder. */
export async function gateway(toml) {
  const binary = process.env.WAYPOST_GATEWAY_BIN ?? missing("WAYPOST_GATEWAY_BIN");
  const place = await mkdtemp(join(tmpdir(), "waypost-browser-"));
  await writeFile(join(place, "gateway.toml"), toml);
  const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(place, "data"), "--config", join(place, "gateway.toml"), "--durability", "normal"];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WAYPOST_")));
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], env });
  after(async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(place, { recursive: true, force: true });
  });
  return new Promise((resolve, reject) => {
    let printed = "";
    const take = (piece) => {
      printed += piece;
      const url = /listening on (http:\S+)/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("exit", (code) => reject(new Error(`the gateway ended with ${code}:\n${printed}`)));
  });
}

/** Chromium; one for a file of tests. */
export async function chromium() {
  const found = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error("there is no Chromium; install it (apt-get install chromium) or name it by CHROMIUM_BIN");
  const browser = await puppeteer.launch({ executablePath: found, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"], protocolTimeout: 120_000 });
  after(() => browser.close());
  return browser;
}

/** A page at this address whose script has run, with the requests it made and what it said on its console. */
export async function open(browser, url) {
  const page = await browser.newPage();
  page.asked = [];
  page.said = [];
  page.on("request", (request) => page.asked.push(request.url()));
  page.on("console", (message) => page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(String(error)));
  await page.goto(url);
  await page.waitForFunction("window.run !== undefined", { timeout: 30_000 }).catch(() => {
    throw new Error(`${url} did not run: ${page.said.join("\n")}`);
  });
  return page;
}

/** Does one of the app's tasks in a page, or in a worker of it. */
export const task = (page, ...args) => page.evaluate((all) => window.run(...all), args);
export const taskInWorker = (page, ...args) => page.evaluate((all) => window.inWorker(...all), args);

function missing(name) {
  throw new Error(`${name} is not set; run sdk-wasm/scripts/test`);
}
