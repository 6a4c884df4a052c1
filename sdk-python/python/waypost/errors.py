"""The errors of a call: one class for each thing that a program can do about it.

```text
WaypostError
├── APIError                    the server answered with an error
│   ├── BadRequestError         400, and every other 4xx without a class of its own
│   ├── AuthenticationError     401
│   ├── PermissionDeniedError   403
│   ├── NotFoundError           404
│   ├── ConflictError           409
│   ├── GoneError               410
│   ├── UnprocessableError      422
│   │   └── ValidationError     the wrong fields are named, by the server or before anything was sent
│   ├── RateLimitedError        429
│   └── ServerError             5xx
├── TransportError              there is no answer
│   ├── ConnectionError         no connection, or it broke (also a builtin ConnectionError)
│   ├── TimeoutError            an attempt's timeout or the call's deadline passed (also a builtin TimeoutError)
│   ├── CancelledError          the client was closed under the call
│   └── CircuitOpenError        the circuit breaker is open: nothing was sent
├── DecodeError                 an answer came and is not what the contract says
├── OAuthError                  no access token could be had: refused, or somebody has to sign in
├── ConfigError                 the client or the call is set up wrongly: nothing was sent
│   └── ClosedError             the client is closed
└── WebhookError                a webhook's signature does not hold
```

Promises: an error tells what happened, to what, and what to do (`hint`); it holds and prints no credential; it can be pickled and copied. Text
is never parsed to find out what happened: the class, `status` and `code` say it. A wrong argument is a plain `TypeError`.

Example:
    ```python
    try:
        client.wallets.debit(wallet_id, amount=1_000_00)
    except waypost.errors.UnprocessableError as error:
        if error.code != "insufficient_funds":
            raise
        print(f"not enough money: {error}")
    ```
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = [
    "APIError",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "CancelledError",
    "CircuitOpenError",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "ConnectionError",
    "DecodeError",
    "FieldError",
    "GoneError",
    "NotFoundError",
    "OAuthError",
    "PermissionDeniedError",
    "Problem",
    "RateLimitedError",
    "ServerError",
    "TimeoutError",
    "TransportError",
    "UnprocessableError",
    "ValidationError",
    "WaypostError",
    "WebhookError",
]


class Attempt(NamedTuple):
    """One attempt of a call."""

    number: int
    """From 1."""
    delay: float
    """How long the client waited before it, in seconds."""
    duration: float
    """From sending to the end of the answer, in seconds."""
    status: int | None = None
    """The answer's status, when its head came."""
    cause: str | None = None
    """Why it failed: `connect`, `tls`, `reset`, `interrupted`, `timeout`, `protocol`, `request`, `status`, `decode`; `None`: it did not."""
    request_id: str | None = None
    """From `X-Request-Id`."""


class FieldError(NamedTuple):
    """One wrong field of a request."""

    pointer: str
    """A JSON pointer (RFC 6901) into the body, or the parameter's name."""
    code: str
    """A stable word: `required`, `minimum`."""
    detail: str
    """For a person."""


class Problem(NamedTuple):
    """What the server said about an error (RFC 9457). Every member may be missing."""

    type: str | None = None
    """A URI that names the type of problem."""
    title: str | None = None
    """The type in a few words."""
    status: int | None = None
    """The status as the body says it; the answer's own is on the error."""
    detail: str | None = None
    """This occurrence, for a person."""
    instance: str | None = None
    """A URI of this occurrence."""
    code: str | None = None
    """A stable word to compare with: `insufficient_funds`."""
    request_id: str | None = None
    """The request's id."""
    retry_after: int | None = None
    """Seconds after which another try makes sense."""
    errors: tuple[FieldError, ...] = ()
    """Every wrong field, where the server named them."""
    extra: Mapping[str, Any] = {}
    """Members that this version does not know."""

    @classmethod
    def of_members(cls, members: Mapping[str, Any]) -> Problem:
        """Reads it from a problem's members."""
        known = {name: members[name] for name in cls._fields if name in members}
        known["errors"] = tuple(
            FieldError(str(one.get("pointer", "")), str(one.get("code", "")), str(one.get("detail", "")))
            for one in members.get("errors") or ()
        )
        known["extra"] = {name: value for name, value in members.items() if name not in cls._fields}
        return cls(**known)


