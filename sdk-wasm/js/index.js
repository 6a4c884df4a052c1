// Browsers, workers and Deno, and what bundlers for them build.
//
// `new URL(file, import.meta.url)` is the one way to name a file beside a script that browsers and Deno run as it stands and that Vite, webpack, Rollup
// and Parcel follow: they copy the file and put its new address there. It must be written in exactly this form, within the call, to be found.

import { loader } from "./load.js";

export { current } from "./load.js";
export { version } from "./version.js";

/** The engine; loaded at the first call. `source`: a module, bytes, an address or a `Response`, where it lies elsewhere. */
export const init = loader(() => new URL("./waypost.wasm", import.meta.url));
