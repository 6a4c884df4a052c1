"""What the sync and the async client share: from a method's arguments to the engine's, and from its answer to a value or a typed error.

Each of the two callers below is the part that waits, and nothing else.
"""

from __future__ import annotations

from functools import partial
from json import loads
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _log, errors
from ._engine import native
from ._options import CallOptions
from ._paging import AsyncPage, AsyncPager, Fetched, Page
from ._raw import RawResponse
from ._settings import options_json
from ._stream import AsyncByteStream, AsyncEventStream, ByteStream, EventStream

if TYPE_CHECKING:
    from ._call import EventOperation, ListOperation, Operation, StreamOperation, Described
    from ._native import Answer

__all__ = ["AsyncCalls", "Calls", "client_error"]

T = TypeVar("T")

# What crosses to the engine: the operation's id, parameters, body, options.
Request = tuple[str, tuple[tuple[str, str], ...], "bytes | None", "bytes | None"]

# logging's levels: the module is not asked for them at every call.
_INFO, _WARNING, _ERROR = 20, 30, 40


def client_error(failed: Exception, client: Any = None) -> errors.WaypostError:
    """The typed error of what the engine raised; told apart when the client was closed."""
    report = loads(failed.args[0])
    if client is not None and client.closed and report["kind"] in ("config", "cancelled") and report["status"] is None:
        if report["kind"] == "config":
            return errors.ClosedError(
                "the client is closed", hint="Make a new client, or close it later", operation=report["operation"]
            )
        report["hint"] = report["hint"] or "The client was closed while the call was under way"
    return errors.of_report(report)


class _Shared:
    """One engine client, seen from Python."""

    __slots__ = ("_answers_raw", "_logs", "native")

    def __init__(self, client: Any, *, raw: bool = False) -> None:
        self.native = client
        self._answers_raw = raw
        self._logs = _log.logger.isEnabledFor

    def raw(self) -> Any:
        """The same, answering with `RawResponse`s."""
        return type(self)(self.native, raw=True)

    def request(
        self, operation: Described, values: tuple[object, ...], body: object, options: CallOptions | None
    ) -> Request:
        """What goes to the engine. Raises `TypeError`, naming the argument."""
        return (
            operation.id,
            operation.pairs(values),
            None if operation.body is None else operation.encode(body),
            None if options is None else options_json(options, operation.method),
        )

    def fail(self, failed: Exception) -> errors.WaypostError:
        """The typed error of what the engine raised, logged."""
        error = client_error(failed, self.native)
        if self._logs(_ERROR):
            _log.failed(error)
        return error

    def result(self, operation: Described, answer: Answer) -> Any:
        """The value of an answer."""
        if self._logs(_INFO) or (answer.retried and self._logs(_WARNING)):
            _log.succeeded(answer, errors.attempts_of(loads(answer.attempts)))
        if self._answers_raw:
            return RawResponse(answer, partial(self.parse, operation, answer))
        return self.parse(operation, answer)

    def parse(self, operation: Described, answer: Answer) -> Any:
        """Reads an answer's body."""
        try:
            return operation.parse(answer.body)
        except ValueError as error:
            # msgspec's errors and a text that is no UTF-8 are both this.
            message = f"the body is not what {operation.id} promises: {error}"
            raise client_error(answer.undecodable(message)) from None

    def fetched(self, operation: ListOperation[T], request: Request, answer: Answer) -> Fetched[T]:
        """Reads a page."""
        model = self.parse(operation, answer)
        data = getattr(model, operation.items, None)
        cursor = getattr(model, operation.next_cursor, None)
        more = getattr(model, operation.has_more, None)
        asked = next((value for name, value in request[1] if name == operation.cursor), None)
        return Fetched(
            asked,
            model,
            cast("list[T]", data if isinstance(data, list) else []),
            cursor if isinstance(cursor, str) else None,
            # Without a flag, a cursor means more.
            more if isinstance(more, bool) else isinstance(cursor, str),
        )

    def after(self, operation: ListOperation[Any], request: Request, cursor: str) -> Request:
        """The request for the page at this cursor."""
        id, pairs, body, options = request
        kept = tuple(pair for pair in pairs if pair[0] != operation.cursor)
        return id, (*kept, (operation.cursor, cursor)), body, options


