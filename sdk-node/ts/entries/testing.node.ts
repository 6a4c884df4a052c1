/**
 * The entry `waypost/testing` in Node and Bun: the fake on the engine of that place.
 *
 * @module
 */

import { FakeWaypost as Fake, type Bound } from "../testing.js";
import { Waypost } from "./node.js";
import { backend } from "../backends/native.js";

export * from "../testing.js";

/** {@inheritDoc Fake} */
export class FakeWaypost extends Fake {
  protected static override readonly bound: Bound = { engine: backend, Client: Waypost };
}
