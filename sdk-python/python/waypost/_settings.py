"""What a client may be set up with, and how it goes to the engine: seconds become milliseconds, names become the engine's.

Promises: what is left out (`None`) is the environment's and after that the engine's default, so no default is written twice; every mistake in
the types is told at once, by the argument's name, and no value of a secret is ever in a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypedDict, cast

from .errors import ConfigError

__all__ = ["BreakerOptions", "BudgetOptions", "CacheOptions", "options_json", "settings_json"]


class BudgetOptions(TypedDict, total=False):
    """How many retries all calls of a client share: a bucket of tokens, one a retry."""

    capacity: int
    """How many retries may follow each other at once."""
    refill_every: float
    """A token comes back after so many seconds."""
    refill_after_successes: int
    """A token comes back after so many calls that succeeded at once."""


class BreakerOptions(TypedDict, total=False):
    """When calls are refused at once because the server fails."""

    failure_percent: int
    """How many of the attempts in the window must have failed, of a hundred."""
    window: float
    """Over which time failures are counted, in seconds."""
    minimum_attempts: int
    """How many attempts the window must hold before the breaker may open."""
    reset: float
    """After how many seconds a trial is let through; each failed one doubles it."""
    reset_cap: float
    """The longest that it grows to, in seconds."""
    probes: int
    """How many trials must succeed before everything is let through."""


class CacheOptions(TypedDict, total=False):
    """How much of what the server marked with an `ETag` is kept to ask whether it still holds."""

    entries: int
    """How many answers."""
    bytes: int
    """How many bytes altogether."""


# Kind of value -> what it must be, and how it goes over the border. A converter raises ValueError when it is something else.
def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be str")


def _milliseconds(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return value * 1000
    raise ValueError("must be a number of seconds, 0 or more")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("must be a whole number, 0 or more")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be True or False")


def _headers(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        pairs = list(cast("Mapping[object, object]", value).items())
        if all(isinstance(name, str) and isinstance(text, str) for name, text in pairs):
            return cast("list[tuple[str, str]]", pairs)
    raise ValueError("must be a mapping of str to str")


def _path(value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value) if isinstance(os.fspath(value), str) else os.fsdecode(os.fspath(value))
    raise ValueError("must be a path")


def _proxy(value: object) -> str:
    if value is False:
        return "none"
    if isinstance(value, str):
        return value
    raise ValueError("must be a URL, or False for none")


def _tokens(value: object) -> dict[str, object]:
    from .oauth import TokenSet

    if isinstance(value, TokenSet):
        return value.to_dict()
    raise ValueError("must be a waypost.oauth.TokenSet")


def _members(names: Mapping[str, tuple[str, Callable[[Any], Any]]], *, switch: bool) -> Callable[[object], Any]:
    """An object of options; with `switch`, True stands for the defaults and False for none."""

    def convert(value: object) -> Any:
        if switch and value is False:
            return False
        if switch and value is True:
            return {}
        if not isinstance(value, Mapping):
            raise ValueError("must be True, False or a dict" if switch else "must be a dict")
        written: dict[str, Any] = {}
        for name, one in cast("Mapping[str, object]", value).items():
            if name not in names:
                raise ValueError(f"has no key `{name}`; it takes {', '.join(names)}")
            wire, part = names[name]
            try:
                written[wire] = part(one)
            except ValueError as error:
                raise ValueError(f"[{name!r}] {error}") from None
        return written

    return convert


_CLIENT: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "base_url": ("base_url", _text),
    "api_key": ("api_key", _text),
    "access_token": ("access_token", _text),
    "client_id": ("client_id", _text),
    "client_secret": ("client_secret", _text),
    "scope": ("scope", _text),
    "token_url": ("token_url", _text),
    "tokens": ("tokens", _tokens),
    "token_file": ("token_file", _text),
    "tenant": ("tenant", _text),
    "api_version": ("api_version", _text),
    "user_agent": ("user_agent", _text),
    "timeout": ("timeout_ms", _milliseconds),
    "connect_timeout": ("connect_timeout_ms", _milliseconds),
    "deadline": ("deadline_ms", _milliseconds),
    "max_retries": ("max_retries", _count),
    "backoff_base": ("backoff_base_ms", _milliseconds),
    "backoff_cap": ("backoff_cap_ms", _milliseconds),
    "budget": (
        "budget",
        _members(
            {
                "capacity": ("capacity", _count),
                "refill_every": ("refill_every_ms", _milliseconds),
                "refill_after_successes": ("refill_after_successes", _count),
            },
            switch=True,
        ),
    ),
    "breaker": (
        "breaker",
        _members(
            {
                "failure_percent": ("failure_percent", _count),
                "window": ("window_ms", _milliseconds),
                "minimum_attempts": ("minimum_attempts", _count),
                "reset": ("reset_ms", _milliseconds),
                "reset_cap": ("reset_cap_ms", _milliseconds),
                "probes": ("probes", _count),
            },
            switch=True,
        ),
    ),
    "cache": ("cache", _members({"entries": ("entries", _count), "bytes": ("bytes", _count)}, switch=True)),
    "pacing": ("pacing", _flag),
    "trace": ("trace", _flag),
    "max_answer_bytes": ("max_answer_bytes", _count),
    "headers": ("headers", _headers),
    "proxy": ("proxy", _proxy),
    "ca_bundle": ("ca_bundle", _path),
    "ca_pem": ("ca_pem", _text),
    "idle_timeout": ("idle_timeout_ms", _milliseconds),
    "max_idle_per_host": ("max_idle_per_host", _count),
    "http2_only": ("http2_only", _flag),
}

_CALL: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "timeout": ("timeout_ms", _milliseconds),
    "deadline": ("deadline_ms", _milliseconds),
    "max_retries": ("max_retries", _count),
    "idempotency_key": ("idempotency_key", _text),
    "headers": ("headers", _headers),
    "accept": ("accept", _text),
    "trace_parent": ("trace_parent", _text),
}


def _instead(value: object) -> str:
    """What came instead: a number as it is, of anything else the type, because the value may be a secret."""
    if isinstance(value, (int, float)):
        return f", not {value!r}"
    return "" if isinstance(value, Mapping) else f", not {type(value).__name__}"


def settings_json(given: Mapping[str, object], environment: Mapping[str, str] | None) -> bytes:
    """The engine's settings of a client's arguments. Raises `ConfigError`, naming every argument of a wrong type."""
    from json import dumps

    written: dict[str, Any] = {}
    mistakes: list[str] = []
    for name, value in given.items():
        if value is None:
            continue
        wire, convert = _CLIENT[name]
        try:
            written[wire] = convert(value)
        except ValueError as error:
            mistakes.append(f"`{name}` {error}{_instead(value)}")
    if mistakes:
        raise ConfigError(f"the client cannot be made: {'; '.join(mistakes)}")
    if environment is not None:
        written["environment"] = dict(environment)
    return dumps(written).encode()


def options_json(options: object, method: str) -> bytes | None:
    """The engine's options of a call's. Raises `TypeError`, naming the option."""
    if not options:
        return None
    from json import dumps

    if not isinstance(options, Mapping):
        raise TypeError(f"{method} argument `options` must be a dict, not {type(options).__name__}")
    written: dict[str, Any] = {}
    for name, value in cast("Mapping[str, object]", options).items():
        known = _CALL.get(name)
        if known is None:
            raise TypeError(f"{method} argument `options` has no key `{name}`; it takes {', '.join(_CALL)}")
        wire, convert = known
        try:
            written[wire] = convert(value)
        except ValueError as error:
            raise TypeError(f"{method} argument `options[{name!r}]` {error}{_instead(value)}") from None
    return dumps(written).encode()
