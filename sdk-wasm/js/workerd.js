// Edge runtimes (workerd, and those that follow it) refuse to compile bytes while they run. What they offer instead is that an imported `.wasm` file is a
// compiled module; so here the file is imported, and there is nothing to load.

import module from "./waypost.wasm";
import { loader } from "./load.js";

export { current } from "./load.js";
export { version } from "./version.js";

/** The engine; made at the first call. `source`: another module. */
export const init = loader(() => module);
