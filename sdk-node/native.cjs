/**
 * Finds the addon of this platform, and refuses one of another version. CommonJS, because both builds of the package load it and `require` is how an
 * addon is loaded.
 *
 * It looks for, in this order: the file that `WAYPOST_ADDON` names (a build from source), the package of this platform, which npm installs beside this one.
 */
"use strict";

/** The package's own description. Read, as whatever costs time, when the addon is loaded and not when the package is imported. */
const described = () => require("waypost/package.json");

/** The packages that may hold this machine's addon. Of the two for Linux npm installs the one of the machine's C library; asking for both is quicker than asking which that is. */
function candidates() {
  const { platform, arch } = process;
  if (platform === "win32") return [`${platform}-${arch}-msvc`];
  if (platform !== "linux") return [`${platform}-${arch}`];
  return [`${platform}-${arch}-gnu`, `${platform}-${arch}-musl`];
}

function load(version) {
  const given = process.env.WAYPOST_ADDON;
  const { name } = described();
  const [wanted, addon] = given === undefined ? installed(version) : [given, requested(given)];
  const found = typeof addon.version === "function" ? addon.version() : "unknown";
  if (found === version) return addon;
  const remedy =
    given === undefined ? `remove node_modules and the lock file's entry of ${wanted}, and install again` : "build it again, or unset WAYPOST_ADDON";
  throw new Error(`${name} is of version ${version} and its addon ${wanted} of version ${found}; both must be of one version: ${remedy}`, { cause: "broken" });
}

function installed(version) {
  const { napi } = described();
  let broken;
  for (const platform of candidates()) {
    const wanted = `${napi.packageName}-${platform}`;
    try {
      return [wanted, require(wanted)];
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") broken ??= new Error(`the addon ${wanted} cannot be loaded: ${error.message}`, { cause: error });
    }
  }
  throw broken ?? new Error(missing(version));
}

function requested(file) {
  try {
    return require(file);
  } catch (error) {
    throw new Error(`the addon ${file}, which WAYPOST_ADDON names, cannot be loaded: ${error.message}`, { cause: "broken" });
  }
}

function missing(version) {
  const { name, napi } = described();
  const ours = candidates();
  // Slow, and therefore asked only here.
  const musl = ours.length > 1 && process.report.getReport().header.glibcVersionRuntime === undefined;
  const platform = ours[musl ? 1 : 0];
  if (!napi.platforms.includes(platform)) {
    return `there is no addon for ${platform}; there is one for ${napi.platforms.join(", ")}`;
  }
  const wanted = `${napi.packageName}-${platform}`;
  return (
    `the addon ${wanted} is not installed; install without --omit=optional (--no-optional) on the machine that runs the program, ` +
    `or name the package in its dependencies: npm install ${wanted}@${version}`
  );
}

/** What is described at run time is known in the whole process, so its names are kept apart by thread. */
const thread = () => require("node:worker_threads").threadId;

module.exports = { load, thread };
