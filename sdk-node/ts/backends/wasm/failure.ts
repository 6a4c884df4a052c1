/** What a failed `fetch` says, in the engine's words. */

import { Failed } from "./drive.js";

/** Node's and its relatives' words for what went wrong below a failed `fetch`. Browsers have none: a page may not know. */
const CODES: readonly (readonly [code: RegExp, kind: string, sent: boolean])[] = [
  [/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, "connect", false],
  [/^(?:UND_ERR_CONNECT_TIMEOUT)$/, "timeout", false],
  [/^(?:ETIMEDOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, "timeout", true],
  [/CERT|SELF_SIGNED|^ERR_TLS|^ERR_SSL|^EPROTO$|UNABLE_TO_/, "tls", false],
  [/^HPE_|^Z_|BROTLI|^ERR_HTTP_INVALID/, "protocol", true],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET|ConnectionClosed|ConnectionReset)$/, "reset", true],
  [/^(?:ConnectionRefused|FailedToOpenSocket)$/, "connect", false],
  [/^(?:UND_ERR_INVALID_ARG|ERR_INVALID_URL)$/, "request", false],
];

/** What a failed `fetch` or body says, in the engine's words. */
export function failureOf(error: unknown, reading: boolean): Failed {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string; errors?: { code?: string }[] } };
  const code = String(cause?.code ?? cause?.errors?.[0]?.code ?? (error as { code?: string }).code ?? "");
  const said = [message ?? String(error), cause?.message].filter((text) => text !== undefined && text !== "").join(": ");
  const known = CODES.find(([pattern]) => pattern.test(code));
  if (reading) return new Failed(known?.[1] === "protocol" || known?.[1] === "timeout" ? known[1] : "interrupted", true, said);
  if (known !== undefined) return new Failed(known[1], known[2], said);
  // Nobody tells a page whether a byte left; so it may have.
  return new Failed("connect", true, `${said} (no connection, or the server does not let this page read its answers: CORS)`);
}
