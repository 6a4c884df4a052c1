/**
 * The entry `waypost/testing` in Node and Bun: the fake on the engine of that place.
 *
 * @module
 */

import { FakeWaypost as Fake, type Bound } from "../testing.js";
import { Waypost } from "./node.js";
import { backend } from "../backends/native.js";

export * from "../testing.js";

/**
 * The API, faked: the real client and engine on answers that the test gives. No socket is opened, and no time passes.
 *
 * ```ts
 * const fake = new FakeWaypost();
 * fake.on("wallets.get", failure("reset"), { json: { id: "wal_1" } });
 * const wallet = await fake.client.wallets.get("wal_1"); // is sent again after the reset
 * fake.verify(); // everything that was scripted was asked for
 * ```
 */
export class FakeWaypost extends Fake {
  protected static override readonly bound: Bound = { engine: backend, Client: Waypost };
}
