"""Signing a person in: the authorization code grant with PKCE, in a browser on this machine or at a page of a web application's, and the device grant.

Which step comes next is the engine's to say; here the steps are taken: requests are sent over the engine's connections, waits are waited, the code is shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from inspect import isawaitable
from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union
from urllib.parse import parse_qsl, urlsplit

from . import errors
from ._engine import native

if TYPE_CHECKING:
    from .oauth import AsyncTokenStore, TokenSet, TokenStore

__all__ = ["AsyncAuthorizationCode", "AsyncSignIn", "AuthorizationCode", "DeviceProgress", "SignIn"]

_GO: Final = b"{}"

# More of an answer is not read, in bytes.
_LARGEST: Final = 256 * 1024

# Of the environment, what says how to reach a server; who calls is not its business here.
_WAY: Final = ("WAYPOST_CA_BUNDLE", "WAYPOST_LOG")


class DeviceProgress(NamedTuple):
    """What is told before each time that a device waits: what to show, and how far it is."""

    user_code: str
    """What the person types: `WDJB-MJHT`."""
    verification_uri: str
    """Where."""
    verification_uri_complete: str | None
    """The same address with the code in it, for a link or a QR code."""
    expires_at: int
    """When the code expires, in seconds since 1970."""
    polls: int
    """How often the server was asked already; 0 when there is something to show for the first time."""
    wait: float
    """How long until it is asked again, in seconds."""


class _Shared:
    """Settings, and what of a step needs no waiting."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        scope: str | None = None,
        token_store: Union[TokenStore, AsyncTokenStore, None] = None,
        timeout: float | None = None,
        proxy: Any = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        ca_pem: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is sent.

        Args:
            base_url: The authorization server's address, which is its issuer: its metadata is asked there. `WAYPOST_BASE_URL`.
            client_id: The id of the OAuth client. `WAYPOST_CLIENT_ID`.
            client_secret: Its secret; a public client, which everything on people's machines is, has none. `WAYPOST_CLIENT_SECRET`, if the id is from there too.
            scope: What is asked for, words separated by spaces; without it the server chooses.
            token_store: Where the tokens are kept when there are some.
            timeout: The longest that one request may take, in seconds (15).
            proxy: The URL of a proxy, or `False` for none; otherwise the environment's.
            ca_bundle: A file, in PEM, of authorities that are trusted beside the system's.
            ca_pem: The same, as text.
            environment: Read in place of `os.environ`; `{}`: read nothing.

        Raises:
            ConfigError: There is no base URL or no client id.
        """
        variables = os.environ if environment is None else environment
        if client_id is None:
            client_id = variables.get("WAYPOST_CLIENT_ID") or None
            client_secret = client_secret or variables.get("WAYPOST_CLIENT_SECRET") or None
        self._base_url: Final = base_url or variables.get("WAYPOST_BASE_URL") or ""
        if not self._base_url:
            raise errors.ConfigError("there is no server to sign in at", hint="Give `base_url`, or set WAYPOST_BASE_URL")
        self._settings: Final = {
            "base_url": self._base_url,
            "client_id": client_id or "",
            "client_secret": client_secret,
            "scope": scope,
        }
        self._store: Final[Any] = token_store
        self._connection: Final = {"timeout": timeout, "proxy": proxy, "ca_bundle": ca_bundle, "ca_pem": ca_pem}
        self._environment: Final = {
            name: value for name, value in variables.items() if name in _WAY or not name.startswith("WAYPOST_")
        }
        self._clients: Final[dict[str, Any]] = {}

    def _steps(self, **more: str) -> Any:
        try:
            return native.SignInSteps(dumps({**self._settings, **more}).encode())
        except native.Failed as failed:
            raise _error(failed) from None

    def _next(self, steps: Any, event: bytes) -> tuple[str, Any]:
        """The next step: its name, and what is in it."""
        try:
            step: dict[str, Any] = loads(steps.next(event, self._now()))
        except native.Failed as failed:
            raise _error(failed) from None
        ((name, content),) = step.items()
        return name, content

    def _prepared(self, request: Mapping[str, Any]) -> tuple[Any, tuple[Any, ...]]:
        """A request, for the engine's client of its origin: the client, and what it is called with."""
        url = urlsplit(request["url"])
        origin = f"{url.scheme}://{url.netloc}"
        if origin not in self._clients:
            self._clients[origin] = self._client(origin)
        query = parse_qsl(url.query, keep_blank_values=True)
        description: dict[str, Any] = {
            "method": request["method"],
            "path": url.path or "/",
            "parameters": [{"name": name, "in": "query"} for name in dict(query)],
            "body": "none" if request["method"] == "GET" else "application/x-www-form-urlencoded",
            "retry": "never",
            "result": "text",
        }
        id = native.define(dumps({"id": f"sign_in {request['method']} {url.path} {sorted(dict(query))}", **description}).encode())
        headers = [pair for pair in request["headers"] if pair[0] == "authorization"]
        body = request["body"].encode() if request["method"] != "GET" else None
        return self._clients[origin], (id, tuple(query), body, dumps({"headers": headers, "accept": "application/json"}).encode())

    def _client(self, origin: str) -> Any:
        settings = {
            "base_url": origin,
            "max_retries": 0,
            "budget": False,
            "cache": False,
            "pacing": False,
            "trace": False,
            "max_answer_bytes": _LARGEST,
            **self._connection,
        }
        from ._client import engine_client

        return engine_client(settings, (), self._environment)

    def _now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def _random(self) -> str:
        """256 random bits as 43 letters, for a verifier and for a state (RFC 7636, section 4.1)."""
        import secrets

        return secrets.token_urlsafe(32)

    def __repr__(self) -> str:
        """Where, and for which client; never its secret."""
        return f"{type(self).__name__}({native.redact_url(self._base_url)!r}, client_id={self._settings['client_id']!r})"


