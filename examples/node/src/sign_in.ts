/**
 * Four ways to an access token, each of which ends in the same call with it:
 *
 *     node out/sign_in.js client-credentials     a program for itself: WAYPOST_CLIENT_ID and WAYPOST_CLIENT_SECRET, and nothing else to do
 *     node out/sign_in.js browser tokens.json    a person, in their browser on this machine
 *     node out/sign_in.js device tokens.json     a person, whose browser is elsewhere
 *     node out/sign_in.js refresh tokens.json    any later time: the tokens of the file are used, and renewed when they have expired
 *
 * It needs a gateway (`WAYPOST_BASE_URL`) and a client that is registered there (`WAYPOST_CLIENT_ID`; for the last three a public one, and for `browser` with
 * the redirect address `http://127.0.0.1/callback`).
 */

import { Waypost, WaypostError } from "waypost";
import { FileTokenStore, SignIn } from "waypost/oauth";

const [way, file] = process.argv.slice(2);

async function signedIn(): Promise<Waypost> {
  if (way === "client-credentials") return new Waypost();
  if (file === undefined || !["browser", "device", "refresh"].includes(way ?? "")) throw new TypeError("usage: sign_in client-credentials | (browser | device | refresh) FILE");
  const tokenStore = new FileTokenStore(file);
  const signIn = new SignIn({ scope: "wallets:read", tokenStore });
  if (way === "browser") await signIn.withBrowser({ open: (url) => console.log(`Open this address in a browser: ${url}`) });
  if (way === "device") {
    await signIn.withDevice(({ polls, userCode, verificationUri }) => console.log(polls === 0 ? `Visit ${verificationUri} and type ${userCode}` : `Asked ${polls} times`));
  }
  return new Waypost({ clientId: process.env["WAYPOST_CLIENT_ID"], tokenStore });
}

try {
  const { data } = await (await signedIn()).wallets.list();
  console.log(`Signed in: ${data.length} wallets`);
} catch (error) {
  if (!(error instanceof WaypostError || error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