class WaypostError(Exception):
    """The base of every error of this package."""

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        problem: Problem | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: Sequence[Attempt] = (),
        operation: str | None = None,
        method: str | None = None,
        url: str | None = None,
        excerpt: str | None = None,
    ) -> None:
        """Made by the client; a program's own tests may make one as well.

        Args:
            message: What happened.
            hint: What to do about it.
            status: The last answer's status.
            code: The problem's word; the problem's own unless given.
            problem: What the server said.
            request_id: The request's id.
            retry_after: How long the server asked to wait, in seconds.
            attempts: Every attempt.
            operation: The operation's id: `wallets_get`.
            method: `GET`.
            url: Where it went, without query and credentials.
            excerpt: The beginning of the answer's body, where it was no problem.
        """
        super().__init__(message)
        self._message = message
        self._hint = hint or None
        self._status = status
        self._code = code if code is not None or problem is None else problem.code
        self._problem = problem
        self._request_id = request_id
        self._retry_after = retry_after
        self._attempts = tuple(attempts)
        self._operation = operation
        self._method = method
        self._url = url
        self._excerpt = excerpt

    @property
    def message(self) -> str:
        """What happened, without the rest of `str(error)`."""
        return self._message

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        return self._hint

    @property
    def status(self) -> int | None:
        """The last answer's status."""
        return self._status

    @property
    def code(self) -> str | None:
        """The problem's stable word: `insufficient_funds`."""
        return self._code

    @property
    def problem(self) -> Problem | None:
        """What the server said."""
        return self._problem

    @property
    def request_id(self) -> str | None:
        """The request's id, to quote to the server's operator."""
        return self._request_id

    @property
    def retry_after(self) -> float | None:
        """How long the server asked to wait, in seconds."""
        return self._retry_after

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt, the last one last; empty when nothing was sent."""
        return self._attempts

    @property
    def operation(self) -> str | None:
        """The operation's id: `wallets_get`."""
        return self._operation

    @property
    def method(self) -> str | None:
        """The request's method: `GET`."""
        return self._method

    @property
    def url(self) -> str | None:
        """Where the request went, without query and credentials."""
        return self._url

    @property
    def excerpt(self) -> str | None:
        """The beginning of the answer's body, where it was no problem: one line of at most 200 characters."""
        return self._excerpt

    def __str__(self) -> str:
        """What happened; to what, in brackets; what to do."""
        about = [" ".join(part for part in (self._method, self._url) if part)]
        if self._request_id:
            about.append(f"request {self._request_id}")
        if self._attempts:
            about.append("1 attempt" if len(self._attempts) == 1 else f"{len(self._attempts)} attempts")
        if self._retry_after is not None:
            about.append(f"retry after {self._retry_after:g} s")
        brackets = ", ".join(part for part in about if part)
        text = f"{self._message} ({brackets})" if brackets else self._message
        return f"{text}. {self._hint}" if self._hint else text

    def __repr__(self) -> str:
        """The class and what is known, for a log."""
        shown = {
            "status": self._status,
            "code": self._code,
            "operation": self._operation,
            "request_id": self._request_id,
            "retry_after": self._retry_after,
            "attempts": len(self._attempts) or None,
        }
        parts = [repr(self._message), *(f"{name}={value!r}" for name, value in shown.items() if value is not None)]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Callable[..., WaypostError], tuple[Any, ...]]:
        """Pickles and copies what is known; a traceback and a cause stay behind, as with every exception."""
        return _rebuild, (type(self), dict(self.__dict__))


class APIError(WaypostError):
    """The server answered with an error: `status`, and `code` where it said one."""

    _STATUS: int = 500

    @property
    def status(self) -> int:
        """The answer's status."""
        return self._STATUS if self._status is None else self._status


class BadRequestError(APIError):
    """400, and every other 4xx that has no class of its own: the request is wrong."""

    _STATUS = 400


class AuthenticationError(APIError):
    """401: the credentials are missing, wrong or expired."""

    _STATUS = 401


class PermissionDeniedError(APIError):
    """403: the caller may not do this."""

    _STATUS = 403


class NotFoundError(APIError):
    """404: there is no such thing, or not for this caller."""

    _STATUS = 404


class ConflictError(APIError):
    """409: the state of the thing does not allow it, or the same idempotency key is in flight."""

    _STATUS = 409


class GoneError(APIError):
    """410: it was there and is no more."""

    _STATUS = 410


class UnprocessableError(APIError):
    """422: understood, and its values are wrong."""

    _STATUS = 422


class ValidationError(UnprocessableError):
    """422 that names the wrong fields. Also raised before anything is sent (`attempts` is empty then) for a bound that the contract states."""

    @property
    def fields(self) -> dict[str, str]:
        """What is wrong with each field, by its JSON pointer: `{"/amount": "must be at least 1"}`."""
        found: dict[str, str] = {}
        for one in self._problem.errors if self._problem else ():
            found[one.pointer] = f"{found[one.pointer]}; {one.detail}" if one.pointer in found else one.detail
        return found


class RateLimitedError(APIError):
    """429, or a request held back because the server had asked for it: `retry_after` says how long."""

    _STATUS = 429


