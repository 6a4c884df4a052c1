"""The clients. What they are set up with is written once; what differs between the two is how they wait and how they are left."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from . import _log
from ._core import AsyncCalls, Calls, client_error
from ._engine import native
from ._generated.resources import AsyncResources, Resources
from ._settings import BreakerOptions, BudgetOptions, CacheOptions, settings_json
from ._version import __version__
from .middleware import AnyMiddleware, hooks

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .oauth import AsyncTokenStore, TokenSet, TokenStore

__all__ = ["AsyncClient", "Client"]


class _Client(ABC):
    """What both clients are."""

    _native: Any

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        access_token: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        scope: str | None = None,
        token_url: str | None = None,
        tokens: TokenSet | None = None,
        token_store: TokenStore | AsyncTokenStore | None = None,
        tenant: str | None = None,
        api_version: str | None = None,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
        backoff_base: float | None = None,
        backoff_cap: float | None = None,
        budget: BudgetOptions | bool | None = None,
        breaker: BreakerOptions | bool | None = None,
        cache: CacheOptions | bool | None = None,
        pacing: bool | None = None,
        trace: bool | None = None,
        max_answer_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
        proxy: str | Literal[False] | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        ca_pem: str | None = None,
        idle_timeout: float | None = None,
        max_idle_per_host: int | None = None,
        http2_only: bool | None = None,
        middleware: Sequence[AnyMiddleware] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Makes a client. What is not given is taken from the environment, and where that says nothing it is the default.

        Args:
            base_url: Where the API is; may carry a path prefix. Default: `WAYPOST_BASE_URL`; one of the two must be there.
            api_key: Sent as `X-API-Key`. Default: `WAYPOST_API_KEY`.
            access_token: Sent as `Authorization: Bearer`. Default: `WAYPOST_ACCESS_TOKEN`. Any credential among these arguments makes those of
                the environment void.
            client_id: The OAuth client that gets access tokens for the calls; see `waypost.oauth`. Default: `WAYPOST_CLIENT_ID`.
            client_secret: Its secret; without one it is a public client, which needs tokens to begin with. Default: `WAYPOST_CLIENT_SECRET`.
            scope: What it asks for, words with a blank between them. Default: what the server gives.
            token_url: Where it gets tokens. Default: `/oauth/token` under the base URL.
            tokens: Tokens to begin with, from a sign-in.
            token_store: Keeps tokens besides: they are found there, and what is got is put there. An object with `load`, `save` and `clear`; those of an
                `AsyncClient` may be coroutine functions.
            tenant: Sent as `X-Tenant-Id`. Default: `WAYPOST_TENANT`.
            api_version: Sent as `X-API-Version`. Default: not sent.
            timeout: The longest that one attempt may take, in seconds, answer included; of a streamed answer until its head, then between
                two pieces. Default: 15.
            connect_timeout: The longest that a connection may take to open, in seconds. Default: 5.
            deadline: The longest that a call may take, in seconds, all attempts and waits together. Default: 60.
            max_retries: How often a failed attempt is sent again, where that is safe. 0: never. Default: 2.
            backoff_base: The bound of the first random wait between attempts, in seconds; it doubles with each. Default: 0.5.
            backoff_cap: What that bound grows to, in seconds. Default: 8.
            budget: How many retries all calls share (`BudgetOptions`), so that a server in trouble is not stormed. `False`: no limit.
            breaker: Refuse calls at once while the server fails (`BreakerOptions`; `True`: its defaults). Default: off.
            cache: Keep answers that carry an `ETag` and ask whether they still hold (`CacheOptions`). `False`: never. Default: on.
            pacing: Hold a request back until the server said that it may come. Default: `True`.
            trace: Start a W3C trace for calls that have none. Default: `True`.
            max_answer_bytes: The largest answer that is read into memory, in bytes; a streamed one has no limit. Default: 64 MiB.
            headers: Sent with every request; a call's own of the same name replace them.
            user_agent: The `User-Agent`. Default: `waypost-python/` and the version.
            proxy: A proxy's URL (`http`, `https`, `socks5`, `socks5h`), or `False` for none. Default: the usual variables, `HTTPS_PROXY`,
                `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
            ca_bundle: A PEM file of further authorities to trust. Default: `WAYPOST_CA_BUNDLE`.
            ca_pem: Further authorities to trust, as PEM text.
            idle_timeout: How long an unused connection is kept, in seconds.
            max_idle_per_host: How many unused connections are kept.
            http2_only: Speak HTTP/2 from the first byte, also without TLS. Default: `False`.
            middleware: Sees every attempt; see `waypost.middleware`.
            environment: Read in place of `os.environ`; `{}`: read nothing. No proxy is used then but the one of `proxy`.

        Raises:
            waypost.errors.ConfigError: Something is missing or wrong; the message names all of it.
        """
        settings: dict[str, object] = {
            "base_url": base_url,
            "api_key": api_key,
            "access_token": access_token,
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": scope,
            "token_url": token_url,
            "tokens": tokens,
            "tenant": tenant,
            "api_version": api_version,
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "deadline": deadline,
            "max_retries": max_retries,
            "backoff_base": backoff_base,
            "backoff_cap": backoff_cap,
            "budget": budget,
            "breaker": breaker,
            "cache": cache,
            "pacing": pacing,
            "trace": trace,
            "max_answer_bytes": max_answer_bytes,
            "headers": headers,
            "user_agent": user_agent,
            "proxy": proxy,
            "ca_bundle": ca_bundle,
            "ca_pem": ca_pem,
            "idle_timeout": idle_timeout,
            "max_idle_per_host": max_idle_per_host,
            "http2_only": http2_only,
        }
        # The engine finds proxies in the variables of the process.
        if environment is not None and proxy is None:
            settings["proxy"] = False
        self._set(engine_client(settings, middleware, os.environ if environment is None else environment, token_store=token_store))

    @abstractmethod
    def _set(self, client: Any) -> None:
        """Takes the engine's client: what the two halves do differently with it."""

    def with_options(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        access_token: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        scope: str | None = None,
        tokens: TokenSet | None = None,
        tenant: str | None = None,
        api_version: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
        backoff_base: float | None = None,
        backoff_cap: float | None = None,
        budget: BudgetOptions | bool | None = None,
        breaker: BreakerOptions | bool | None = None,
        cache: CacheOptions | bool | None = None,
        pacing: bool | None = None,
        trace: bool | None = None,
        max_answer_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
    ) -> Self:
        """The same client with other settings, for some of a program's calls. Connections are shared, and closing one closes all.

        Args:
            base_url: As of the constructor, like all the others. What is not given stays as it is.
            api_key: Any credential replaces all that the client has.
            access_token: See `api_key`.
            client_id: See `api_key`.
            client_secret: See `api_key`.
            scope: Other tokens are got for it, which are kept in this client alone.
            tokens: Tokens of somebody else, say; they are kept in this client alone.
            tenant: Sent as `X-Tenant-Id`.
            api_version: Sent as `X-API-Version`.
            timeout: Of one attempt, in seconds.
            deadline: Of a call, in seconds.
            max_retries: How often a failed attempt is sent again. 0: never.
            backoff_base: The bound of the first wait, in seconds.
            backoff_cap: What it grows to, in seconds.
            budget: How many retries all calls share.
            breaker: When calls are refused at once.
            cache: Which answers are kept.
            pacing: Hold requests back until the server said that they may come.
            trace: Start a trace for calls that have none.
            max_answer_bytes: The largest answer that is read into memory.
            headers: Sent beside the client's; they replace those of the same name.
            user_agent: The `User-Agent`.

        Example:
            ```python
            hurried = client.with_options(timeout=1.0, max_retries=0)
            signed_in = client.with_options(access_token=tokens.access_token)
            ```

        Raises:
            waypost.errors.ConfigError: Something is wrong; the message names all of it.
        """
        settings = settings_json(
            {
                "base_url": base_url,
                "api_key": api_key,
                "access_token": access_token,
                "client_id": client_id,
                "client_secret": client_secret,
                "scope": scope,
                "tokens": tokens,
                "tenant": tenant,
                "api_version": api_version,
                "timeout": timeout,
                "deadline": deadline,
                "max_retries": max_retries,
                "backoff_base": backoff_base,
                "backoff_cap": backoff_cap,
                "budget": budget,
                "breaker": breaker,
                "cache": cache,
                "pacing": pacing,
                "trace": trace,
                "max_answer_bytes": max_answer_bytes,
                "headers": headers,
                "user_agent": user_agent,
            },
            None,
        )
        return self._of(_made(lambda: self._native.derive(settings)))

    @classmethod
    def _of(cls, client: Any) -> Self:
        """A client on this engine client."""
        made = cls.__new__(cls)
        made._set(client)
        return made

    @property
    def base_url(self) -> str:
        """Where the API is, without secrets."""
        return str(self._native.base_url)

    @property
    def closed(self) -> bool:
        """Was it closed?"""
        return bool(self._native.closed)

    def __repr__(self) -> str:
        """Where the API is, and which kinds of credentials the client has; never their values."""
        return repr(self._native).replace("Client", type(self).__name__, 1)

    def __reduce__(self) -> tuple[Any, ...]:
        """Refused: connections and credentials do not go into a pickle."""
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied; make one where it is needed")


