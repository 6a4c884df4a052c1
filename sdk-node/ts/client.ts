/**
 * The client: resources, and what concerns all of them.
 *
 * @module
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Backend } from "./backend.js";
import type { Caller } from "./call.js";
import { Core } from "./core.js";
import { Resources } from "./generated/client.js";
import type { ClientOptions } from "./options.js";

/**
 * A client of the Waypost API.
 *
 * ```ts
 * import { Waypost } from "waypost";
 *
 * const client = new Waypost(); // WAYPOST_BASE_URL, WAYPOST_API_KEY
 * const wallet = await client.wallets.create({ currency: "EUR", name: "Household" });
 * for await (const transaction of client.wallets.transactions(wallet.id)) console.log(transaction.amount);
 * ```
 *
 * Failed attempts are sent again where that is safe, within a deadline; a POST carries one idempotency key for all of its attempts. Errors are
 * classes (`WaypostError` and those below it). A client is made once and used for many calls at once.
 */
export class Waypost extends Resources {
  /** The engine of this entry of the package. @internal */
  protected static readonly engine: Backend | undefined;

  readonly #core: Core;

  /**
   * Makes a client; nothing is sent.
   *
   * @throws `ConfigError` when a setting is missing or wrong, naming all of them (from the first call where the engine is yet to be loaded, as
   * in browsers), and `TypeError` for an option that is none.
   */
  constructor(options: ClientOptions = {}) {
    const core = coreOf(options, new.target.engine);
    super(core);
    this.#core = core;
  }

  /**
   * The same client with other options. One that differs only in `timeoutMs`, `deadlineMs`, `maxRetries` and `headers` shares connections, retry
   * budget and cache with this one; any other is a client of its own. Credentials are replaced together: a client with an access token has
   * no API key of this one.
   *
   * ```ts
   * const signedIn = client.withOptions({ accessToken: tokens.access_token });
   * const patient = client.withOptions({ deadlineMs: 180_000, maxRetries: 10 });
   * ```
   */
  withOptions(options: ClientOptions): this {
    const { constructor } = this as unknown as { constructor: new (options: unknown) => Waypost };
    return new constructor(this.#core.with(options)) as this;
  }

  /**
   * Ends calls that are under way with a `CancelledError`, refuses later ones, and closes the connections; also those of clients that share
   * them. A process ends without it: an idle client keeps nothing alive.
   */
  close(): void {
    this.#core.close();
  }

  /** Sends calls of operations that are described at run time: what code that was generated of another API's contract is built on. */
  get caller(): Caller {
    return this.#core;
  }

  /** Closes the client: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** What is printed of a client: none of its settings. */
  toJSON(): object {
    return {};
  }
}

function coreOf(options: ClientOptions | Core, engine: Backend | undefined): Core {
  if (options instanceof Core) return options;
  if (engine === undefined) throw new TypeError("Waypost: this class has no engine; import it from `waypost`");
  if (typeof options !== "object" || options === null) throw new TypeError("Waypost: the options must be an object");
  return Core.open(engine, options);
}
