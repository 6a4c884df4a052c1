"""A call's value together with the answer that it came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from ._headers import Headers
    from ._native import Answer
    from .errors import Attempt

__all__ = ["Head", "RawResponse"]

T = TypeVar("T")


class Head:
    """What is known of an answer beside its body."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Answer) -> None:
        """Made by the client."""
        self._answer = answer

    @property
    def status(self) -> int:
        """The status: 200 to 299."""
        return self._answer.status

    @property
    def headers(self) -> Headers:
        """The headers."""
        from ._headers import Headers

        return Headers(self._answer.headers)

    @property
    def request_id(self) -> str | None:
        """The request's id, to quote to the server's operator."""
        return self._answer.request_id

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt of the call, the successful one last."""
        from json import loads

        from .errors import attempts_of

        return attempts_of(loads(self._answer.attempts))

    @property
    def method(self) -> str:
        """The request's method: `GET`."""
        return self._answer.method

    @property
    def url(self) -> str:
        """Where the request went, without its query."""
        return self._answer.url


class RawResponse(Head, Generic[T]):
    """An answer and the value in it.

    Example:
        ```python
        response = client.wallets.with_raw_response.get(wallet_id)
        print(response.status, response.headers["etag"], len(response.attempts), response.parsed.balance)
        ```
    """

    __slots__ = ("_parse", "_parsed")

    def __init__(self, answer: Answer, parse: Callable[[], T]) -> None:
        """Made by the client."""
        super().__init__(answer)
        self._parse: Callable[[], T] | None = parse
        self._parsed: T | None = None

    @property
    def parsed(self) -> T:
        """The value. Read when it is first asked for, so that a body that is not what it should be can still be looked at.

        Raises:
            waypost.errors.DecodeError: The body is not what the operation promises.
        """
        if self._parse is not None:
            self._parsed = self._parse()
            self._parse = None
        return cast("T", self._parsed)

    @property
    def body(self) -> bytes:
        """The body, as it came."""
        return self._answer.body

    @property
    def from_cache(self) -> bool:
        """The server confirmed (304) that the answer it gave before still holds, and the client had kept it."""
        return self._answer.from_cache

    def __repr__(self) -> str:
        """Status and request id."""
        return f"RawResponse(status={self.status}, request_id={self.request_id!r}, {len(self.body)} bytes)"
