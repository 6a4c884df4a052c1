/** Written by `scripts/build` from the workspace's version. */
export const version = "0.1.0";
