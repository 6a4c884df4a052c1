"""A person with an account at a gateway, at a browser that runs nothing: signs in, and says what they are told to say to whatever is asked."""

from __future__ import annotations

import html
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any

PASSWORD = "seven wet umbrellas in a row"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


def ask(url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None, method: str | None = None) -> tuple[int, Message, str]:
    """Status, headers and text of an answer; no redirect is followed."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        answer = _OPENER.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


def field(page: str, name: str) -> str:
    """The value of a field of a page."""
    found = re.search(rf'name="{name}"[^>]*? value="([^"]*)"', page)
    assert found, f"there is no field {name} in {page}"
    return html.unescape(found[1])


class Person:
    """Somebody new."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.email = f"ada-{secrets.token_hex(8)}@example.com"
        self.post("/v1/auth/register", {"email": self.email, "password": PASSWORD, "name": "Ada Marlowe"})
        self.token: str = self.post("/v1/auth/login", {"email": self.email, "password": PASSWORD})["access_token"]

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        status, _, text = ask(self.url + path, body=json.dumps(body).encode(), headers=headers)
        assert status in (200, 201), text
        return json.loads(text)

    def client(self, **change: Any) -> tuple[str, str]:
        """Id and secret of a client that the person registers."""
        body = {"name": "Bookkeeper", "type": "public", "scopes": ["wallets:read", "wallets:write"], **change}
        made = self.post("/v1/oauth_clients", body, self.token)
        return made["client"]["id"], made.get("client_secret") or ""

    def decide(self, address: str, decision: str = "allow") -> str:
        """Signs in at an address and decides; answers where the browser is sent, or with what it is shown."""
        cookies: dict[str, str] = {}

        def visit(target: str, form: dict[str, str] | None = None) -> tuple[str, str]:
            headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            headers["sec-fetch-site"] = "same-origin" if form else "none"
            body = urllib.parse.urlencode(form).encode() if form else None
            _, told, text = ask(urllib.parse.urljoin(self.url, target), body=body, headers=headers)
            for cookie in told.get_all("set-cookie") or ():
                name, _, value = cookie.split(";")[0].partition("=")
                cookies[name] = value
            return text, told.get("location") or ""

        page, _ = visit(address)
        form = {"email": self.email, "password": PASSWORD, "csrf_token": field(page, "csrf_token"), "return_to": field(page, "return_to")}
        asked, _ = visit(visit("/oauth/sign_in", form)[1])
        token = {"csrf_token": field(asked, "csrf_token")}
        if 'name="request"' in asked:
            return visit("/oauth/authorize", {**token, "request": field(asked, "request"), "decision": decision})[1]
        shown, _ = visit("/oauth/device", {**token, "user_code": field(asked, "user_code")})
        code = {"csrf_token": field(shown, "csrf_token"), "user_code": field(shown, "user_code")}
        return visit("/oauth/device", {**code, "decision": decision})[0]
