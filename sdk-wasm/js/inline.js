// The module within the script, for places that serve one file: no second request, no bundler to set up, a third more bytes.

import { loader } from "./load.js";
import { base64 } from "./bytes.js";

export { current } from "./load.js";
export { version } from "./version.js";

/** The engine; compiled at the first call. `source`: a module, bytes, an address or a `Response`, in place of the bytes within. */
export const init = loader(() => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