def _error(failed: Exception) -> errors.WaypostError:
    """The typed error of what the engine raised."""
    from ._core import client_error

    return client_error(failed)


def _granted(members: Mapping[str, Any]) -> TokenSet:
    from .oauth import TokenSet

    return TokenSet.from_dict(members)


def _answered(answer: Any) -> bytes:
    """The event of an answer of success."""
    body = bytes(answer.body).decode(errors="replace")
    return dumps({"status": answer.status, "headers": answer.headers, "body": body}).encode()


def _refused(failed: Exception) -> bytes:
    """The event of any other answer, or of none. Raises the error where it is neither."""
    report = loads(failed.args[0])
    if report["status"] is not None:
        body = report["excerpt"] or "" if report["problem"] is None else dumps(report["problem"])
        return dumps({"status": report["status"], "headers": report["headers"], "body": body}).encode()
    causes = [attempt["cause"] for attempt in report["attempts"] if attempt["cause"]]
    if not causes or report["kind"] not in ("connection", "timeout"):
        raise _error(failed) from None
    sent = causes[-1] not in ("connect", "tls", "request")
    return dumps({"failure": causes[-1], "bytes_sent": sent, "message": report["message"]}).encode()


class SignIn(_Shared):
    """Signs people in at an authorization server, which is asked for its metadata (RFC 8414).

    What comes of it is a `TokenSet`; a client of the same store, or of those tokens, uses and renews it.

    Example:
        ```python
        from waypost.oauth import FileTokenStore, SignIn

        sign_in = SignIn("https://api.example", client_id="ocl_1", token_store=FileTokenStore("tokens.json"))


        def show(progress):
            if progress.polls == 0:
                print(f"Visit {progress.verification_uri} and type {progress.user_code}")


        tokens = sign_in.with_device(show)
        ```
    """

    def begin(self, redirect_uri: str) -> AuthorizationCode:
        """Begins the authorization code grant with PKCE: where the person is to be sent.

        Args:
            redirect_uri: Where they come back to, as the client is registered for it.

        Raises:
            OAuthError: The server's metadata cannot be used.
        """
        state = self._random()
        steps = self._steps(redirect_uri=redirect_uri, verifier=self._random(), state=state)
        return AuthorizationCode(self, steps, self._run(steps, _GO), state)

    def with_browser(
        self,
        open: Callable[[str], object] | None = None,
        *,
        limit: float = 300.0,
        port: int = 0,
        path: str = "/callback",
    ) -> TokenSet:
        """The authorization code grant with PKCE for a program on the person's machine (RFC 8252). Ctrl-C gives it up.

        The client is registered with the redirect address `http://127.0.0.1/callback`: the port is one that is free.

        Args:
            open: Opens an address in the person's browser (`webbrowser.open`, say). Without it the address is printed on standard error.
            limit: How long the person has, in seconds.
            port: The port to come back to, for a server that knows it; 0: a free one.
            path: The path to come back to.

        Raises:
            OAuthError: The person said no (`access_denied`), or the server refuses.
            TimeoutError: Nobody came back in time.
        """
        from ._loopback import Listener, tell

        with Listener(port, path) as listener:
            code = self.begin(listener.redirect_uri)
            (open or tell)(code.url)
            visit = listener.redirected(code.state, limit)
            with visit:
                return code.finish(visit.url)

    def with_device(self, progress: Callable[[DeviceProgress], object]) -> TokenSet:
        """The device grant (RFC 8628), for a program whose person has a browser elsewhere. Ctrl-C gives it up.

        Args:
            progress: Called before each wait: first when there is a code to show (`polls` is 0), then after each time that the server was asked.

        Raises:
            OAuthError: `error` tells whether the person said no (`access_denied`), the code expired (`expired_token`), or what else the server says.
        """
        tokens: TokenSet = self._run(self._steps(), _GO, progress)
        return tokens

    def _run(self, steps: Any, event: bytes, progress: Callable[[DeviceProgress], object] | None = None) -> Any:
        """Takes steps until the person is to be sent somewhere, or there are tokens."""
        while True:
            name, content = self._next(steps, event)
            event = _GO
            if name == "send":
                event = self._send(content)
            elif name == "wait_ms":
                self._sleep(content / 1000)
            elif name == "progress":
                if progress is not None:
                    progress(DeviceProgress(**content))
            elif name == "open":
                return content
            else:
                tokens = _granted(content)
                if self._store is not None:
                    self._store.save(tokens)
                return tokens

    def _send(self, request: Mapping[str, Any]) -> bytes:
        client, call = self._prepared(request)
        try:
            return _answered(client.call(*call))
        except native.Failed as failed:
            return _refused(failed)

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class AsyncSignIn(_Shared):
    """As `SignIn`, for a coroutine. Cancelling its task gives the sign-in up."""

    async def begin(self, redirect_uri: str) -> AsyncAuthorizationCode:
        """Begins the authorization code grant with PKCE; see `SignIn.begin`."""
        state = self._random()
        steps = self._steps(redirect_uri=redirect_uri, verifier=self._random(), state=state)
        return AsyncAuthorizationCode(self, steps, await self._run(steps, _GO), state)

    async def with_browser(
        self,
        open: Callable[[str], object] | None = None,
        *,
        limit: float = 300.0,
        port: int = 0,
        path: str = "/callback",
    ) -> TokenSet:
        """The authorization code grant with PKCE for a program on the person's machine; see `SignIn.with_browser`. `open` may be a coroutine function."""
        from ._loopback import AsyncListener, tell

        async with AsyncListener(port, path) as listener:
            code = await self.begin(listener.redirect_uri)
            opened = (open or tell)(code.url)
            if isawaitable(opened):
                await opened
            visit = await listener.redirected(code.state, limit)
            async with visit:
                return await code.finish(visit.url)

    async def with_device(self, progress: Callable[[DeviceProgress], object]) -> TokenSet:
        """The device grant; see `SignIn.with_device`. `progress` may be a coroutine function."""
        tokens: TokenSet = await self._run(self._steps(), _GO, progress)
        return tokens

    async def _run(self, steps: Any, event: bytes, progress: Callable[[DeviceProgress], object] | None = None) -> Any:
        while True:
            name, content = self._next(steps, event)
            event = _GO
            if name == "send":
                event = await self._send(content)
            elif name == "wait_ms":
                await self._sleep(content / 1000)
            elif name == "progress":
                shown = None if progress is None else progress(DeviceProgress(**content))
                if isawaitable(shown):
                    await shown
            elif name == "open":
                return content
            else:
                tokens = _granted(content)
                if self._store is not None:
                    saved = self._store.save(tokens)
                    if isawaitable(saved):
                        await saved
                return tokens

    async def _send(self, request: Mapping[str, Any]) -> bytes:
        from . import _bridge

        client, call = self._prepared(request)
        try:
            return _answered(await _bridge.call(client, *call))
        except native.Failed as failed:
            return _refused(failed)

    async def _sleep(self, seconds: float) -> None:
        from asyncio import sleep

        await sleep(seconds)


