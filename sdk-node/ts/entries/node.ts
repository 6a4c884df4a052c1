/**
 * The entry `waypost` in Node and Bun: the facade on the addon.
 *
 * @module
 */

import { backend } from "../backends/native.js";
import { Waypost as Facade } from "../client.js";

export * from "../index.js";

/**
 * A client of the Waypost API. It is made once, and used for many calls at once.
 *
 * ```ts
 * const client = new Waypost({ baseUrl: "https://api.example", apiKey: "wp_…" });
 * const wallet = await client.wallets.create({ currency: "EUR", name: "Household" });
 * for await (const transaction of client.wallets.transactions(wallet.id)) console.log(transaction.amount);
 * ```
 */
export class Waypost extends Facade {
  protected static override readonly engine = backend;
}
