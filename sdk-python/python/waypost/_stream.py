"""Answers that are read piece by piece: bytes, and server-sent events. Nothing is read ahead of the program.

The parts that wait come in two thin halves; what a piece is made into is written once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._raw import Head

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._bridge import AsyncStream
    from ._native import Answer, Stream
    from .errors import WaypostError

__all__ = ["AsyncByteStream", "AsyncEventStream", "ByteStream", "Event", "EventStream"]

T = TypeVar("T")

Fail = Callable[[Exception], "WaypostError"]
"""Makes the typed error of what the engine raised."""


class Event(Generic[T]):
    """One event of a stream."""

    __slots__ = ("data", "event", "id", "retry")

    event: str
    """What it is; empty where the server did not say."""
    data: T
    """What it says."""
    id: str | None
    """The last id that the stream gave: send it as the header `Last-Event-ID` to go on after it."""
    retry: float | None
    """How long the server wants a reader to wait before it comes again, in seconds, where it said so."""

    def __init__(self, event: str, data: T, id: str | None = None, retry: float | None = None) -> None:
        """Made by the client."""
        self.event = event
        self.data = data
        self.id = id
        self.retry = retry

    def __repr__(self) -> str:
        """What it is and says."""
        return f"Event(event={self.event!r}, id={self.id!r}, data={self.data!r})"


class _Lines:
    """Cuts pieces into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, piece: bytes) -> list[str]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.removesuffix(b"\r").decode("utf-8") for line in whole]

    def end(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8")] if rest else []


class _Events(Generic[T]):
    """Makes events of pieces."""

    def __init__(self, answer: Answer, parse: Callable[[bytes], Any] | None, fail: Fail) -> None:
        from ._engine import native

        self._parser = native.Events()
        self._answer = answer
        self._parse = parse
        self._fail = fail

    def push(self, piece: bytes) -> Iterator[Event[T]]:
        from ._engine import native

        try:
            found = self._parser.push(piece)
        except native.Failed as failed:
            raise self._fail(failed) from None
        for event, data, id, retry_ms in found:
            yield Event(event, self._read(data), id, None if retry_ms is None else retry_ms / 1000)

    def _read(self, data: str) -> Any:
        if self._parse is None:
            return data
        try:
            return self._parse(data.encode())
        except ValueError as error:
            message = f"an event of {self._answer.operation} is not what it promises: {error}"
            raise self._fail(self._answer.undecodable(message)) from None


class _Stream(Head):
    """A stream that is open, whoever reads it."""

    __slots__ = ("_fail", "_stream")

    def __init__(self, stream: Stream, fail: Fail) -> None:
        """Made by the client."""
        super().__init__(stream.answer)
        self._stream = stream
        self._fail = fail

    def __enter__(self) -> Self:
        """Itself; leaving the block ends the request, read or not."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the request, read or not."""
        self.close()

    def close(self) -> None:
        """Ends the request, read or not. May be called more than once."""
        self._stream.close()

    def _pieces(self) -> Iterator[bytes]:
        from ._engine import native

        while True:
            try:
                piece = self._stream.chunk()
            except native.Failed as failed:
                raise self._fail(failed) from None
            if piece is None:
                return
            yield piece

    def __repr__(self) -> str:
        """Status and request id."""
        return f"{type(self).__name__}(status={self.status}, request_id={self.request_id!r})"


class ByteStream(_Stream):
    """Bytes, piece by piece, as the server sends them.

    Example:
        ```python
        with client.wallets.statement(wallet_id, format="csv") as statement, open("statement.csv", "wb") as file:
            for piece in statement:
                file.write(piece)
        ```
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        """The pieces, as large as they come."""
        return self._pieces()

    def lines(self) -> Iterator[str]:
        """The text line by line, without line ends: for CSV and JSON lines."""
        lines = _Lines()
        for piece in self._pieces():
            yield from lines.push(piece)
        yield from lines.end()

    def read(self) -> bytes:
        """All that is left."""
        return b"".join(self._pieces())

    def text(self) -> str:
        """All that is left, as text."""
        return self.read().decode("utf-8")


class EventStream(_Stream, Generic[T]):
    """Server-sent events, as they come. A stream that breaks raises; the last event's `id` tells where to go on."""

    __slots__ = ("_parse",)

    def __init__(self, stream: Stream, fail: Fail, parse: Callable[[bytes], Any] | None) -> None:
        """Made by the client."""
        super().__init__(stream, fail)
        self._parse = parse

    def __iter__(self) -> Iterator[Event[T]]:
        """The events, until the server ends the stream."""
        events: _Events[T] = _Events(self._answer, self._parse, self._fail)
        for piece in self._pieces():
            yield from events.push(piece)


class _AsyncStream:
    """A stream that is opened when it is entered, awaited or iterated."""

    __slots__ = ("_fail", "_open", "_stream")

    def __init__(self, open: Callable[[], Awaitable[AsyncStream]], fail: Fail) -> None:
        """Made by the client."""
        self._open = open
        self._fail = fail
        self._stream: AsyncStream | None = None

    async def _opened(self) -> AsyncStream:
        if self._stream is None:
            self._stream = await self._open()
        return self._stream

    async def _self(self) -> Self:
        await self._opened()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        """Sends the request; itself, when the head of the answer is there."""
        return self._self().__await__()

    async def __aenter__(self) -> Self:
        """Sends the request; leaving the block ends it, read or not."""
        return await self._self()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the request, read or not."""
        self.close()

    def close(self) -> None:
        """Ends the request, read or not. May be called more than once."""
        if self._stream is not None:
            self._stream.close()

    @property
    def head(self) -> Head:
        """Status, headers, request id and attempts; there once the stream is open."""
        if self._stream is None:
            raise RuntimeError("the stream is not open yet: use `async with`, or await it")
        return Head(self._stream.answer)

    async def _pieces(self) -> AsyncIterator[bytes]:
        from ._engine import native

        stream = await self._opened()
        while True:
            try:
                piece = await stream.chunk()
            except native.Failed as failed:
                raise self._fail(failed) from None
            if piece is None:
                return
            yield piece

    def __repr__(self) -> str:
        """Status and request id."""
        if self._stream is None:
            return f"{type(self).__name__}(not open)"
        return f"{type(self).__name__}(status={self.head.status}, request_id={self.head.request_id!r})"


class AsyncByteStream(_AsyncStream):
    """Bytes, piece by piece, as the server sends them.

    Example:
        ```python
        async with client.wallets.statement(wallet_id, format="csv") as statement:
            async for line in statement.lines():
                print(line)
        ```
    """

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, as large as they come."""
        return self._pieces()

    async def lines(self) -> AsyncIterator[str]:
        """The text line by line, without line ends: for CSV and JSON lines."""
        lines = _Lines()
        async for piece in self._pieces():
            for line in lines.push(piece):
                yield line
        for line in lines.end():
            yield line

    async def read(self) -> bytes:
        """All that is left."""
        return b"".join([piece async for piece in self._pieces()])

    async def text(self) -> str:
        """All that is left, as text."""
        return (await self.read()).decode("utf-8")


class AsyncEventStream(_AsyncStream, Generic[T]):
    """Server-sent events, as they come. A stream that breaks raises; the last event's `id` tells where to go on."""

    __slots__ = ("_parse",)

    def __init__(
        self, open: Callable[[], Awaitable[AsyncStream]], fail: Fail, parse: Callable[[bytes], Any] | None
    ) -> None:
        """Made by the client."""
        super().__init__(open, fail)
        self._parse = parse

    async def __aiter__(self) -> AsyncIterator[Event[T]]:
        """The events, until the server ends the stream."""
        stream = await self._opened()
        events: _Events[T] = _Events(stream.answer, self._parse, self._fail)
        async for piece in self._pieces():
            for event in events.push(piece):
                yield event
