/**
 * The entry `waypost/testing` in browsers, workers, Deno and edge runtimes: the fake on the engine of that place.
 *
 * @module
 */

import { FakeWaypost as Fake, type Bound } from "../testing.js";
import { Waypost } from "./web.js";
import { backend } from "../backends/web.js";

export * from "../testing.js";

/** {@inheritDoc Fake} */
export class FakeWaypost extends Fake {
  protected static override readonly bound: Bound = { engine: backend, Client: Waypost };
}