class ServerError(APIError):
    """5xx: the server failed."""

    _STATUS = 500


class TransportError(WaypostError):
    """There is no answer."""


class ConnectionError(TransportError, builtins.ConnectionError):
    """No connection, or it broke before the answer was complete."""


class TimeoutError(TransportError, builtins.TimeoutError):
    """An attempt's timeout or the call's deadline passed."""


class CancelledError(TransportError):
    """The call was given up: the client was closed while it was in flight. (A cancelled task raises `asyncio.CancelledError` as ever.)"""


class CircuitOpenError(TransportError):
    """The circuit breaker is open: nothing was sent."""


class DecodeError(WaypostError):
    """An answer came and is not what the contract says: not JSON, cut short, or of another shape."""


class OAuthError(WaypostError):
    """No access token could be had: the authorization server refused, or somebody has to sign in (again)."""

    def __init__(
        self,
        message: str = "",
        *,
        error: str | None = None,
        error_description: str | None = None,
        error_uri: str | None = None,
        **known: Any,
    ) -> None:
        """Made by the client.

        Args:
            message: What happened.
            error: See `error`.
            error_description: See `error_description`.
            error_uri: See `error_uri`.
            known: As of `WaypostError`.
        """
        super().__init__(message, **known)
        self._error = error
        self._error_description = error_description
        self._error_uri = error_uri

    @property
    def error(self) -> str | None:
        """The authorization server's word (RFC 6749, section 5.2): `invalid_grant`, `invalid_client`; of a sign-in
        also one of the package's own: `state_mismatch`. `None` where there is none."""
        return self._error

    @property
    def error_description(self) -> str | None:
        """What the authorization server says about it."""
        return self._error_description

    @property
    def error_uri(self) -> str | None:
        """Where the authorization server says more."""
        return self._error_uri


class ConfigError(WaypostError):
    """The client or the call is set up wrongly: nothing was sent. Every mistake is named, not only the first."""


class ClosedError(ConfigError):
    """The client is closed."""


class WebhookError(WaypostError):
    """A webhook is not what the holder of the secret sent, or it is too old."""

    def __init__(self, message: str = "", *, reason: str = "signature", hint: str | None = None) -> None:
        """Made by `waypost.webhooks`.

        Args:
            message: What happened.
            reason: See `reason`.
            hint: What to do about it.
        """
        super().__init__(message, hint=hint)
        self._reason = reason

    @property
    def reason(self) -> str:
        """What does not hold: `secret` (no usable secret), `id`, `missing_header`, `timestamp` (not a number), `too_old`, `too_new`, `signature`."""
        return self._reason


_OF_KIND: Final[dict[str, type[WaypostError]]] = {
    "bad_request": BadRequestError,
    "authentication": AuthenticationError,
    "permission_denied": PermissionDeniedError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "gone": GoneError,
    "unprocessable": UnprocessableError,
    "rate_limited": RateLimitedError,
    "server": ServerError,
    "connection": ConnectionError,
    "timeout": TimeoutError,
    "cancelled": CancelledError,
    "circuit_open": CircuitOpenError,
    "decode": DecodeError,
    "oauth": OAuthError,
    "config": ConfigError,
}


def _rebuild(kind: type[WaypostError], state: dict[str, Any]) -> WaypostError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state.get("_message", ""),)
    return error


def attempts_of(reported: Sequence[Mapping[str, Any]]) -> tuple[Attempt, ...]:
    """The engine's attempts, with times in seconds."""
    return tuple(
        Attempt(
            one["number"],
            one["delay_ms"] / 1000,
            one["duration_ms"] / 1000,
            one.get("status"),
            one.get("cause"),
            one.get("request_id"),
        )
        for one in reported
    )


def of_report(report: Mapping[str, Any]) -> WaypostError:
    """The typed error of what the engine reports."""
    kind = _OF_KIND.get(report["kind"], WaypostError)
    members = report.get("problem")
    problem = Problem.of_members(members) if members else None
    if kind is UnprocessableError and problem is not None and problem.errors:
        kind = ValidationError
    oauth = report.get("oauth") if kind is OAuthError else None
    more = {name: oauth.get(name) for name in ("error", "error_description", "error_uri")} if oauth else {}
    return kind(
        report["message"],
        hint=report.get("hint"),
        status=report.get("status"),
        code=report.get("code"),
        problem=problem,
        request_id=report.get("request_id"),
        retry_after=report.get("retry_after_s"),
        attempts=attempts_of(report.get("attempts") or ()),
        operation=report.get("operation"),
        method=report.get("method"),
        url=report.get("url"),
        excerpt=report.get("excerpt"),
        **more,
    )
