"""A fake of the API for a program's own tests: in the same process, without a socket, on a clock of its own.

The real client runs against it, retries, timeouts, limits and all; only the server is a script. Waits take no time, because the clock is moved
in place of waiting. It starts in about a millisecond.

Example:
    ```python
    from waypost import models
    from waypost.testing import FakeAPI, example

    def test_a_transfer_survives_a_bad_gateway():
        api = FakeAPI()
        api.on("wallets.transfer").problem(502, times=1).reply(example(models.Transfer))
        client = api.client()

        client.wallets.transfer("wal_1", to="wal_2", amount=500)

        first, second = api.calls
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert second.json() == {"to": "wal_2", "amount": 500}
    ```

With pytest there is a fixture, `waypost_api`, that is a `FakeAPI`.
"""

# The clients and routes keep from users what this module does with them.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, TypeVar, Union
from urllib.parse import parse_qs, unquote, urlsplit

from ._client import AsyncClient, Client, engine_client
from ._model import decoder, encode
from ._engine import native
from ._headers import Headers
from ._settings import BreakerOptions, BudgetOptions, CacheOptions

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._native import Attempted
    from .middleware import AnyMiddleware

__all__ = ["FakeAPI", "Fault", "Recorded", "Reply", "Route", "UnexpectedCall", "example"]

T = TypeVar("T")

Fault = Literal["connect", "tls", "reset", "interrupted", "timeout", "protocol", "request"]
"""Why no answer comes: no connection, a failed handshake, reset before a byte of the answer, broken off within it, too late, not HTTP, not sendable."""


class UnexpectedCall(AssertionError):
    """The program called something that the test has no answer for."""


class ClientSettings(TypedDict, total=False):
    """What `FakeAPI.client` takes: arguments of `waypost.Client` that mean something without a network."""

    api_key: str
    access_token: str
    tenant: str
    api_version: str
    timeout: float
    deadline: float
    max_retries: int
    backoff_base: float
    backoff_cap: float
    budget: Union[BudgetOptions, bool]
    breaker: Union[BreakerOptions, bool]
    cache: Union[CacheOptions, bool]
    pacing: bool
    trace: bool
    max_answer_bytes: int
    headers: Mapping[str, str]
    user_agent: str
    middleware: Sequence[AnyMiddleware]


class Recorded:
    """A request that the fake was asked to answer: one attempt of a call."""

    __slots__ = ("at", "attempt", "body", "headers", "method", "operation", "path", "query", "timeout", "url")

    def __init__(self, attempted: Attempted) -> None:
        """Made by the fake."""
        parts = urlsplit(attempted.url)
        self.operation: Final[str] = attempted.operation
        """The operation's id: `wallets_get`."""
        self.attempt: Final[int] = attempted.attempt
        """From 1."""
        self.method: Final[str] = attempted.method
        """`GET`."""
        self.url: Final[str] = attempted.url
        """All of it."""
        self.path: Final[str] = unquote(parts.path)
        """`/v1/wallets/wal_1`."""
        self.query: Final[dict[str, list[str]]] = parse_qs(parts.query, keep_blank_values=True)
        """Query parameters; each may have come more than once."""
        self.headers: Final[Headers] = Headers(attempted.headers)
        """What was sent, credentials included."""
        self.body: Final[bytes] = attempted.body
        """Empty where the operation has none."""
        self.timeout: Final[float] = attempted.timeout_ms / 1000
        """What the attempt was given, in seconds."""
        self.at: Final[float] = attempted.elapsed_ms / 1000
        """When, by the fake's clock, in seconds since it began."""

    def json(self) -> Any:
        """The body, read as JSON."""
        return decoder(Any)(self.body)

    def __repr__(self) -> str:
        """What was called; credentials are not shown."""
        return f"Recorded({self.operation}, attempt {self.attempt}, {self.method} {native.redact_url(self.url)})"


class Reply:
    """An answer that a function given to `Route.handle` may return."""

    __slots__ = ("_native",)

    def __init__(
        self,
        value: object = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        after: float = 0.0,
        body_after: float = 0.0,
        fault: Fault | None = None,
        sent: bool = True,
        body_fault: Fault | None = None,
    ) -> None:
        """An answer, or a fault in its place.

        Args:
            value: What is sent as JSON: a model, or whatever JSON can hold. `None`: see `body`.
            status: The status.
            headers: Headers; `content-type` is made unless given.
            body: The body as it is; text is sent as UTF-8.
            after: How long after the request the answer begins, in seconds. More than the timeout is a timeout.
            body_after: How long after that the body is there, in seconds.
            fault: Why no answer comes at all.
            sent: With a `fault`: may a byte of the request have left?
            body_fault: Why the body breaks off.
        """
        written = encode(value) if body is None and value is not None else body or b""
        kept = {name.lower(): text for name, text in (headers or {}).items()}
        if written and "content-type" not in kept:
            kept["content-type"] = "application/json" if body is None else "text/plain; charset=utf-8"
        self._native = native.Reply(
            status,
            list(kept.items()),
            written,
            after_ms=after * 1000,
            body_after_ms=body_after * 1000,
            failure=fault,
            bytes_sent=sent,
            body_failure=body_fault,
        )


