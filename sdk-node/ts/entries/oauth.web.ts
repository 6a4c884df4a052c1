/**
 * The entry `waypost/oauth` in browsers, workers, Deno and edge runtimes: signing people in, and where their tokens are kept.
 *
 * @module
 */

export * from "../oauth/index.js";
export { SignIn } from "../oauth/redirect.web.js";
