/** The WebAssembly engine from bytes within the program. */

import { wasmBackend } from "./wasm.js";

/** The engine of `waypost/inline`. */
export const backend = /* @__PURE__ */ wasmBackend(() => import("@waypost/wasm/inline"));
