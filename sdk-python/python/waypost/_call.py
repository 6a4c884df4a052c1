"""The border between generated code and the hand-written face.

A generated resource describes each of its operations once (`Operation`, `ListOperation`, `StreamOperation`, `EventOperation`) and its methods
hand that description, the arguments and the body to a caller. The sync and the async caller are called in the same way and differ only in
what they answer, so one template writes both halves:

    _GET: Final[Operation[Wallet]] = Operation(
        "wallets_get", method="wallets.get", parameters=(Parameter("wallet_id", required=True),), result=Wallet
    )
    _CREDIT: Final[Operation[Transaction]] = Operation(
        "wallets_credit",
        method="wallets.credit",
        parameters=(Parameter("wallet_id", required=True),),
        body=CreditWallet,
        result=Transaction,
    )
    _LIST: Final[ListOperation[Wallet]] = ListOperation(
        "wallets_list",
        method="wallets.list",
        parameters=(Parameter("limit", int), Parameter("cursor"), Parameter("status")),
        result=WalletPage,
    )

    class Wallets(Resource):
        def get(self, wallet_id: str, *, options: CallOptions | None = None) -> Wallet:
            return self._client.call(_GET, (wallet_id,), options=options)

        def credit(self, wallet_id: str, *, amount: int, options: CallOptions | None = None) -> Transaction:
            return self._client.call(_CREDIT, (wallet_id,), CreditWallet(amount=amount), options)

        def list(self, *, limit: int | None = None, ..., options: CallOptions | None = None) -> Page[Wallet]:
            return self._client.list(_LIST, (limit, cursor, status), options=options)

        def statement(self, wallet_id: str, *, ..., options: CallOptions | None = None) -> ByteStream:
            return self._client.stream(_STATEMENT, (wallet_id, ...), options=options)

        @lazy
        def with_raw_response(self) -> WalletsWithRawResponse:
            return WalletsWithRawResponse(self._raw())

    class WalletsWithRawResponse:
        def __init__(self, wallets: Wallets) -> None:
            self.get = raw_response(wallets.get)
            self.list = raw_response(wallets.list)          # a RawResponse[Page[Wallet]]; streams carry their head themselves

    class AsyncWallets(AsyncResource):
        async def get(self, wallet_id: str, *, options: CallOptions | None = None) -> Wallet:
            return await self._client.call(_GET, (wallet_id,), options=options)

        def list(self, ...) -> AsyncPager[Wallet]:                 # not `async def`: awaited, it is the first page; iterated, all items
            return self._client.list(_LIST, (limit, cursor, status), options=options)

        def statement(self, ...) -> AsyncByteStream:               # not `async def`: `async with client.wallets.statement(...) as stream`
            return self._client.stream(_STATEMENT, (wallet_id, ...), options=options)

    class AsyncWalletsWithRawResponse:
        def __init__(self, wallets: AsyncWallets) -> None:
            self.get = async_raw_response(wallets.get)
            self.list = async_raw_page(wallets.list)

Beside the resources there are two bases of the clients, in `_generated/resources/__init__.py`; they import a resource when it is first used:

    class Resources:                                               # and AsyncResources
        _caller: Caller

        @lazy
        def wallets(self) -> Wallets:
            from .wallets import Wallets

            return Wallets(self._caller)

and a public module `waypost/models.py` that names every model (`from ._generated.models import Wallet as Wallet`, with `__all__`).

Promises: values stand in the order of `parameters`; a parameter that is `None` or `UNSET` is not sent; a body field that is `UNSET` is not
sent and one that is `None` is sent as null. Arguments of a wrong type are a `TypeError` that names the argument, raised before anything is
sent. Nothing in here imports the models: they are loaded when the first resource is used.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast

from ._options import CallOptions

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._paging import AsyncPage, AsyncPager, Page
    from ._raw import RawResponse
    from ._stream import AsyncByteStream, AsyncEventStream, ByteStream, EventStream

__all__ = [
    "AsyncCaller",
    "AsyncResource",
    "CallOptions",
    "Caller",
    "EventOperation",
    "ListOperation",
    "Operation",
    "Parameter",
    "Resource",
    "StreamOperation",
    "async_raw_page",
    "async_raw_response",
    "raw_response",
]

P = ParamSpec("P")
T = TypeVar("T")


class Parameter:
    """A path, query or header parameter, as a method takes it and as it goes over the wire."""

    __slots__ = ("argument", "many", "name", "plain", "required", "type")

    def __init__(
        self,
        name: str,
        type: type[str | int | float | bool] = str,
        *,
        argument: str | None = None,
        many: bool = False,
        required: bool = False,
    ) -> None:
        """Describes a parameter.

        Args:
            name: Its name on the wire: `wallet_id`, `X-Tenant-Id`.
            type: What one value is: `str` (also of enums, times and identifiers), `int`, `float` or `bool`.
            argument: The method's name for it, where that is another one: it is what a `TypeError` names.
            many: It takes a sequence of values and is repeated on the wire.
            required: `None` is refused.
        """
        self.name: Final = name
        self.type: Final = type
        self.argument: Final = argument or name
        self.many: Final = many
        self.required: Final = required
        self.plain: Final = type is str and not many

    def write(self, method: str, value: object, pairs: list[tuple[str, str]]) -> None:
        """Adds a value as it goes over the wire."""
        if value is None or value.__class__.__name__ == "UnsetType":
            if self.required:
                raise TypeError(f"{method} argument `{self.argument}` must be {self.type.__name__}, not None")
        elif not self.many:
            pairs.append((self.name, self._text(method, value, "")))
        else:
            pairs.extend((self.name, self._text(method, one, "a sequence of ")) for one in self._several(method, value))

    def _several(self, method: str, value: object) -> Iterable[object]:
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
            return cast("Iterable[object]", value)
        raise self._wrong(method, cast(Any, value), "a sequence of ")

    def _text(self, method: str, value: object, many: str) -> str:
        # True is an int to Python and not to anybody else.
        if isinstance(value, bool):
            if self.type is bool:
                return "true" if value else "false"
        elif isinstance(value, str) and self.type is str:
            return str.__str__(value)
        elif isinstance(value, int) and self.type in (int, float):
            return int.__repr__(value)
        elif isinstance(value, float) and self.type is float and isfinite(value):
            return float.__repr__(value)
        raise self._wrong(method, value, many)

    def _wrong(self, method: str, value: object, many: str) -> TypeError:
        got = "nan or infinite" if isinstance(value, float) and self.type is float else type(value).__name__
        return TypeError(f"{method} argument `{self.argument}` must be {many}{self.type.__name__}, not {got}")


class Described:
    """What every operation has: its id in the engine's table, and how its arguments, body and result are written and read."""

    __slots__ = ("body", "encode", "id", "method", "parameters", "parse", "result")

    def __init__(
        self,
        id: str,
        *,
        method: str | None = None,
        parameters: tuple[Parameter, ...] = (),
        body: Any = None,
        result: Any = None,
    ) -> None:
        """Describes an operation.

        Args:
            id: Its `operationId`: `wallets_create`. The engine knows the rest by it.
            method: How a program calls it: `wallets.create`. A `TypeError` says so.
            parameters: In the order in which the methods pass their values.
            body: The body's type, as msgspec takes one: it is encoded as JSON, whatever the engine makes of it (a form, say). `bytes` for a
                body of plain bytes. `None`: the operation has no body.
            result: What the answer's body is, as msgspec takes a type; `str` for text, `bytes` for plain bytes, `None` for nothing.
        """
        self.id: Final = id
        self.method: Final = f"{method or id}()"
        self.parameters: Final = parameters
        self.body: Final = body
        self.result: Final = result
        # Encoders and decoders replace these at the first call: most programs use a few operations.
        self.encode: Callable[[Any], bytes | None] = self._first_encode
        self.parse: Callable[[bytes], Any] = self._first_parse

    def pairs(self, values: tuple[object, ...]) -> tuple[tuple[str, str], ...]:
        """The parameters as they go over the wire. Raises `TypeError`."""
        if not values:
            return ()
        pairs: list[tuple[str, str]] = []
        for parameter, value in zip(self.parameters, values):
            # Nearly every argument that is given is a text, and many are not given.
            if value.__class__ is str and parameter.plain:
                pairs.append((parameter.name, value))  # pyright: ignore[reportArgumentType]
            elif value is not None or parameter.required:
                parameter.write(self.method, value, pairs)
        return tuple(pairs)

    def _first_encode(self, body: Any) -> bytes | None:
        if self.body is None:
            self.encode = _no_body
        elif self.body is bytes:
            self.encode = self._plain_bytes
        else:
            from ._codec import body_encoder

            self.encode = body_encoder(self)
        return self.encode(body)

    def _plain_bytes(self, body: Any) -> bytes:
        if isinstance(body, (bytes, bytearray, memoryview)):
            return bytes(cast("bytes", body))
        raise TypeError(f"{self.method} argument `body` must be bytes, not {type(body).__name__}")

    def _first_parse(self, body: bytes) -> Any:
        if self.result is None:
            self.parse = _nothing
        elif self.result is bytes:
            self.parse = bytes
        elif self.result is str:
            self.parse = _text
        else:
            from ._codec import decoder

            self.parse = decoder(self.result)
        return self.parse(body)


