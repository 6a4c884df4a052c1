/** The WebAssembly engine from its own file. */

import { wasmBackend } from "./wasm.js";

/** The engine of browsers, workers and edge runtimes. */
export const backend = /* @__PURE__ */ wasmBackend(() => import("@waypost/wasm"));
