/**
 * The entry `waypost` in Node and Bun: the facade on the addon.
 *
 * @module
 */

import { backend } from "../backends/native.js";
import { Waypost as Facade } from "../client.js";

export * from "../index.js";

/** {@inheritDoc Facade} */
export class Waypost extends Facade {
  protected static override readonly engine = backend;
}