def _no_body(_: Any) -> None:
    return None


def _nothing(_: bytes) -> None:
    return None


def _text(body: bytes) -> str:
    return body.decode("utf-8")


class Operation(Described, Generic[T]):
    """An operation that answers with one value: JSON, text, or nothing."""

    __slots__ = ()


class ListOperation(Described, Generic[T]):
    """An operation that answers with pages of `T`; `result` is the page."""

    __slots__ = ("cursor", "has_more", "items", "next_cursor")

    def __init__(
        self,
        id: str,
        *,
        method: str | None = None,
        parameters: tuple[Parameter, ...] = (),
        body: Any = None,
        result: Any,
        cursor: str = "cursor",
        items: str = "data",
        next_cursor: str = "next_cursor",
        has_more: str = "has_more",
    ) -> None:
        """Describes a list.

        Args:
            id: As of `Operation`.
            method: As of `Operation`.
            parameters: As of `Operation`; the cursor is among them.
            body: As of `Operation`.
            result: The page's type.
            cursor: The wire name of the parameter that takes a cursor.
            items: The page's attribute that holds its items.
            next_cursor: The page's attribute that holds the next page's cursor.
            has_more: The page's attribute that tells whether there is more.
        """
        super().__init__(id, method=method, parameters=parameters, body=body, result=result)
        self.cursor: Final = cursor
        self.items: Final = items
        self.next_cursor: Final = next_cursor
        self.has_more: Final = has_more


