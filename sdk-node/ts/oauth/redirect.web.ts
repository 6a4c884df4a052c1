/**
 * A sign-in from a web page: the page goes to the authorization server and comes back.
 *
 * Promises: what is kept meanwhile (verifier and state) lies in the tab's `sessionStorage` and is taken out before it is used, so it works once; code and state
 * leave the address bar, and the history, before the code is sent; a page that was opened without a sign-in behind it is left alone.
 *
 * @module
 */

import { refusal } from "./answers.js";
import type { Begun } from "./flow.js";
import { SignIn as Base, type StepOptions } from "./sign-in.js";
import type { TokenSet } from "./token-set.js";

/** Where a sign-in is kept while its page is away. */
const KEY = "waypost.sign_in";
/** What a redirect adds to an address. */
const ADDED = ["code", "state", "iss", "error", "error_description", "error_uri"];

/** {@link Base} and what only a page can do: go away and come back. */
export class SignIn extends Base {
  /**
   * Sends this page to the authorization server. It comes back to `redirectUri` (this page's address without query and fragment), where
   * {@link finishRedirect} goes on. The promise resolves as the page is about to be left.
   */
  async beginRedirect(redirectUri: string = location.origin + location.pathname, options?: StepOptions): Promise<void> {
    const begun = await this.beginKept(redirectUri, options);
    sessionStorage.setItem(KEY, JSON.stringify(begun));
    location.assign(begun.url);
  }

  /**
   * Ends a sign-in that the page comes back from; to be called when the page is loaded. Resolves with `undefined` when its address is of no sign-in.
   *
   * @throws `OAuthError` when the person said no, or the redirect belongs to no sign-in that began in this tab (`state_mismatch`).
   */
  async finishRedirect(options?: StepOptions): Promise<TokenSet | undefined> {
    const address = new URL(location.href);
    const { searchParams: query } = address;
    if (!query.has("state") || !(query.has("code") || query.has("error"))) return undefined;
    const redirect = address.href;
    for (const name of ADDED) query.delete(name);
    history.replaceState(history.state, "", address);
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (kept === null) throw refusal("state_mismatch", "the redirect belongs to no sign-in that began in this tab, or to one that has ended", "Begin again");
    return this.finishBegun(JSON.parse(kept) as Begun, redirect, options);
  }
}
