"""Four ways to an access token, each of which ends in the same call with it.

    python sign_in.py client-credentials     a program for itself: WAYPOST_CLIENT_ID and WAYPOST_CLIENT_SECRET, and nothing else to do
    python sign_in.py browser tokens.json    a person, in their browser on this machine
    python sign_in.py device tokens.json     a person, whose browser is elsewhere
    python sign_in.py refresh tokens.json    any later time: the tokens of the file are used, and renewed when they have expired

It needs a gateway (`WAYPOST_BASE_URL`) and a client that is registered there (`WAYPOST_CLIENT_ID`; for the last three a public one, and for
`browser` with the redirect address `http://127.0.0.1/callback`). Ctrl-C gives a sign-in up.
"""

from __future__ import annotations

import os
import sys

import waypost
from waypost.oauth import DeviceProgress, FileTokenStore, SignIn


def main(arguments: list[str]) -> str | None:
    try:
        with signed_in(arguments) as client:
            print(f"Signed in: {len(client.wallets.list().data)} wallets")
    except waypost.WaypostError as error:
        return str(error)
    return None


def signed_in(arguments: list[str]) -> waypost.Client:
    if arguments == ["client-credentials"]:
        return waypost.Client()
    if len(arguments) != 2 or arguments[0] not in ("browser", "device", "refresh"):
        sys.exit("usage: sign_in.py client-credentials | (browser | device | refresh) FILE")
    way, file = arguments
    store = FileTokenStore(file)
    sign_in = SignIn(scope="wallets:read", token_store=store)
    if way == "browser":
        sign_in.with_browser(lambda url: print(f"Open this address in a browser: {url}", flush=True))
    elif way == "device":
        sign_in.with_device(show)
    return waypost.Client(client_id=os.environ["WAYPOST_CLIENT_ID"], token_store=store)


def show(progress: DeviceProgress) -> None:
    if progress.polls == 0:
        print(f"Visit {progress.verification_uri} and type {progress.user_code}", flush=True)
    else:
        print(f"Asked {progress.polls} times", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
