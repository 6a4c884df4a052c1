"""Much of everything: threads on one client, large and slow bodies, many calls whose memory comes back."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable

import pytest
import waypost
from stage import Stage, cut, reset
from waypost import _bridge, _native, errors
from wire import WALLET, Keeping

JSON = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
STREAM = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"


def _native_client(url: str, **settings: object) -> _native.Client:
    import json

    return _native.Client(json.dumps({"base_url": url, "proxy": "none", **settings}).encode())


def test_threads_share_one_client() -> None:
    with Keeping() as server, waypost.Client(server.url, api_key="k", environment={}) as client:
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(50):
                    assert client.wallets.get("wal_1").currency == "EUR"
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert server.connections == 16, "a thread keeps its connection"


def test_threads_wait_for_their_answers_at_the_same_time() -> None:
    with Keeping(delay=0.2) as server, waypost.Client(server.url, api_key="k", environment={}) as client:
        threads = [threading.Thread(target=client.wallets.get, args=("wal_1",)) for _ in range(10)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 1.5, "the GIL was held"


def test_a_connection_that_the_server_closed_meanwhile_costs_no_attempt() -> None:
    def once(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"{JSON}content-length: {len(WALLET)}\r\n\r\n{WALLET}".encode())
        time.sleep(0.05)

    with Stage(once) as server:
        client = _native_client(server.url, max_retries=0)
        for _ in range(5):
            assert client.call("wallets_get", (("wallet_id", "wal_1"),), None, None).status == 200
            time.sleep(0.15)


def test_a_large_body_goes_out_and_comes_back_whole() -> None:
    size = 20 * 1024 * 1024
    note = "x" * size

    def echo(connection: socket.socket, request: bytes) -> None:
        body = request.partition(b"\r\n\r\n")[2]
        connection.sendall(f"{JSON}content-length: {len(body)}\r\n\r\n".encode() + body)

    with Stage(echo) as server:
        body = b'{"note":"' + note.encode() + b'"}'
        assert _native_client(server.url).call("wallets_create", (), body, None).body == body

        async def story() -> None:
            answer = await _bridge.call(_native_client(server.url), "wallets_create", (), body, None)
            assert answer.body == body

        asyncio.run(story())


def test_an_answer_beyond_the_limit_is_refused() -> None:
    with Stage(cut(f"{JSON}content-length: 2000000\r\n\r\n".encode() + b"[" * 2_000_000)) as server:
        with waypost.Client(server.url, api_key="k", max_answer_bytes=1000, environment={}) as client, pytest.raises(errors.DecodeError, match="1000 bytes"):
            client.wallets.get("wal_1")


def test_a_stream_that_nobody_reads_makes_the_server_wait() -> None:
    sent = 0

    def pour(connection: socket.socket, _: bytes) -> None:
        nonlocal sent
        connection.sendall(f"{STREAM}connection: close\r\n\r\n".encode())
        connection.settimeout(0.3)
        piece = b"x" * 65536
        try:
            while sent < 64 * 1024 * 1024:
                sent += connection.send(piece)
        except TimeoutError:
            pass

    with Stage(pour) as server:
        stream = _native_client(server.url).open("wallets_statement", (("wallet_id", "wal_1"),), None, None)
        assert stream.chunk()
        time.sleep(0.6)
        assert sent < 32 * 1024 * 1024, f"{sent} bytes were taken in advance"
        stream.close()
        sent = 0

        async def story() -> None:
            opened = await _bridge.open(_native_client(server.url), "wallets_statement", (("wallet_id", "wal_1"),), None, None)
            assert await opened.chunk()
            await asyncio.sleep(0.6)
            assert sent < 32 * 1024 * 1024, f"{sent} bytes were taken in advance"
            opened.close()

        asyncio.run(story())


def _slow(connection: socket.socket, _: bytes) -> None:
    connection.sendall(f"{JSON}content-length: {len(WALLET)}\r\n\r\n".encode())
    for letter in WALLET.encode():
        connection.sendall(bytes([letter]))
        time.sleep(0.05)


def test_a_body_that_comes_too_slowly_is_a_timeout() -> None:
    with Stage(_slow) as server:
        with waypost.Client(server.url, api_key="k", timeout=0.3, max_retries=0, environment={}) as client:
            began = time.monotonic()
            with pytest.raises(errors.TimeoutError):
                client.wallets.get("wal_1")
            assert time.monotonic() - began < 2


def test_a_reset_and_a_success_are_one_call_with_two_attempts() -> None:
    def good(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"{JSON}content-length: {len(WALLET)}\r\n\r\n{WALLET}".encode())

    async def story(url: str) -> None:
        async with waypost.AsyncClient(url, api_key="k", backoff_base=0.01, environment={}) as client:
            raw = await client.wallets.with_raw_response.get("wal_1")
            assert [attempt.cause for attempt in raw.attempts] == ["reset", None]

    with Stage(reset, good) as server:
        asyncio.run(story(server.url))


def _resident() -> int:
    """Pages in memory, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def _sync(client: _native.Client, calls: int) -> None:
    for _ in range(calls):
        client.call("wallets_get", (("wallet_id", "wal_1"),), None, None).body


def _async(client: _native.Client, calls: int) -> None:
    async def story() -> None:
        for _ in range(calls // 50):
            await asyncio.gather(
                *(_bridge.call(client, "wallets_get", (("wallet_id", "wal_1"),), None, None) for _ in range(50))
            )

    asyncio.run(story())


def _failing(client: _native.Client, calls: int) -> None:
    for _ in range(calls):
        with pytest.raises(_native.Failed):
            client.call("wallets_get", (), None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("calls", [_sync, _async, _failing])
def test_memory_stays_flat(calls: Callable[[_native.Client, int], None]) -> None:
    """Some thousand calls; `scripts/soak memory` makes a hundred thousand of each kind."""
    with Keeping() as server:
        client = _native_client(server.url)
        calls(client, 1000)
        gc.collect()
        before = _resident()
        calls(client, 4000)
        gc.collect()
        grown = _resident() - before
        # A leak of one answer a call would be 4 MiB and more.
        assert grown < 2048, f"{grown} KiB for 4,000 calls"
