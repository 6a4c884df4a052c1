/**
 * A real gateway for a test file: its own process, a fresh data folder, a free port. Started once a file, stopped at its end.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** A gateway that runs. */
export interface Gateway {
  /** `http://127.0.0.1:port`. */
  readonly baseUrl: string;
  /** The key that the first start prints: it may do everything. */
  readonly apiKey: string;
}

/** Starts a gateway and stops it after the tests of this file. `toml` is its configuration. */
export async function startGateway(toml = ""): Promise<Gateway> {
  const binary = process.env["WAYPOST_GATEWAY_BIN"];
  if (binary === undefined) throw new Error("WAYPOST_GATEWAY_BIN is not set; point it at a built waypost-gateway");
  const folder = await mkdtemp(join(tmpdir(), "waypost-gateway-"));
  const config = join(folder, "gateway.toml");
  await writeFile(config, toml);
  const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(folder, "data"), "--config", config, "--durability", "normal"], {
    stdio: ["ignore", "pipe", "pipe"],
    // Variables of ours are none of the gateway's settings, and it says so.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WAYPOST_"))),
  });
  after(async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      // A second signal stops it at once, should a test have left a request open.
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  });
  const printed = await untilListening(child);
  const baseUrl = /listening on (http:\S+)/.exec(printed)?.[1];
  const apiKey = /\bwp_[0-9a-f]+_[\w-]+/.exec(printed)?.[0];
  if (baseUrl === undefined || apiKey === undefined) throw new Error(`the gateway printed no address or no key:\n${printed}`);
  return { baseUrl, apiKey };
}

function untilListening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const take = (piece: Buffer): void => {
      printed += piece.toString();
      if (printed.includes("listening on ")) resolve(printed);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the gateway ended with ${code}:\n${printed}`)));
  });
}
