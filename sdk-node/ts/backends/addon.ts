/**
 * Finds the addon of this platform, and refuses one of another version.
 *
 * It looks for, in this order: the file that `WAYPOST_ADDON` names (a build from source), the package of this platform, which npm installs beside this one.
 */

import { createRequire } from "node:module";
import { addons, version } from "../version.js";

/** What the addon offers: `src/engine.rs` and `src/client.rs`. */
export interface Addon {
  version(): string;
  Engine: new (receive: (...events: unknown[]) => void, ownLoop: boolean) => AddonEngine;
  Client: new (engine: AddonEngine, settings: string, hooks: number) => AddonClient;
  Scripted: new (engine: AddonEngine, settings: string, hooks: number) => AddonScripted;
  define(description: string): string;
  policy(runner: string, input: string): string | null | undefined;
}

export interface AddonEngine {
  cancel(id: number): void;
  reply(question: number, text?: string, body?: string | Uint8Array): void;
  next(id: number, stream: number): void;
  letGo(stream: number): void;
}

type Call = [id: number, operation: string, parameters: readonly string[], body: string | Uint8Array | undefined, options: string | undefined];

export interface AddonClient {
  call(...call: Call): void;
  open(...call: Call): void;
  close(): void;
}

export interface AddonScripted {
  play(...call: [...Call, streamed: boolean]): void;
  now(): number;
  advance(milliseconds: number): void;
  close(): void;
}

/** Why there is no addon that another engine could stand in for: the installation is wrong, and what ran in its place would hide it. */
export class BrokenInstallation extends Error {}

/** `require` is how an addon is loaded. Where a bundler made CommonJS of this, a module has no URL. */
function requireHere(name: string): unknown {
  return createRequire(import.meta.url || __filename)(name);
}

/** The packages that may hold this machine's addon. Of the two for Linux npm installs the one of the machine's C library; asking for both is quicker than asking which that is. */
function candidates(): readonly string[] {
  const { platform, arch } = process;
  if (platform === "win32") return [`${platform}-${arch}-msvc`];
  if (platform !== "linux") return [`${platform}-${arch}`];
  return [`${platform}-${arch}-gnu`, `${platform}-${arch}-musl`];
}

/** Loads the addon of this version. Throws an error that says what to do. */
export function loadAddon(): Addon {
  const given = process.env["WAYPOST_ADDON"];
  const [wanted, addon] = given === undefined ? installed() : [given, requested(given)];
  const found = typeof addon.version === "function" ? addon.version() : "unknown";
  if (found === version) return addon as Addon;
  const remedy = given === undefined ? `remove node_modules and the lock file's entry of ${wanted}, and install again` : "build it again, or unset WAYPOST_ADDON";
  throw new BrokenInstallation(`waypost is of version ${version} and its addon ${wanted} of version ${found}; both must be of one version: ${remedy}`);
}

function installed(): [name: string, addon: Partial<Addon>] {
  let broken: Error | undefined;
  for (const platform of candidates()) {
    const wanted = `${addons.prefix}${platform}`;
    try {
      return [wanted, requireHere(wanted) as Partial<Addon>];
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "MODULE_NOT_FOUND") broken ??= new Error(`the addon ${wanted} cannot be loaded: ${message}`, { cause: error });
    }
  }
  throw broken ?? new Error(missing());
}

function requested(file: string): Partial<Addon> {
  try {
    return requireHere(file) as Partial<Addon>;
  } catch (error) {
    throw new BrokenInstallation(`the addon ${file}, which WAYPOST_ADDON names, cannot be loaded: ${(error as Error).message}`);
  }
}

function missing(): string {
  const ours = candidates();
  // Slow, and therefore asked only here.
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const platform = ours[ours.length > 1 && header.glibcVersionRuntime === undefined ? 1 : 0] ?? "";
  if (!addons.platforms.includes(platform)) return `there is no addon for ${platform}; there is one for ${addons.platforms.join(", ")}`;
  const wanted = `${addons.prefix}${platform}`;
  return (
    `the addon ${wanted} is not installed; install without --omit=optional (--no-optional) on the machine that runs the program, ` +
    `or name the package in its dependencies: npm install ${wanted}@${version}`
  );
}

/** This thread's number: what is described at run time is known in the whole process, so its names are kept apart by thread. */
export function threadNumber(): number {
  return (requireHere("node:worker_threads") as { threadId: number }).threadId;
}
