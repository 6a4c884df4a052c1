"""Lists that come in pages: one page to look at, and a sequence over all of them that asks for the next page when it is wanted.

Promises: each page is asked for once; a list that leads in a circle is a `DecodeError` and no endless loop (the rule is the engine's).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ._native import Pager
    from .errors import WaypostError

__all__ = ["AsyncPage", "AsyncPager", "Page"]

T = TypeVar("T")


class Fetched(Generic[T]):
    """A page as it was asked for and read."""

    __slots__ = ("asked", "data", "has_more", "model", "next_cursor")

    def __init__(self, asked: str | None, model: object, data: list[T], next_cursor: str | None, has_more: bool) -> None:
        self.asked = asked
        self.model = model
        self.data = data
        self.next_cursor = next_cursor
        self.has_more = has_more


class _Page(Generic[T]):
    """What a page knows, whoever asks for the next one."""

    __slots__ = ("_fail", "_fetched")

    def __init__(self, fetched: Fetched[T], fail: Callable[[Exception], WaypostError]) -> None:
        self._fetched = fetched
        self._fail = fail

    def _pager(self) -> Pager:
        from ._engine import native

        return native.Pager(self._fetched.asked)

    def _after(self, pager: Pager) -> str | None:
        """The cursor of the page after this one; `None`: there is none. Raises `DecodeError` when the list would never end."""
        from ._engine import native

        try:
            pager.advance(self._fetched.next_cursor, self._fetched.has_more)
        except native.Failed as failed:
            raise self._fail(failed) from None
        return None if pager.finished else pager.cursor

    @property
    def data(self) -> list[T]:
        """This page's items."""
        return self._fetched.data

    @property
    def next_cursor(self) -> str | None:
        """What the next page is asked with: give it as `cursor` to go on later, also from another process."""
        return self._fetched.next_cursor

    @property
    def has_more(self) -> bool:
        """Is there another page?"""
        return self._fetched.has_more

    @property
    def model(self) -> object:
        """The page as the server described it, with members of its own where it has some."""
        return self._fetched.model

    def __len__(self) -> int:
        """How many items this page has."""
        return len(self._fetched.data)

    def __bool__(self) -> bool:
        """A page is one, also when it is empty."""
        return True

    def __repr__(self) -> str:
        """How much there is."""
        return f"{type(self).__name__}({len(self._fetched.data)} items, has_more={self._fetched.has_more})"


class Page(_Page[T]):
    """One page of a list. Iterating over it goes on through all the pages after it.

    Example:
        ```python
        for wallet in client.wallets.list(status="active"):    # every wallet
            print(wallet.name)

        page = client.wallets.list(limit=50)                   # one page
        print(len(page.data), page.has_more)
        ```
    """

    __slots__ = ("_ask",)

    def __init__(
        self, fetched: Fetched[T], fail: Callable[[Exception], WaypostError], ask: Callable[[str], Page[T]]
    ) -> None:
        """Made by the client."""
        super().__init__(fetched, fail)
        self._ask = ask

    def next_page(self) -> Page[T] | None:
        """Asks for the page after this one; `None` when there is none."""
        cursor = self._after(self._pager())
        return None if cursor is None else self._ask(cursor)

    def pages(self) -> Iterator[Page[T]]:
        """This page and all after it."""
        page, pager = self, self._pager()
        while True:
            yield page
            cursor = page._after(pager)
            if cursor is None:
                return
            page = self._ask(cursor)

    def __iter__(self) -> Iterator[T]:
        """The items of this page and of all after it."""
        for page in self.pages():
            yield from page.data


class AsyncPage(_Page[T]):
    """One page of a list. Iterating over it (`async for`) goes on through all the pages after it."""

    __slots__ = ("_ask",)

    def __init__(
        self, fetched: Fetched[T], fail: Callable[[Exception], WaypostError], ask: Callable[[str], Awaitable[AsyncPage[T]]]
    ) -> None:
        """Made by the client."""
        super().__init__(fetched, fail)
        self._ask = ask

    async def next_page(self) -> AsyncPage[T] | None:
        """Asks for the page after this one; `None` when there is none."""
        cursor = self._after(self._pager())
        return None if cursor is None else await self._ask(cursor)

    async def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """This page and all after it."""
        page, pager = self, self._pager()
        while True:
            yield page
            cursor = page._after(pager)
            if cursor is None:
                return
            page = await self._ask(cursor)

    async def __aiter__(self) -> AsyncIterator[T]:
        """The items of this page and of all after it."""
        async for page in self.pages():
            for item in page.data:
                yield item


class AsyncPager(Generic[T]):
    """A list that was not asked for yet: `await` it for its first page, or iterate over it for all items.

    Example:
        ```python
        async for wallet in client.wallets.list(status="active"):    # every wallet
            print(wallet.name)

        page = await client.wallets.list(limit=50)                   # one page
        ```
    """

    __slots__ = ("_first",)

    def __init__(self, first: Callable[[], Awaitable[AsyncPage[T]]]) -> None:
        """Made by the client."""
        self._first = first

    def __await__(self) -> Generator[object, None, AsyncPage[T]]:
        """Asks for the first page."""
        return self._first().__await__()

    async def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """Every page."""
        async for page in (await self._first()).pages():
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        """Every item of every page."""
        async for item in await self._first():
            yield item

    def __repr__(self) -> str:
        """What to do with it."""
        return "AsyncPager(await it for the first page, or iterate over it for all items)"