Handler = Callable[[Recorded], Reply]


class Route:
    """How one operation is answered: what `reply`, `problem`, `fail` and `handle` add is used in turn, one an attempt. The last one stays."""

    def __init__(self, operation: str, where: Callable[[Recorded], bool] | None) -> None:
        """Made by `FakeAPI.on`."""
        self._operation = operation
        self._where = where
        self._answers: list[tuple[Handler, int | None]] = []
        self.calls: Final[list[Recorded]] = []
        """What was answered by this, in the order it came."""

    def reply(
        self,
        value: object = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        after: float = 0.0,
        body_after: float = 0.0,
        body_fault: Fault | None = None,
        times: int | None = None,
    ) -> Self:
        """Answers.

        Args:
            value: As of `Reply`.
            status: As of `Reply`.
            headers: As of `Reply`.
            body: As of `Reply`.
            after: As of `Reply`, in seconds.
            body_after: As of `Reply`, in seconds.
            body_fault: As of `Reply`.
            times: For so many attempts; once unless given, and on and on if it is the last.
        """
        answer = Reply(
            value, status=status, headers=headers, body=body, after=after, body_after=body_after, body_fault=body_fault
        )
        return self.handle(lambda _: answer, times=times)

    def problem(
        self,
        status: int,
        code: str | None = None,
        detail: str | None = None,
        *,
        errors: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> Self:
        """Answers with an error, as the API describes one (RFC 9457).

        Args:
            status: 400 to 599.
            code: The stable word: `insufficient_funds`.
            detail: For a person.
            errors: What is wrong with each field, by its JSON pointer.
            retry_after: Sent as `Retry-After`, in seconds.
            headers: Further headers.
            times: As of `reply`.
        """
        members: dict[str, Any] = {"type": "about:blank", "title": code or f"status {status}", "status": status}
        members |= {name: value for name, value in (("code", code), ("detail", detail)) if value is not None}
        if errors:
            members["errors"] = [
                {"pointer": pointer, "code": "invalid", "detail": text} for pointer, text in errors.items()
            ]
        sent = {"content-type": "application/problem+json", **(headers or {})}
        if retry_after is not None:
            sent["retry-after"] = str(retry_after)
        return self.reply(members, status=status, headers=sent, times=times)

    def fail(self, fault: Fault, *, sent: bool = True, after: float = 0.0, times: int | None = None) -> Self:
        """Gives no answer.

        Args:
            fault: Why.
            sent: May a byte of the request have left? What must never be sent twice is tried again only where none has.
            after: How long after the request, in seconds.
            times: As of `reply`.
        """
        answer = Reply(fault=fault, sent=sent, after=after)
        return self.handle(lambda _: answer, times=times)

    def pages(self, *pages: Sequence[object]) -> Self:
        """Answers a list with these pages, whichever is asked for by its cursor."""

        def page(request: Recorded) -> Reply:
            index = int(request.query.get("cursor", ["page_0"])[0].removeprefix("page_"))
            more = index + 1 < len(pages)
            items = list(pages[index]) if pages else []
            return Reply({"data": items, "next_cursor": f"page_{index + 1}" if more else None, "has_more": more})

        return self.handle(page)

    def handle(self, handler: Callable[[Recorded], Reply], *, times: int | None = None) -> Self:
        """Answers with what a function returns for the request.

        Args:
            handler: Called for each attempt. What it raises ends the call and is raised by it.
            times: As of `reply`.
        """
        self._answers.append((handler, times))
        return self

    def _takes(self, request: Recorded) -> bool:
        return self._operation in ("*", request.operation) and (self._where is None or self._where(request))

    def _next(self, request: Recorded) -> Handler:
        if not self._answers:
            raise UnexpectedCall(f"api.on({self._operation!r}) has no answer; add .reply(...), .problem(...) or .fail(...)")
        handler, times = self._answers[0]
        left = (times or 1) - 1
        if len(self._answers) > 1 and left == 0:
            self._answers.pop(0)
        elif len(self._answers) > 1:
            self._answers[0] = (handler, left)
        elif times is not None:
            if times == 0:
                raise UnexpectedCall(f"{request.operation} was called more often than the test has answers for")
            self._answers[0] = (handler, times - 1)
        self.calls.append(request)
        return handler


class FakeAPI:
    """A fake of the API.

    Example:
        ```python
        api = FakeAPI()
        api.on("wallets.get").reply({"id": "wal_1", ...})
        client = api.client(max_retries=0)
        ```
    """

    def __init__(self) -> None:
        """A server that has no answers yet, on a clock that begins at 2023-11-14T22:13:20Z."""
        self._routes: list[Route] = []
        self._lock = threading.Lock()
        # The same waits and keys at each run of a test.
        self._scripted = native.Scripted(self._attempt, bytes(range(32)))
        self.calls: Final[list[Recorded]] = []
        """Every attempt of every call, in the order they came."""

    def on(self, operation: str, *, where: Callable[[Recorded], bool] | None = None) -> Route:
        """How calls of an operation are answered. What is added later is asked first.

        Args:
            operation: `wallets.create` or `wallets_create`; `*`: every one.
            where: Only the requests of which this is true.

        Raises:
            ValueError: There is no such operation.
        """
        known = native.operations()
        id = operation.replace(".", "_")
        if id != "*" and native.describe(id) is None:
            close = get_close_matches(id, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
            raise ValueError(f"there is no operation {operation!r}{hint}")
        route = Route(id, where)
        with self._lock:
            self._routes.insert(0, route)
        return route

    def calls_of(self, operation: str) -> list[Recorded]:
        """Every attempt of one operation."""
        id = operation.replace(".", "_")
        return [call for call in self.calls if call.operation == id]

    def client(self, **settings: Unpack[ClientSettings]) -> Client:
        """A client of this fake.

        Args:
            **settings: As of `waypost.Client`. The environment is not read.
        """
        return Client._of(self._engine(settings))

    def async_client(self, **settings: Unpack[ClientSettings]) -> AsyncClient:
        """An async client of this fake.

        Args:
            **settings: As of `waypost.AsyncClient`. The environment is not read.
        """
        return AsyncClient._of(self._engine(settings))

    @property
    def elapsed(self) -> float:
        """What the fake's clock says, in seconds: all the time that calls would have taken."""
        return self._scripted.elapsed_ms / 1000

    @property
    def waits(self) -> list[float]:
        """Each wait between attempts of the last call, in seconds."""
        return [wait / 1000 for wait in self._scripted.waits_ms]

    def advance(self, seconds: float) -> None:
        """Lets time pass: a rate limit's window, what the breaker waits for."""
        self._scripted.advance(seconds * 1000)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    def _engine(self, settings: Mapping[str, Any]) -> Any:
        given = dict(settings)
        middleware = given.pop("middleware", ())
        if not given.keys() & {"api_key", "access_token"}:
            given["api_key"] = "wp_test_key"
        allowed = ClientSettings.__optional_keys__
        for name in given:
            if name not in allowed:
                raise TypeError(f"a client of a fake has no setting `{name}`; it takes {', '.join(sorted(allowed))}")
        return engine_client({"base_url": "https://api.waypost.test", **given}, middleware, {}, self._scripted)

    def _attempt(self, attempted: Attempted) -> Any:
        request = Recorded(attempted)
        with self._lock:
            self.calls.append(request)
            route = next((route for route in self._routes if route._takes(request)), None)
            if route is None:
                raise UnexpectedCall(
                    f"{request.method} {request.path} ({request.operation}) was called and the test has no answer for it; "
                    f"add api.on({request.operation!r}).reply(...)"
                )
            handler = route._next(request)
        # Not under the lock: it may make calls of its own.
        return handler(request)._native


def example(kind: type[T], **fields: object) -> T:
    """A model with every required field filled in, so that a test says only what matters to it.

    Args:
        kind: The model: `models.Wallet`. Of a union, `models.Event`, the variant whose `type` is given, else the first.
        **fields: What matters; everything else is made up (text `"string"`, numbers 0, times 2026-01-01T00:00:00Z, lists as short as
            they may be). A model that is any JSON object, `dict[str, Any]`, holds what is given alone.

    Raises:
        TypeError: The model has no such field, or `kind` is no model.

    Example:
        ```python
        example(models.Wallet, balance=500, currency="EUR")
        ```
    """
    from ._example import made_up

    return made_up(kind, fields)
