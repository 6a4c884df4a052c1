/**
 * The entry `waypost/oauth` in Node and Bun: signing people in, and where their tokens are kept.
 *
 * @module
 */

export * from "../oauth/index.js";
export { FileTokenStore } from "../oauth/file-store.node.js";
export { type BrowserOptions, SignIn } from "../oauth/loopback.node.js";
