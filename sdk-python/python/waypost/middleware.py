"""A program's own code around every attempt: to add a header that changes with time, to count, to trace.

A middleware is a `Middleware`, or a function that is called before each attempt with the `Exchange`. It sees each attempt, not each call, so a
retry passes it again. What it raises ends the call and is raised by it.

Example:
    ```python
    class Timing(waypost.Middleware):
        def before(self, exchange):
            return {"X-Caller": "nightly-batch"}        # added to the request

        def after(self, exchange):
            print(exchange.method, exchange.url, exchange.status or exchange.failure, f"{exchange.elapsed_s:.3f} s")

    client = waypost.Client(middleware=[Timing()])
    ```
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Union, cast

if TYPE_CHECKING:
    from ._native import Exchange as Exchange

__all__ = ["AnyMiddleware", "Exchange", "Middleware"]

Added = Union[Mapping[str, str], None]
"""Headers to add to the request, which replace those of the same name."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # The engine is loaded with the first client, not with this module.
        if name == "Exchange":
            from ._engine import native

            return native.Exchange
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class Middleware:
    """Sees every attempt. Both methods do nothing unless they are written; in an `AsyncClient` they may be `async def`."""

    def before(self, exchange: Exchange) -> Added | Awaitable[Added]:
        """Called before an attempt is sent, with its request.

        Args:
            exchange: `operation`, `attempt` (from 1), `method`, `url` and `headers`, credentials included.

        Returns:
            Headers to add, or `None`.
        """
        return None

    def after(self, exchange: Exchange) -> Awaitable[None] | None:
        """Called when the head of an answer is there, whatever its status, or none came.

        Args:
            exchange: As before, and `status`, `response_headers` and `elapsed_s`, or `failure` and `message`.
        """
        return None


AnyMiddleware = Union[Middleware, "Callable[[Exchange], Added | Awaitable[Added]]"]
"""What a client takes: a `Middleware`, or a function that is called as its `before`."""


def hooks(
    middleware: Sequence[AnyMiddleware],
) -> tuple[Callable[[Exchange], object] | None, Callable[[Exchange], object] | None]:
    """The engine's two hooks of a client's middleware: first to last before an attempt, last to first after it."""
    before: list[Callable[[Exchange], object]] = []
    after: list[Callable[[Exchange], object]] = []
    for one in middleware:
        if isinstance(one, Middleware):
            # A method that is not written costs nothing.
            if type(one).before is not Middleware.before:
                before.append(one.before)
            if type(one).after is not Middleware.after:
                after.insert(0, one.after)
        elif callable(one):
            before.append(one)
        else:
            raise TypeError(f"`middleware` must hold Middleware or functions, not {type(one).__name__}")
    return (_chain(before) if before else None), (_chain(after) if after else None)


def _chain(functions: Sequence[Callable[[Exchange], object]]) -> Callable[[Exchange], object]:
    def run(exchange: Exchange) -> object:
        added: list[tuple[str, str]] = []
        for index, function in enumerate(functions):
            answer = function(exchange)
            if isinstance(answer, Awaitable):
                return rest(exchange, cast("Awaitable[object]", answer), added, functions[index + 1 :])
            added.extend(_pairs(answer))
        return added

    async def rest(
        exchange: Exchange,
        answer: Awaitable[object],
        added: list[tuple[str, str]],
        functions: Sequence[Callable[[Exchange], object]],
    ) -> object:
        added.extend(_pairs(await answer))
        for function in functions:
            later = function(exchange)
            added.extend(_pairs(await cast("Awaitable[object]", later) if isinstance(later, Awaitable) else later))
        return added

    return run


def _pairs(answer: object) -> Iterable[tuple[str, str]]:
    if answer is None:
        return ()
    if isinstance(answer, Mapping):
        return [(str(name), str(value)) for name, value in cast("Mapping[object, object]", answer).items()]
    raise TypeError(f"a middleware must return headers as a dict, or None, not {type(answer).__name__}")
