// A person signs in: at the gateway's own page, from which they come back to this one, or on another device. The tokens are the tab's, and the client renews them.
//
// There is no client secret here and no way to get tokens by one: what a page holds, everybody who opens it has.

import { Waypost } from "waypost";
import { SignIn, WebTokenStore } from "waypost/oauth";

const form = document.querySelector("form");
const output = document.querySelector("output");
const tokenStore = new WebTokenStore(sessionStorage);

/** What the form says, kept for when the page is back. */
function settings() {
  const { baseUrl, clientId } = JSON.parse(sessionStorage.getItem("settings") ?? "{}");
  if (baseUrl !== undefined) [form.elements.baseUrl.value, form.elements.clientId.value] = [baseUrl, clientId];
  return { baseUrl, clientId, scope: "wallets:read", tokenStore };
}

function say(text, state) {
  output.textContent = text;
  output.className = state;
  document.body.dataset.state = state;
}

async function show(work) {
  try {
    if ((await work()) === false) return;
    const { baseUrl, clientId } = settings();
    const { data } = await new Waypost({ baseUrl, clientId, tokenStore }).wallets.list();
    say(`Signed in: ${data.length} wallets`, "signed-in");
  } catch (error) {
    say(error.message, "failed");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("settings", JSON.stringify({ baseUrl: form.elements.baseUrl.value, clientId: form.elements.clientId.value }));
  const signIn = new SignIn(settings());
  if (event.submitter.value === "redirect") {
    // The page is left; what comes next is at the end of this file.
    void show(() => signIn.beginRedirect().then(() => false));
  } else {
    void show(() => signIn.withDevice(({ polls, userCode, verificationUri }) => polls === 0 && say(`Visit ${verificationUri} and type ${userCode}`, "waiting")));
  }
});

// The page is opened: after the redirect, again with tokens that are there, or for the first time.
await show(async () => {
  const { baseUrl } = settings();
  if (baseUrl === undefined) return false;
  const tokens = (await new SignIn(settings()).finishRedirect()) ?? tokenStore.load();
  return tokens !== undefined;
});
