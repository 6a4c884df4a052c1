// Node and Bun: the file is read from the disk, since Node's `fetch` does not know file URLs.

import { readFile } from "node:fs/promises";
import { loader, missing } from "./load.js";

export { current } from "./load.js";
export { version } from "./version.js";

/** The engine; loaded at the first call. `source`: a module, bytes, an address or a `Response`, where it lies elsewhere. */
export const init = loader(async () => {
  const file = new URL("./waypost.wasm", import.meta.url);
  try {
    return await readFile(file);
  } catch (error) {
    throw missing(file, error.message, error);
  }
});
