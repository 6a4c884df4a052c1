"""Access tokens for a client's calls, got and kept without the program's doing.

A client with an OAuth client's id and secret gets its tokens itself; one with tokens from a sign-in refreshes them:

```python
machine = waypost.Client(client_id="ocl_1", client_secret="wps_secret", scope="wallets:read")
person = waypost.Client(client_id="ocl_2", token_store=waypost.oauth.FileTokenStore("tokens.json"))
```

Tokens of a person come from a sign-in (`SignIn`, `AsyncSignIn`): by their browser on this machine, by a code that they type elsewhere, or at a page of a web application's.

What a call does for its token: one that is valid for 30 seconds more is used; else the store is asked; else the refresh token is used up; else the client's secret is shown; else the call raises `OAuthError`. One
such request is under way for all calls of a client, whatever their threads and tasks. A call that is refused with 401 gets a new token once, and is sent once more.

Promises: no `repr` holds a token; a store that cannot be read ends the call, one that cannot be written is told of in the log, and costs no call.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from . import _log
from ._engine import native
from ._sign_in import AsyncAuthorizationCode, AsyncSignIn, AuthorizationCode, DeviceProgress, SignIn
from .errors import OAuthError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from typing_extensions import Self

__all__ = [
    "AsyncAuthorizationCode",
    "AsyncSignIn",
    "AsyncTokenStore",
    "AuthorizationCode",
    "DeviceProgress",
    "FileTokenStore",
    "MemoryTokenStore",
    "OAuthError",
    "SignIn",
    "TokenSet",
    "TokenStore",
]


class TokenSet:
    """What a token endpoint granted (RFC 6749, section 5.1)."""

    __slots__ = ("_access_token", "_expires_at", "_refresh_token", "_scope", "_token_type")

    def __init__(
        self,
        access_token: str,
        *,
        token_type: str = "Bearer",
        expires_at: int | None = None,
        refresh_token: str | None = None,
        scope: str | None = None,
    ) -> None:
        """Of an answer's members.

        Args:
            access_token: See `access_token`.
            token_type: See `token_type`.
            expires_at: See `expires_at`.
            refresh_token: See `refresh_token`.
            scope: See `scope`.

        Raises:
            ValueError: The access token is no text, or empty.
        """
        if not isinstance(access_token, str) or not access_token:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("access_token must be a text that is not empty")
        self._access_token: Final = access_token
        self._token_type: Final = token_type
        self._expires_at: Final = None if expires_at is None else int(expires_at)
        self._refresh_token: Final = refresh_token
        self._scope: Final = scope

    @property
    def access_token(self) -> str:
        """Sent as `Authorization: Bearer`."""
        return self._access_token

    @property
    def token_type(self) -> str:
        """`Bearer`; nothing else is ever sent."""
        return self._token_type

    @property
    def expires_at(self) -> int | None:
        """When the access token ends, in seconds since 1970; `None`: nobody said."""
        return self._expires_at

    @property
    def refresh_token(self) -> str | None:
        """What further access tokens are got for."""
        return self._refresh_token

    @property
    def scope(self) -> str | None:
        """What was granted, words with a blank between them; `None`: what was asked for."""
        return self._scope

    def to_dict(self) -> dict[str, object]:
        """The form that stores keep, secrets included: JSON's members."""
        return {
            "access_token": self._access_token,
            "token_type": self._token_type,
            "expires_at": self._expires_at,
            "refresh_token": self._refresh_token,
            "scope": self._scope,
        }

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> Self:
        """Of what a store kept. Members that it does not know are passed over.

        Args:
            members: As `to_dict` gives them; all but `access_token` may be missing.

        Raises:
            ValueError: There is no access token among them.
        """
        return cls(
            members.get("access_token") or "",
            token_type=members.get("token_type") or "Bearer",
            expires_at=members.get("expires_at"),
            refresh_token=members.get("refresh_token"),
            scope=members.get("scope"),
        )

    def to_json(self) -> str:
        """`to_dict` as a text."""
        from json import dumps

        return dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """`from_dict` of a text.

        Args:
            text: As `to_json` gives it.

        Raises:
            ValueError: It is no such text.
        """
        from json import loads

        members: object = loads(text)
        if not isinstance(members, dict):
            raise ValueError("the token set is not a JSON object")
        return cls.from_dict(cast("dict[str, Any]", members))

    def __eq__(self, other: object) -> bool:
        """The same members."""
        return isinstance(other, TokenSet) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Of the members."""
        return hash(tuple(self.to_dict().values()))

    def __repr__(self) -> str:
        """When it ends and what it is for; never the tokens."""
        refresh = "[redacted]" if self._refresh_token else None
        return f"TokenSet(access_token=[redacted], expires_at={self._expires_at}, refresh_token={refresh}, scope={self._scope!r})"


class TokenStore(Protocol):
    """Keeps one token set. Several clients, and several processes, may share what it stands for: before a refresh token is used the store is asked whether another has a newer set."""

    def load(self) -> TokenSet | None:
        """What is kept."""

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps this in place of what was kept.

        Args:
            tokens: What is to be kept.
        """

    def clear(self) -> None:
        """Keeps nothing any more."""


