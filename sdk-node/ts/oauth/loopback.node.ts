/**
 * A sign-in from a program on a person's machine (RFC 8252): the browser is sent to the authorization server and comes back to an address of this machine that
 * only this machine can reach.
 *
 * Promises: one redirect is taken, at one path, on 127.0.0.1 and a port that was free; anything else is answered with 404 and does not end the sign-in; it ends in
 * time; afterwards nothing listens.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { errorFrom } from "../errors.js";
import { givenUp } from "./carrier.js";
import { SignIn as Base, type StepOptions } from "./sign-in.js";
import type { TokenSet } from "./token-set.js";

/** Options of {@link SignIn.withBrowser}. */
export interface BrowserOptions extends StepOptions {
  /** Opens an address in the person's browser. Left out: it is printed on standard error. */
  readonly open?: ((url: string) => unknown) | undefined;
  /** How long the person has, in milliseconds (300,000). */
  readonly limitMs?: number | undefined;
  /** The port to listen on. Left out: a free one, which a server of RFC 8252 takes for a client that is registered with `http://127.0.0.1/callback`. */
  readonly port?: number | undefined;
  /** The path of the redirect (`/callback`). */
  readonly path?: string | undefined;
}

/** {@link Base} and what only a program can do: listen. */
export class SignIn extends Base {
  /**
   * The authorization code grant with PKCE for a program on the person's machine. Resolves when they agreed in their browser.
   *
   * @throws `OAuthError` when they did not, or the redirect was another's; `TimeoutError` when they took too long; `CancelledError` by the signal.
   */
  async withBrowser(options: BrowserOptions = {}): Promise<TokenSet> {
    const { open = tell, limitMs = 300_000, port = 0, path = "/callback", signal } = options;
    const listener = await Listener.start(port, path);
    try {
      const code = await this.begin(`http://127.0.0.1:${listener.port}${path}`, { signal });
      await open(code.url);
      const visit = await listener.redirected(code.state, limitMs, signal);
      try {
        const tokens = await code.finish(visit.url, { signal });
        visit.answer("You are signed in", "You can close this page and go back to the program.");
        return tokens;
      } catch (error) {
        visit.answer("You are not signed in", "The program says why. You can close this page.");
        throw error;
      }
    } finally {
      listener.close();
    }
  }
}

function tell(url: string): void {
  process.stderr.write(`Open this address in a browser to sign in:\n\n  ${url}\n\n`);
}

/** The browser, waiting for what to show. */
interface Visit {
  readonly url: string;
  answer(title: string, text: string): void;
}

class Listener {
  readonly #server: Server;
  readonly #path: string;
  #take: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 }, (request, response) => this.#asked(request, response));
  }

  static async start(port: number, path: string): Promise<Listener> {
    const listener = new Listener(path);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once("error", (error) => reject(errorFrom({ kind: "config", message: `nothing can listen on 127.0.0.1:${port} for the redirect: ${error.message}`, attempts: [] }, { cause: error })));
      listener.#server.listen(port, "127.0.0.1", resolve);
    });
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The first request that may be this sign-in's redirect. One with another state is a stranger's, and refused without ending anything. */
  redirected(state: string, limitMs: number, signal: AbortSignal | undefined): Promise<Visit> {
    return new Promise((resolve, reject) => {
      const end = (then: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#take = undefined;
        then();
      };
      const abort = (): void => end(() => reject(givenUp(signal as AbortSignal)));
      const late = `nobody came back from the sign-in page within ${Math.round(limitMs / 1000)} s`;
      const timer = setTimeout(() => end(() => reject(errorFrom({ kind: "timeout", message: late, attempts: [] }))), limitMs);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      this.#take = (request, response) => {
        const url = request.url ?? "/";
        if (new URLSearchParams(url.split("?")[1] ?? "").get("state") !== state) return false;
        end(() => resolve({ url, answer: (title, text) => show(response, 200, title, text) }));
        return true;
      };
    });
  }

  #asked(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.method !== "GET" || request.url?.split("?")[0] !== this.#path) return show(response, 404, "Nothing is here", "Go back to the program.");
    if (this.#take?.(request, response)) return;
    show(response, 400, "This is not the sign-in that the program waits for", "Go back to the program and begin again.");
  }

  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }
}

/** A page without scripts, which nobody keeps or frames, and whose address goes nowhere. */
function show(response: ServerResponse, status: number, title: string, text: string): void {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(`<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${text}</p>`);
}