class Client(_Client, Resources):
    """The API, for programs that wait for each answer. One client serves any number of threads.

    Example:
        ```python
        with waypost.Client() as client:    # WAYPOST_BASE_URL, WAYPOST_API_KEY
            wallet = client.wallets.create(currency="EUR", name="Household")
            for transaction in client.wallets.transactions(wallet.id):
                print(transaction.created_at, transaction.amount)
        ```
    """

    def _set(self, client: Any) -> None:
        self._native = client
        self._caller = Calls(client)

    def __enter__(self) -> Self:
        """Itself; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Closes connections and ends calls that are under way in other threads. Later calls raise `ClosedError`. May be called more than once."""
        self._native.close()


class AsyncClient(_Client, AsyncResources):
    """The API, for asyncio programs. One client serves any number of tasks and event loops. Cancelling a task drops its request.

    Example:
        ```python
        async with waypost.AsyncClient() as client:    # WAYPOST_BASE_URL, WAYPOST_API_KEY
            wallet = await client.wallets.create(currency="EUR", name="Household")
            async for transaction in client.wallets.transactions(wallet.id):
                print(transaction.created_at, transaction.amount)
        ```
    """

    def _set(self, client: Any) -> None:
        self._native = client
        self._caller = AsyncCalls(client)

    async def __aenter__(self) -> Self:
        """Itself; leaving the block closes it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes it."""
        await self.close()

    async def close(self) -> None:
        """Closes connections and ends calls that are under way. Later calls raise `ClosedError`. May be called more than once."""
        from ._bridge import settle

        self._native.close()
        settle()


def engine_client(
    settings: Mapping[str, object],
    middleware: Sequence[AnyMiddleware],
    environment: Mapping[str, str],
    scripted: Any = None,
    *,
    token_store: TokenStore | AsyncTokenStore | None = None,
) -> Any:
    """The engine's client of a client's arguments. With `scripted` nothing is ever sent. Raises `ConfigError`."""
    variables = {name: environment[name] for name in native.VARIABLES if name in environment}
    named = {"user_agent": f"waypost-python/{__version__}", **{k: v for k, v in settings.items() if v is not None}}
    store = None
    if token_store is not None:
        from .oauth import FileTokenStore, store_function

        # A file needs no interpreter.
        if isinstance(token_store, FileTokenStore):
            named["token_file"] = token_store.path
        else:
            store = store_function(token_store)
    written = settings_json(named, variables)
    before, after = hooks(middleware)
    client = _made(lambda: native.Client(written, before, after, scripted, store))
    _log.configure(environment)
    return client


def _made(make: Any) -> Any:
    """An engine client; or a `ConfigError` that names every mistake that the engine finds."""
    try:
        return make()
    except native.Failed as failed:
        raise client_error(failed) from None
