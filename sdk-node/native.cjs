/**
 * Finds the addon of this platform, and refuses one of another version. CommonJS, because both builds of the package load it and `require` is how an
 * addon is loaded.
 *
 * It looks for, in this order: the file that `WAYPOST_ADDON` names (a build from source), the package of this platform, which npm installs beside this one.
 */
"use strict";

const { name, napi } = require("waypost/package.json");

/** `linux-x64-gnu`: as the packages are named. */
function platform() {
  const { platform, arch } = process;
  if (platform === "win32") return `${platform}-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  // Only a process on glibc knows of its version.
  const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return `${platform}-${arch}-${glibc ? "gnu" : "musl"}`;
}

function load(version) {
  const given = process.env.WAYPOST_ADDON;
  const wanted = given ?? `${napi.packageName}-${platform()}`;
  let addon;
  try {
    addon = require(wanted);
  } catch (cause) {
    if (given === undefined) throw new Error(missing(wanted, version, cause), { cause });
    throw new Error(`the addon ${given}, which WAYPOST_ADDON names, cannot be loaded: ${cause.message}`, { cause: "broken" });
  }
  const found = typeof addon.version === "function" ? addon.version() : "unknown";
  if (found !== version) {
    throw new Error(
      `${name} is of version ${version} and its addon ${wanted} of version ${found}; both must be of one version: ` +
        (given === undefined ? `remove node_modules and the lock file's entry of ${wanted}, and install again` : "build it again, or unset WAYPOST_ADDON"),
      { cause: "broken" },
    );
  }
  return addon;
}

function missing(wanted, version, cause) {
  if (!napi.platforms.includes(platform())) {
    return `there is no addon for ${platform()}; there is one for ${napi.platforms.join(", ")}`;
  }
  if (cause.code === "MODULE_NOT_FOUND") {
    return (
      `the addon ${wanted} is not installed; install without --omit=optional (--no-optional) on the machine that runs the program, ` +
      `or name the package in its dependencies: npm install ${wanted}@${version}`
    );
  }
  return `the addon ${wanted} cannot be loaded: ${cause.message}`;
}

/** What is described at run time is known in the whole process, so its names are kept apart by thread. */
const thread = require("node:worker_threads").threadId;

module.exports = { load, thread };
