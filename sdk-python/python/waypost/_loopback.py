"""Where a person's browser comes back to after a sign-in (RFC 8252): an address that only this machine can reach.

Promises: one redirect is taken, at one path, on 127.0.0.1; anything else is answered and ends nothing; it ends in time; afterwards nothing listens.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from . import errors

__all__ = ["AsyncListener", "Listener", "tell"]

# A request's head, in bytes and seconds.
_LARGEST_HEAD: Final = 16 * 1024
_HEAD_TIME: Final = 10.0

# How long the last page may take to leave, in seconds.
_FAREWELL: Final = 2.0

_PHRASES: Final = {200: "OK", 400: "Bad Request", 404: "Not Found"}


def tell(url: str) -> None:
    """Shows an address to whoever runs the program."""
    print(f"Open this address in a browser to sign in:\n\n  {url}\n", file=sys.stderr, flush=True)


def page(status: int, title: str, text: str) -> bytes:
    """An answer with a page without scripts, which nobody keeps or frames, and whose address goes nowhere."""
    html = f'<!doctype html><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{text}</p>'
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        f"Content-Length: {len(html.encode())}",
        "Connection: close",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + html).encode()


def _late(limit: float) -> errors.TimeoutError:
    return errors.TimeoutError(f"nobody came back from the sign-in page within {limit:g} s")


class AsyncVisit:
    """The browser is back, and waits for what to show: whether the block of this visit ends well."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self.shown: Final[asyncio.Future[bytes]] = asyncio.get_running_loop().create_future()
        self.over: Final = asyncio.Event()

    async def __aenter__(self) -> AsyncVisit:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            answer = page(200, "You are signed in", "You can close this page and go back to the program.")
        else:
            answer = page(200, "You are not signed in", "The program says why. You can close this page.")
        if not self.shown.done():
            self.shown.set_result(answer)
        try:
            await asyncio.wait_for(self.over.wait(), _FAREWELL)
        except (TimeoutError, asyncio.TimeoutError):
            pass


class AsyncListener:
    """Listens, on the loop of a coroutine."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._path: Final = path
        self._state: str | None = None
        self._visit: asyncio.Future[AsyncVisit] | None = None
        self._server: asyncio.Server | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the browser comes back to."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    async def __aenter__(self) -> AsyncListener:
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=_LARGEST_HEAD)
        except OSError as error:
            raise errors.ConfigError(f"nothing can listen on 127.0.0.1:{self._port} for the redirect: {error}") from None
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def redirected(self, state: str, limit: float) -> AsyncVisit:
        """The redirect of the sign-in of this state. One with another state is a stranger's, and does not end the sign-in."""
        self._visit = asyncio.get_running_loop().create_future()
        self._state = state
        try:
            return await asyncio.wait_for(self._visit, limit)
        except (TimeoutError, asyncio.TimeoutError):
            raise _late(limit) from None
        finally:
            self._state = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit: AsyncVisit | None = None
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIME)
            answer, visit = self._answer(head)
            writer.write(await visit.shown if visit is not None else answer)
            await writer.drain()
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            # A browser that goes away, or somebody who speaks something else, is their own affair.
            pass
        finally:
            writer.close()
            if visit is not None:
                visit.over.set()

    def _answer(self, head: bytes) -> tuple[bytes, AsyncVisit | None]:
        line = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        url = urlsplit(line[1] if len(line) == 3 else "")
        if line[0] != "GET" or url.path != self._path:
            return page(404, "Nothing is here", "Go back to the program."), None
        if self._state is None or parse_qs(url.query).get("state") != [self._state] or self._visit is None or self._visit.done():
            title = "This is not the sign-in that the program waits for"
            return page(400, title, "Go back to the program and begin again."), None
        visit = AsyncVisit(line[1])
        self._visit.set_result(visit)
        return b"", visit


class _Visit:
    """A visit, of a listener whose loop runs in another thread."""

    def __init__(self, listener: Listener, visit: AsyncVisit) -> None:
        self._listener: Final = listener
        self._visit: Final = visit
        self.url: Final = visit.url

    def __enter__(self) -> _Visit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.run(self._visit.__aexit__(kind, error, trace))


class Listener:
    """Listens, on a loop in a thread of its own, so that whoever waits can be interrupted."""

    def __init__(self, port: int, path: str) -> None:
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, name="waypost-sign-in", daemon=True)
        self._listener: Final = AsyncListener(port, path)

    @property
    def redirect_uri(self) -> str:
        """Where the browser comes back to."""
        return self._listener.redirect_uri

    def run(self, work: Any) -> Any:
        """Waits for a coroutine on the listener's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Listener:
        self._thread.start()
        try:
            self.run(self._listener.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._listener.__aexit__())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join()
        self._loop.close()

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # What was cancelled ends in the next round.
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)

    def redirected(self, state: str, limit: float) -> _Visit:
        """The redirect of the sign-in of this state."""
        return _Visit(self, self.run(self._listener.redirected(state, limit)))
