"""Event loops: many, one after another, closed with calls pending, of other makers; and what is not one."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import waypost
from stage import Stage
from waypost import errors
from wire import Held, Keeping, run, until


def _client(url: str) -> waypost.AsyncClient:
    return waypost.AsyncClient(url, api_key="k", environment={})


async def _many(client: waypost.AsyncClient, count: int) -> None:
    wallets = await asyncio.gather(*(client.wallets.get("wal_1") for _ in range(count)))
    assert {wallet.currency for wallet in wallets} == {"EUR"}


def test_asyncio_run_again_and_again_with_one_client() -> None:
    with Keeping() as server:
        client = _client(server.url)
        for _ in range(50):
            asyncio.run(_many(client, 4))


def test_several_loops_in_several_threads_share_a_client() -> None:
    with Keeping() as server:
        client = _client(server.url)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(5):
                    asyncio.run(_many(client, 20))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


def test_uvloop_works() -> None:
    uvloop = pytest.importorskip("uvloop")
    with Keeping() as server:
        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(_many(_client(server.url), 50))
            loop.run_until_complete(_many(_client(server.url), 50))
        finally:
            loop.close()


class Deaf(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors for others, as Windows' is."""

    def add_reader(self, fd: object, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


def test_a_loop_that_watches_no_descriptors_is_called_in_batches() -> None:
    with Keeping() as server:
        for _ in range(3):
            loop = Deaf()
            try:
                loop.run_until_complete(_many(_client(server.url), 50))
                loop.run_until_complete(_many(_client(server.url), 50))
            finally:
                loop.close()
        gc.collect()
        with Stage(Held()) as other:
            # The next bridge that is made sweeps what closed loops left behind, and their threads end.
            asyncio.run(_give_up(_client(other.url)))
        assert until(lambda: not any(thread.name == "waypost-relay" for thread in threading.enumerate()), 5)


async def _give_up(client: waypost.AsyncClient) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.wallets.get("wal_1"), 0.05)


def test_a_loop_that_is_closed_with_calls_pending_is_clean() -> None:
    held = Held()
    with Stage(held) as server:
        client = _client(server.url)
        loop = asyncio.new_event_loop()
        work = [loop.create_task(client.wallets.get("wal_1")) for _ in range(20)]
        loop.run_until_complete(asyncio.sleep(0.2))
        loop.close()
        for task in work:
            # What asyncio says of a task that is thrown away is not what this is about.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        del work, task
        gc.collect()
        with Keeping() as other:
            asyncio.run(_many(_client(other.url), 10))
        for _ in range(20):
            assert held.gone.acquire(timeout=5), "a call outlived its loop"


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_loops_leave_no_descriptor_behind() -> None:
    def open_descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    with Keeping() as server:
        client = _client(server.url)
        asyncio.run(_many(client, 1))
        gc.collect()
        before = open_descriptors()
        for _ in range(100):
            asyncio.run(_many(client, 1))
        gc.collect()
        assert until(lambda: open_descriptors() <= before + 5), (before, open_descriptors())


def test_two_tasks_may_read_from_one_client_while_another_loop_closes() -> None:
    with Keeping(delay=0.02) as server:
        client = _client(server.url)

        def short() -> None:
            for _ in range(20):
                asyncio.run(_many(client, 1))

        thread = threading.Thread(target=short)
        thread.start()
        for _ in range(10):
            asyncio.run(_many(client, 10))
        thread.join()


def test_without_a_loop_the_error_says_what_to_do() -> None:
    client = _client("http://127.0.0.1:9")
    coroutine = client.wallets.get("wal_1")
    with pytest.raises(errors.ConfigError, match="asyncio"):
        coroutine.send(None)


def test_trio_is_told_what_to_do_instead() -> None:
    trio = pytest.importorskip("trio")

    async def story() -> None:
        with pytest.raises(errors.ConfigError, match="trio"):
            await _client("http://127.0.0.1:9").wallets.get("wal_1")

    trio.run(story)


def test_anyio_on_asyncio_works_with_its_cancel_scopes() -> None:
    anyio = pytest.importorskip("anyio")
    held = Held()
    with Keeping() as server, Stage(held) as silent:

        async def story() -> None:
            client = _client(server.url)
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(client.wallets.get, "wal_1")
            with anyio.move_on_after(0.1) as scope:
                await _client(silent.url).wallets.get("wal_1")
            assert scope.cancelled_caught

        anyio.run(story, backend="asyncio")
        assert held.gone.acquire(timeout=2)


def test_a_middleware_runs_on_the_loops_thread_in_its_callers_context() -> None:
    import contextvars

    request = contextvars.ContextVar("request", default="nobody's")
    seen: list[tuple[str, bool]] = []

    with Keeping() as server:

        async def story() -> None:
            from waypost import _bridge, _native

            here = threading.get_ident()

            async def before(_: _native.Exchange) -> list[tuple[str, str]]:
                await asyncio.sleep(0)
                seen.append((request.get(), threading.get_ident() == here))
                return [("x-request", request.get())]

            client = _native.Client(b'{"base_url": "%s"}' % server.url.encode(), before)

            async def one(name: str) -> None:
                request.set(name)
                await _bridge.call(client, "wallets_get", (("wallet_id", "wal_1"),), None, None)

            await asyncio.gather(one("first"), one("second"))

        asyncio.run(story())
    assert sorted(seen) == [("first", True), ("second", True)]


def test_a_sub_interpreter_is_refused_and_the_main_one_goes_on() -> None:
    run("""
        import sys, waypost
        waypost.Client
        import waypost._native
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        other = interpreters.create()
        try:
            failure = interpreters.run_string(other, "import waypost._native")
        except Exception as error:
            failure = error
        assert "ImportError" in repr(failure) + str(failure), failure
        interpreters.destroy(other)
        from waypost.testing import FakeAPI
    """)


def test_the_first_call_of_a_loop_is_quick() -> None:
    with Keeping() as server:
        client = _client(server.url)
        began = time.monotonic()
        asyncio.run(_many(client, 1))
        assert time.monotonic() - began < 2.0