class AsyncTokenStore(Protocol):
    """As `TokenStore`, for an `AsyncClient`: it runs on the event loop of the call that needs a token."""

    async def load(self) -> TokenSet | None:
        """What is kept."""

    async def save(self, tokens: TokenSet, /) -> None:
        """Keeps this in place of what was kept.

        Args:
            tokens: What is to be kept.
        """

    async def clear(self) -> None:
        """Keeps nothing any more."""


class MemoryTokenStore:
    """Keeps tokens in memory: for clients that share them, and for tests."""

    def __init__(self, tokens: TokenSet | None = None) -> None:
        """With these in it.

        Args:
            tokens: What it begins with.
        """
        self._lock: Final = threading.Lock()
        self._tokens = tokens

    def load(self) -> TokenSet | None:
        """What is kept."""
        with self._lock:
            return self._tokens

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps this in place of what was kept.

        Args:
            tokens: What is to be kept.
        """
        with self._lock:
            self._tokens = tokens

    def clear(self) -> None:
        """Keeps nothing any more."""
        with self._lock:
            self._tokens = None


class FileTokenStore:
    """Keeps tokens in a file of mode 0600. It is written beside its place and renamed, so that a reader never sees half of it; one that others may read is refused.

    Example:
        ```python
        store = waypost.oauth.FileTokenStore("tokens.json")
        client = waypost.Client(client_id="ocl_1", token_store=store)
        ```
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """At this path.

        Args:
            path: Its folder is there; the file need not be.
        """
        self._path: Final = os.fspath(path)

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    def load(self) -> TokenSet | None:
        """What is kept; `None`: there is no file.

        Raises:
            waypost.oauth.OAuthError: The file cannot be read, others may read it, or it holds no token set.
        """
        kept = self._do("load")
        return None if kept is None else TokenSet.from_json(kept)

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps this in place of what was kept.

        Args:
            tokens: What is to be kept.

        Raises:
            waypost.oauth.OAuthError: The folder or the file cannot be written.
        """
        self._do("save", tokens.to_json())

    def clear(self) -> None:
        """Keeps nothing any more.

        Raises:
            waypost.oauth.OAuthError: The file is there and cannot be removed.
        """
        self._do("clear")

    def _do(self, verb: str, tokens: str | None = None) -> str | None:
        try:
            kept: str | None = native.token_file(self._path, verb, tokens)
        except RuntimeError as error:
            raise OAuthError(str(error)) from None
        return kept


def store_function(store: TokenStore | AsyncTokenStore) -> Callable[[str, str | None], object]:
    """A store as the engine knows one: see `_native.Client`. Raises `TypeError` for what is none."""
    missing = [name for name in ("load", "save", "clear") if not callable(getattr(store, name, None))]
    if missing:
        raise TypeError(f"argument `token_store` must have the methods load, save and clear; {', '.join(missing)} is missing")

    def ask(verb: str, tokens: str | None) -> object:
        try:
            value: object
            if verb == "save":
                value = store.save(TokenSet.from_json(tokens or ""))
            else:
                value = store.load() if verb == "load" else store.clear()
            return _awaited(verb, value) if isawaitable(value) else _written(verb, value)
        except Exception as error:
            return _caught(verb, error)

    return ask


async def _awaited(verb: str, value: Awaitable[object]) -> object:
    try:
        return _written(verb, await value)
    except Exception as error:
        return _caught(verb, error)


def _written(verb: str, value: object) -> str | None:
    if verb != "load" or value is None:
        return None
    if isinstance(value, TokenSet):
        return value.to_json()
    raise TypeError(f"a token store's load() returns a TokenSet or None, not {type(value).__name__}")


def _caught(verb: str, error: Exception) -> Exception:
    if verb != "load":
        _log.logger.warning("the token store could not %s; the tokens are kept in memory (%s)", verb, type(error).__name__)
    return error