class StreamOperation(Described):
    """An operation that answers with bytes, piece by piece; `result` stays `None`."""

    __slots__ = ()


class EventOperation(Described, Generic[T]):
    """An operation that answers with server-sent events whose data is `T` (`result`; `None`: text as it came)."""

    __slots__ = ()


class Caller(Protocol):
    """What a sync resource calls."""

    def call(
        self,
        operation: Operation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> T:
        """Makes the call."""
        ...

    def list(
        self,
        operation: ListOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> Page[T]:
        """Asks for the first page."""
        ...

    def stream(
        self,
        operation: StreamOperation,
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> ByteStream:
        """Begins to read a streamed answer."""
        ...

    def events(
        self,
        operation: EventOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> EventStream[T]:
        """Begins to read events."""
        ...

    def raw(self) -> Self:
        """The same caller, answering with `RawResponse`s."""
        ...


class AsyncCaller(Protocol):
    """What an async resource calls."""

    async def call(
        self,
        operation: Operation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> T:
        """Makes the call."""
        ...

    def list(
        self,
        operation: ListOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncPager[T]:
        """Asks for the first page when it is awaited or iterated."""
        ...

    def stream(
        self,
        operation: StreamOperation,
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncByteStream:
        """Begins to read a streamed answer when it is entered."""
        ...

    def events(
        self,
        operation: EventOperation[T],
        values: tuple[object, ...] = (),
        body: object = None,
        options: CallOptions | None = None,
    ) -> AsyncEventStream[T]:
        """Begins to read events when it is entered."""
        ...

    def raw(self) -> Self:
        """The same caller, answering with `RawResponse`s."""
        ...


class Resource:
    """The base of the sync resources."""

    def __init__(self, client: Caller) -> None:
        """Made by the client."""
        self._client = client

    def _raw(self) -> Self:
        return type(self)(self._client.raw())


class AsyncResource:
    """The base of the async resources."""

    def __init__(self, client: AsyncCaller) -> None:
        """Made by the client."""
        self._client = client

    def _raw(self) -> Self:
        return type(self)(self._client.raw())


def raw_response(method: Callable[P, T]) -> Callable[P, RawResponse[T]]:
    """Tells the type checker what a method of a resource made by `_raw()` answers."""
    return cast("Callable[P, RawResponse[T]]", method)


def async_raw_response(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, RawResponse[T]]]:
    """Tells the type checker what an async method of a resource made by `_raw()` answers."""
    return cast("Callable[P, Coroutine[Any, Any, RawResponse[T]]]", method)


def async_raw_page(method: Callable[P, AsyncPager[T]]) -> Callable[P, Coroutine[Any, Any, RawResponse[AsyncPage[T]]]]:
    """Tells the type checker what an async list of a resource made by `_raw()` answers."""
    return cast("Callable[P, Coroutine[Any, Any, RawResponse[AsyncPage[T]]]]", method)
