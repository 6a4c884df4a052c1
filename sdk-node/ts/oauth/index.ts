/**
 * What `waypost/oauth` gives in every place, beside `SignIn`, which each entry has for its place.
 *
 * @module
 */

export { isWaypostError, OAuthError } from "../errors.js";
export type { DeviceProgress } from "./flow.js";
export { AuthorizationCode, type SignInOptions, type StepOptions } from "./sign-in.js";
export { MemoryTokenStore, TokenSet, type TokenSetFields, type TokenStore, WebTokenStore } from "./token-set.js";
