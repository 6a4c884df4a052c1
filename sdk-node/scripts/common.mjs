/** What the scripts share: where things are, which version it is, how commands are run. */

import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, setPriority } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** `sdk-node` */
export const here = dirname(dirname(fileURLToPath(import.meta.url)));
export const repository = dirname(here);
/** Where cargo puts things. */
export const target = resolve(repository, process.env.CARGO_TARGET_DIR ?? "target");
/** Where the packages are put together, and the tarballs. */
export const npm = join(target, "npm");

export const read = (path) => JSON.parse(readFileSync(path, "utf8"));
export const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** Runs a command, its output shown; fails when it fails. */
export function run(command, args, options = {}) {
  execFileSync(command, args, { cwd: here, stdio: "inherit", ...options });
}

/** The workspace's version, which is that of every package. */
export function workspaceVersion() {
  const version = /^\[workspace\.package\]\s*?^version = "(.+)"$/m.exec(readFileSync(join(repository, "Cargo.toml"), "utf8"))?.[1];
  if (version === undefined) throw new Error("Cargo.toml: no `version` under [workspace.package]");
  return version;
}

/** This machine, as the packages are named. The same as in `ts/backends/addon.ts`. */
export function platform() {
  const { platform, arch } = process;
  if (platform === "win32") return `${platform}-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  return `${platform}-${arch}-${process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "gnu"}`;
}

/** The release build of the addon, or with `WAYPOST_PROFILE=dev` the quick one. */
export const profile = process.env.WAYPOST_PROFILE ?? "release";
export function addon() {
  const name = { win32: "waypost_node.dll", darwin: "libwaypost_node.dylib" }[process.platform] ?? "libwaypost_node.so";
  return join(target, profile === "dev" ? "debug" : profile, name);
}

/**
 * Keeps the processors awake by processes that run when nobody else wants to and end with this one; calling what it gives ends them. Waking a processor that has
 * gone to sleep can take longer than a call, for every client alike, and hides what a benchmark measures.
 */
export function keepAwake() {
  const program = "const parent = process.ppid; while (process.ppid === parent) for (let spin = 0; spin < 1e7; spin++);";
  const awake = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ["-e", program], { stdio: "ignore" }));
  for (const { pid } of awake) setPriority(pid, 19);
  return () => awake.forEach((one) => one.kill("SIGKILL"));
}