class _Code:
    """A person is on their way to the authorization server."""

    def __init__(self, sign_in: Any, steps: Any, url: str, state: str) -> None:
        """Made by `begin`."""
        self._sign_in: Final = sign_in
        self._steps: Final = steps
        self._url: Final = url
        self._state: Final = state

    @property
    def url(self) -> str:
        """Where the person signs in and agrees."""
        return self._url

    @property
    def state(self) -> str:
        """What the address that they come back to must have as its `state`: by it a web application tells its sign-ins apart."""
        return self._state

    def __repr__(self) -> str:
        """Where the person goes, without what is in the query."""
        return f"{type(self).__name__}({native.redact_url(self._url)!r})"


class AuthorizationCode(_Code):
    """A person is on their way to the authorization server: send them to `url`, and `finish` with the address that they come back to."""

    def finish(self, redirect: str) -> TokenSet:
        """Exchanges the code of a redirect (its address, or path and query) for tokens, and keeps them. The code is sent once.

        Raises:
            OAuthError: The person said no, or the redirect is not this sign-in's. `error` is the server's word (`access_denied`), or `state_mismatch`,
                `issuer_mismatch` or `invalid_response`.
        """
        tokens: TokenSet = self._sign_in._run(self._steps, dumps({"redirected": redirect}).encode())
        return tokens


class AsyncAuthorizationCode(_Code):
    """As `AuthorizationCode`, for a coroutine."""

    async def finish(self, redirect: str) -> TokenSet:
        """See `AuthorizationCode.finish`."""
        tokens: TokenSet = await self._sign_in._run(self._steps, dumps({"redirected": redirect}).encode())
        return tokens