class Calls(_Shared):
    """The caller of the sync resources."""

    __slots__ = ()

    def call(
        self,
        operation: Operation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> T:
        """Makes the call."""
        # `request` and `_send` written out: each function on the way costs a part of what a call costs.
        encoded = None if operation.body is None else operation.encode(body)
        chosen = None if options is None else options_json(options, operation.method)
        try:
            answer: Answer = self.native.call(operation.id, operation.pairs(values), encoded, chosen)
        except native.Failed as failed:
            raise self.fail(failed) from None
        return cast("T", self.result(operation, answer))

    def list(
        self,
        operation: ListOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> Page[T]:
        """Asks for the first page."""
        request = self.request(operation, values, body, options)
        if not self._answers_raw:
            return self._page(operation, request)
        answer = self._send(request)
        return cast("Page[T]", RawResponse(answer, lambda: self._page(operation, request, answer)))

    def _page(self, operation: ListOperation[T], request: Request, answer: Answer | None = None) -> Page[T]:
        answer = answer or self._send(request)
        return Page(
            self.fetched(operation, request, answer),
            self.fail,
            lambda cursor: self._page(operation, self.after(operation, request, cursor)),
        )

    def stream(
        self,
        operation: StreamOperation,
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> ByteStream:
        """Begins to read a streamed answer."""
        return ByteStream(self._open(self.request(operation, values, body, options)), self.fail)

    def events(
        self,
        operation: EventOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> EventStream[T]:
        """Begins to read events."""
        stream = self._open(self.request(operation, values, body, options))
        return EventStream(stream, self.fail, None if operation.result is None else operation.parse)

    def _send(self, request: Request) -> Answer:
        try:
            return cast("Answer", self.native.call(*request))
        except native.Failed as failed:
            raise self.fail(failed) from None

    def _open(self, request: Request) -> Any:
        try:
            return self.native.open(*request)
        except native.Failed as failed:
            raise self.fail(failed) from None


class AsyncCalls(_Shared):
    """The caller of the async resources."""

    __slots__ = ("_bridge",)

    def __init__(self, client: Any, *, raw: bool = False) -> None:
        super().__init__(client, raw=raw)
        # Loads asyncio, which the sync half does without.
        from . import _bridge

        self._bridge: Any = _bridge

    async def call(
        self,
        operation: Operation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> T:
        """Makes the call."""
        # `_send` written out: each coroutine on the way costs a part of what a call costs.
        request = self.request(operation, values, body, options)
        try:
            answer: Answer = await self._bridge.call(self.native, *request)
        except native.Failed as failed:
            raise self.fail(failed) from None
        return cast("T", self.result(operation, answer))

    def list(
        self,
        operation: ListOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncPager[T]:
        """Asks for the first page when it is awaited or iterated."""
        request = self.request(operation, values, body, options)
        if not self._answers_raw:
            return AsyncPager(lambda: self._page(operation, request))
        return cast("AsyncPager[T]", self._raw_page(operation, request))

    async def _raw_page(self, operation: ListOperation[T], request: Request) -> RawResponse[AsyncPage[T]]:
        answer = await self._send(request)
        return RawResponse(answer, lambda: self._page_of(operation, request, answer))

    async def _page(self, operation: ListOperation[T], request: Request) -> AsyncPage[T]:
        return self._page_of(operation, request, await self._send(request))

    def _page_of(self, operation: ListOperation[T], request: Request, answer: Answer) -> AsyncPage[T]:
        return AsyncPage(
            self.fetched(operation, request, answer),
            self.fail,
            lambda cursor: self._page(operation, self.after(operation, request, cursor)),
        )

    def stream(
        self,
        operation: StreamOperation,
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncByteStream:
        """Begins to read a streamed answer when it is entered."""
        request = self.request(operation, values, body, options)
        return AsyncByteStream(lambda: self._open(request), self.fail)

    def events(
        self,
        operation: EventOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncEventStream[T]:
        """Begins to read events when it is entered."""
        request = self.request(operation, values, body, options)
        parse = None if operation.result is None else operation.parse
        return AsyncEventStream(lambda: self._open(request), self.fail, parse)

    async def _send(self, request: Request) -> Answer:
        try:
            return cast("Answer", await self._bridge.call(self.native, *request))
        except native.Failed as failed:
            raise self.fail(failed) from None

    async def _open(self, request: Request) -> Any:
        try:
            return await self._bridge.open(self.native, *request)
        except native.Failed as failed:
            raise self.fail(failed) from None
