/**
 * The entry `waypost/inline`: the facade on WebAssembly whose bytes are within the program, for where a file beside it cannot be had. Runtimes that refuse to
 * compile at run time (edge workers) refuse this one.
 *
 * @module
 */

import { backend } from "../backends/inline.js";
import { Waypost as Facade } from "../client.js";

export * from "../index.js";

/** {@inheritDoc Facade} */
export class Waypost extends Facade {
  protected static override readonly engine = backend;
}
