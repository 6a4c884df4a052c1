/**
 * The entry `waypost/inline`: the facade on WebAssembly whose bytes are within the program, for where a file beside it cannot be had. Runtimes that refuse to
 * compile at run time (edge workers) refuse this one.
 *
 * @module
 */

import { backend } from "../backends/inline.js";
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
