/** Written by `scripts/build` from the workspace's version and `package.json`. */
export const version = "0.1.0";

/** The packages of the addon: one for each platform. */
export const addons: { readonly prefix: string; readonly platforms: readonly string[] } = {
  prefix: "@waypost/node-",
  platforms: ["darwin-arm64", "darwin-x64", "linux-arm64-gnu", "linux-arm64-musl", "linux-x64-gnu", "linux-x64-musl", "win32-arm64-msvc", "win32-x64-msvc"],
};
