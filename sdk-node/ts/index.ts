/**
 * What `import "waypost"` gives beside the client, which each entry binds to its engine (`entries/`).
 *
 * @module
 */

export type { Caller, CallOptions, Check, Checks, Operation, OperationDescription } from "./call.js";
export type { BreakerOptions, BudgetOptions, CacheOptions, ClientOptions } from "./options.js";
export type { Logger, LogLevel } from "./logger.js";
export type {
  AddedHeaders,
  AttemptFailure,
  AttemptOf,
  AttemptRequest,
  AttemptResponse,
  Middleware,
} from "./middleware.js";
export type { Page, PageMethods } from "./paging.js";
export type { RawResponse, ResponseInfo } from "./promise.js";
export type { ServerEvent } from "./streams.js";
export type { AnyWaypostError, Attempt, ErrorDetails, ErrorKind, Problem } from "./errors.js";

export { HeaderList } from "./headers.js";
export { ApiPromise } from "./promise.js";
export { PagePromise } from "./paging.js";
export { BytesPromise, ByteStream, EventsPromise, EventStream } from "./streams.js";
export {
  APIError,
  AuthenticationError,
  BadRequestError,
  CancelledError,
  CircuitOpenError,
  ConfigError,
  ConflictError,
  ConnectionError,
  DecodeError,
  errorFrom,
  GoneError,
  isWaypostError,
  NotFoundError,
  OAuthError,
  PermissionDeniedError,
  RateLimitedError,
  ServerError,
  TimeoutError,
  TransportError,
  UnprocessableError,
  WaypostError,
} from "./errors.js";

export * from "./generated/index.js";
