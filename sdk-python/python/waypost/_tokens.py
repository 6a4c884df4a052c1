"""Tokens of an OAuth grant, and where they are kept between runs.

The text in a store is the same in every language: JSON with `access_token`, `token_type`, `expires_at` (seconds since 1970), `refresh_token` and `scope`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from dataclasses import dataclass
from json import dumps, loads
from pathlib import Path
from typing import Any, Final, Protocol, Union

from .errors import ConfigError

__all__ = ["AsyncTokenStore", "FileTokenStore", "MemoryTokenStore", "TokenSet", "TokenStore"]

# The longest text that is read from a store, in bytes.
_LARGEST: Final = 256 * 1024


@dataclass(frozen=True, repr=False)
class TokenSet:
    """The tokens of one grant. It never changes: a refresh makes a new one. Its `repr` shows none of them."""

    access_token: str
    """What calls are made with."""
    token_type: str = "Bearer"
    """`Bearer`."""
    expires_at: int | None = None
    """When it expires, in seconds since 1970; `None`: nobody said."""
    refresh_token: str | None = None
    """What it is renewed with."""
    scope: str | None = None
    """What was granted, words separated by spaces."""

    def to_json(self) -> str:
        """The text for a store, with the tokens in it."""
        return dumps({name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def parse(cls, text: str | bytes) -> TokenSet:
        """Reads what a store keeps, in whichever language it was written. Members of a later version do not matter.

        Raises:
            ConfigError: It is no token set. The text is not repeated.
        """
        try:
            members: dict[str, Any] = {name: value for name, value in loads(text).items() if value is not None}
            known = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
            if not all(isinstance(known.get(name, ""), str) for name in ("access_token", "token_type", "refresh_token", "scope")):
                raise TypeError
            if not known["access_token"] or not isinstance(known.get("expires_at", 0), (int, float)):
                raise TypeError
            if "expires_at" in known:
                known["expires_at"] = int(known["expires_at"])
            return cls(**known)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise ConfigError(
                "what the token store holds is no token set", hint="Clear the store, and sign in again"
            ) from None

    def __repr__(self) -> str:
        return f"TokenSet(token_type={self.token_type!r}, expires_at={self.expires_at!r}, scope={self.scope!r})"


class TokenStore(Protocol):
    """Where tokens are kept between runs. One of your own needs these three methods."""

    def load(self) -> TokenSet | None:
        """What was saved last; `None` for nothing."""

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps these in place of what there was."""

    def clear(self) -> None:
        """Forgets what there is."""


class AsyncTokenStore(Protocol):
    """As `TokenStore`, for the async client: the methods may be coroutine functions."""

    def load(self) -> Union[TokenSet, None, Awaitable[TokenSet | None]]:
        """What was saved last; `None` for nothing."""

    def save(self, tokens: TokenSet, /) -> Union[None, Awaitable[None]]:
        """Keeps these in place of what there was."""

    def clear(self) -> Union[None, Awaitable[None]]:
        """Forgets what there is."""


class MemoryTokenStore:
    """Keeps tokens for as long as the program runs."""

    def __init__(self, tokens: TokenSet | None = None) -> None:
        """Begins with these."""
        self._tokens = tokens

    def load(self) -> TokenSet | None:
        """What was saved last."""
        return self._tokens

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps these."""
        self._tokens = tokens

    def clear(self) -> None:
        """Forgets what there is."""
        self._tokens = None


class FileTokenStore:
    """Keeps tokens in a file of mode 0600.

    It is written whole beside the old one and renamed, so that no reader sees half of it. A file that others can read is refused: its tokens may be known to
    them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The file need not be there; its folder must."""
        self.path: Final = Path(path)

    def load(self) -> TokenSet | None:
        """What was saved last; `None` when there is no file."""
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                # Windows has no such bits: every file looks as if all could read it.
                if os.name == "posix" and mode & 0o077:
                    raise ConfigError(
                        f"the token file {self.path} can be read by others (mode {mode & 0o777:03o})",
                        hint="Run chmod 600 on it; sign in again if others may have read it",
                    )
                return TokenSet.parse(file.read(_LARGEST))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"the token file {self.path} cannot be read: {error.strerror}") from None

    def save(self, tokens: TokenSet, /) -> None:
        """Keeps these in place of what there was."""
        beside = self.path.with_name(f"{self.path.name}.{os.urandom(8).hex()}.tmp")
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(tokens.to_json())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ConfigError(f"the token file {self.path} cannot be written: {error.strerror}") from None

    def clear(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)
