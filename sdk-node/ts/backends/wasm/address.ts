/**
 * Base URLs, for the WebAssembly engine, which is given one that is checked: a browser has a parser of URLs and need not download another one.
 *
 * Promises: what `openapi/vectors/base_url.json` says, which the engine's own rules hold as well; the URL is not repeated in a message, since it may hold
 * a password.
 */

const HOST = "has no valid host; write `https://host` or `https://host:port`, a name with other letters in its xn-- form";
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** What is wrong with a base URL, in words that follow "the base URL". */
export class WrongAddress {
  constructor(readonly reason: string) {}
}

/** Origin and prefix of a base URL, without a slash at the end. Throws {@link WrongAddress}. */
export function baseOf(text: string): string {
  const [, given = "", rest = ""] = /^([^]*?):\/\/([^]*)$/.exec(text) ?? [];
  if (given === "") throw new WrongAddress("has no scheme; write `https://host`");
  const scheme = given.toLowerCase();
  const standard = PORTS[scheme];
  if (standard === undefined) throw new WrongAddress("has a scheme that is neither http nor https");
  if (/[?#]/.test(rest)) throw new WrongAddress("has a query or fragment; write scheme, host and at most a path");
  const [, authority = "", path = ""] = /^([^/]*)([^]*)$/.exec(rest) ?? [];
  if (authority.includes("@")) throw new WrongAddress("holds a user name or password; give credentials to the client instead");
  const [, host, port] = /^(\[[^\]]*\]|[\w.-]+)(?::([^]*))?$/.exec(authority) ?? [];
  if (host === undefined) throw new WrongAddress(HOST);
  const number = Number(port ?? standard);
  if (port !== undefined && !(/^\d+$/.test(port) && number > 0 && number < 65_536)) {
    throw new WrongAddress("has a port that is not a number from 1 to 65535");
  }
  const prefix = path.replace(/\/+$/, "");
  if (/[^\w\-.~!$&'()*+,;=:@%/]/.test(prefix)) throw new WrongAddress("has a character in its path that must be percent-encoded");
  if (/\/(?:\.\.?)?(?:\/|$)/.test(prefix)) throw new WrongAddress("has an empty or dot segment in its path");
  return `${scheme}://${hostOf(host)}${number === standard ? "" : `:${number}`}${prefix}`;
}

function hostOf(host: string): string {
  if (!host.startsWith("[")) return host.toLowerCase();
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    throw new WrongAddress(HOST);
  }
}
