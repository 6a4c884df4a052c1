/**
 * The entry `waypost` in browsers, workers, Deno and edge runtimes: the facade on WebAssembly, which is a file of its own beside the program.
 *
 * @module
 */

import { backend } from "../backends/web.js";
import { Waypost as Facade } from "../client.js";

export * from "../index.js";

/** {@inheritDoc Facade} */
export class Waypost extends Facade {
  protected static override readonly engine = backend;
}
