"""Between an asyncio event loop and the engine: one queue a loop, futures by id, and one descriptor that the loop watches. Calls run on the loop's own thread
when it watches, else on one of the engine's.

Promises: a call's outcome arrives on the thread of the loop that made it; cancelling the task that waits drops the request on the wire; middleware runs on
the loop's thread, in the context of its caller; a loop that is closed with calls pending takes nothing down with it. Nothing here knows an operation.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from . import _native

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["AsyncStream", "call", "open", "settle"]

_Pairs = tuple[tuple[str, str], ...]


async def call(
    client: _native.Client, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None
) -> _native.Answer:
    """Calls an operation from a coroutine. Raises ``_native.Failed``."""
    bridge = _bridge()
    id = client.submit(bridge.queue, operation, parameters, body, options)
    if client.hooked:
        hooked: _native.Answer = await bridge.outcome(id, True)
        return hooked
    # `outcome` written out: a coroutine less on the way of nearly every call.
    future = bridge.future(id)
    try:
        answer: _native.Answer = await future
    except BaseException:
        bridge.give_up(id)
        raise
    return answer


async def open(
    client: _native.Client, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None
) -> AsyncStream:
    """Calls an operation whose answer is read piece by piece. Raises ``_native.Failed``."""
    bridge = _bridge()
    id = client.submit_open(bridge.queue, operation, parameters, body, options)
    return AsyncStream(await bridge.outcome(id, client.hooked))


def settle() -> None:
    """Lets what a closed client leaves behind on the running loop end now, and not when the loop comes to it, which may be never."""
    bridge = _local.bridge
    if bridge is not None and bridge.loop() is asyncio.get_running_loop():
        bridge.drain()


class AsyncStream:
    """An answer that is read piece by piece, from whichever loop."""

    __slots__ = ("_stream",)

    def __init__(self, stream: _native.AsyncStream) -> None:
        self._stream: Final = stream

    @property
    def answer(self) -> _native.Answer:
        """Status, headers and attempts."""
        return self._stream.answer

    async def chunk(self) -> bytes | None:
        """The next piece; ``None`` at the end. Nothing is read ahead of the caller."""
        bridge = _bridge()
        piece: bytes | None = await bridge.outcome(self._stream.submit_chunk(bridge.queue), False)
        return piece

    def close(self) -> None:
        """Ends the request, read or not."""
        self._stream.close()


class _Bridge:
    """What one event loop waits for. It never holds its loop: the loop's end is not its business to delay."""

    __slots__ = ("__weakref__", "_contexts", "_hooks", "_pending", "loop", "queue")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: Final = weakref.ref(loop)
        self.queue: Final = _native.Queue()
        self._pending: Final[dict[int, asyncio.Future[Any]]] = {}
        self._contexts: Final[dict[int, contextvars.Context]] = {}
        self._hooks: Final[set[asyncio.Future[None]]] = set()
        if not self._watch(loop):
            # A loop that watches no descriptors (Windows) is called by a thread that waits, once for all that is finished meanwhile.
            thread = threading.Thread(target=_relay, args=(self.queue, weakref.ref(self)), name="waypost-relay", daemon=True)
            thread.start()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> bool:
        if self.queue.fd < 0:
            return False
        try:
            loop.add_reader(self.queue.fd, self.drain)
        except NotImplementedError:
            return False
        self.queue.watched()
        return True

    def future(self, id: int) -> asyncio.Future[Any]:
        """Where the outcome of a call will be."""
        loop = self.loop()
        # The loop runs: it is there.
        future: asyncio.Future[Any] = (loop or asyncio.get_running_loop()).create_future()
        self._pending[id] = future
        return future

    def give_up(self, id: int) -> None:
        """Its caller is cancelled, its coroutine is thrown away, or it has its outcome."""
        if self._pending.pop(id, None) is not None:
            self.queue.cancel(id)

    async def outcome(self, id: int, hooked: bool) -> Any:
        """What becomes of a call."""
        future = self.future(id)
        if hooked:
            self._contexts[id] = contextvars.copy_context()
        try:
            return await future
        except BaseException:
            self.give_up(id)
            raise
        finally:
            if hooked:
                self._contexts.pop(id, None)

    def drain(self) -> None:
        """Hands out everything that is finished. Runs on the loop's thread."""
        pending = self._pending
        for id, outcome in self.queue.drain():
            if id == 0:
                self._hook(outcome)
                continue
            future = pending.pop(id, None)
            if future is None or future.done():
                continue
            if isinstance(outcome, _native.Failed):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _hook(self, hook: _native.Hook) -> None:
        """Runs middleware for a call that waits for it."""
        context = self._contexts.get(hook.id)
        if context is None:
            # Its caller has given up.
            return
        try:
            value = context.run(hook.run)
            if not inspect.isawaitable(value):
                hook.answer(value)
                return
            loop = asyncio.get_running_loop()
            task: asyncio.Future[None] = context.run(loop.create_task, self._await(hook, value))
        except BaseException as error:
            self._raised(hook, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        else:
            # The loop holds its tasks weakly.
            self._hooks.add(task)
            task.add_done_callback(self._hooks.discard)

    async def _await(self, hook: _native.Hook, value: Awaitable[object]) -> None:
        try:
            hook.answer(await value)
        except BaseException as error:
            self._raised(hook, error)
            if not isinstance(error, Exception):
                raise

    def _raised(self, hook: _native.Hook, error: BaseException) -> None:
        """What middleware raises is what its call raises."""
        hook.answer(error)
        future = self._pending.pop(hook.id, None)
        self.queue.cancel(hook.id)
        if future is not None and not future.done():
            # A future refuses to be given this one.
            future.set_exception(RuntimeError("middleware raised StopIteration") if isinstance(error, StopIteration) else error)

    def __del__(self) -> None:
        # Whoever waits for the queue of a loop that is gone, waits no longer.
        self.queue.close()

    def abandon(self) -> None:
        """Lets go of what a closed loop left behind."""
        self.queue.close()
        self._pending.clear()
        self._contexts.clear()
        self._hooks.clear()


def _relay(queue: _native.Queue, bridge: weakref.ref[_Bridge]) -> None:
    """Calls the loop when something is finished, until the loop is gone."""
    drained = threading.Event()
    while queue.wait():
        owner = bridge()
        loop = None if owner is None else owner.loop()
        if owner is None or loop is None:
            return
        drained.clear()
        try:
            loop.call_soon_threadsafe(_drain_for, owner, drained)
        except RuntimeError:
            # Closed.
            owner.abandon()
            return
        del owner, loop
        # What comes until then is taken along; a loop that stopped is asked again.
        drained.wait(1.0)


def _drain_for(bridge: _Bridge, drained: threading.Event) -> None:
    try:
        bridge.drain()
    finally:
        drained.set()


_bridges: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Bridge]] = weakref.WeakKeyDictionary()
_making: Final = threading.Lock()


class _Local(threading.local):
    """The bridge of the loop that this thread ran last."""

    bridge: _Bridge | None = None


_local: Final = _Local()


def _bridge() -> _Bridge:
    """The bridge of the running loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise _no_loop() from None
    known = _local.bridge
    if known is not None and known.loop() is loop:
        return known
    with _making:
        for other, bridge in list(_bridges.items()):
            if other.is_closed():
                bridge.abandon()
                del _bridges[other]
        found = _bridges.get(loop)
        if found is None:
            found = _bridges[loop] = _Bridge(loop)
    _local.bridge = found
    return found


def _no_loop() -> _native.Failed:
    trio = sys.modules.get("trio")
    in_trio = trio is not None and getattr(trio.lowlevel, "in_trio_run", lambda: False)()
    if in_trio:
        return _native.refusal(
            "the asynchronous client runs on asyncio and its loops, and this is trio",
            "With anyio, choose the asyncio backend; with trio itself, make calls of waypost.Client in trio.to_thread.run_sync",
        )
    return _native.refusal("an asynchronous call needs a running asyncio event loop", "Make it from a coroutine, or use waypost.Client")
