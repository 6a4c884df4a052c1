"""What the bridge's tests see of the wire, and how they run programs of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

# A small wallet, as the API answers it.
WALLET = json.dumps(
    {
        "id": "wal_0198c0de00007000800000000000000a",
        "currency": "EUR",
        "name": "Household",
        "balance": 0,
        "available": 0,
        "held": 0,
        "status": "active",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
)


# Programs that end while calls are in flight.
EXITS = {
    "asyncio.run is left with calls in flight": """
        import asyncio, sys, waypost
        async def main():
            client = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})
            calls = [asyncio.ensure_future(client.wallets.get("wal_1")) for _ in range(3000)]
            await asyncio.sleep(0.05)
        asyncio.run(main())
    """,
    "sys.exit within a coroutine": """
        import asyncio, sys, waypost
        async def main():
            client = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})
            calls = [asyncio.ensure_future(client.wallets.get("wal_1")) for _ in range(1000)]
            await asyncio.sleep(0.05)
            sys.exit(0)
        asyncio.run(main())
    """,
    "a loop that is never closed": """
        import asyncio, os, sys, waypost
        loop = asyncio.new_event_loop()
        client = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})
        calls = [loop.create_task(client.wallets.get("wal_1")) for _ in range(1000)]
        loop.run_until_complete(asyncio.sleep(0.05))
        for call in calls:
            call._log_destroy_pending = False
    """,
    "daemon threads in sync calls": """
        import sys, threading, time, waypost
        client = waypost.Client(sys.argv[1], api_key="k", environment={})
        def work():
            while True:
                client.wallets.get("wal_1")
        for _ in range(20):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
    """,
    "a daemon thread with a loop": """
        import asyncio, sys, threading, time, waypost
        client = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})
        async def main():
            await asyncio.gather(*(client.wallets.get("wal_1") for _ in range(500)))
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        time.sleep(0.1)
    """,
    "a daemon thread that begins to call when the end has come": """
        import atexit, threading, time
        over = threading.Event()
        # Registered before the package's own, so it runs after that.
        atexit.register(lambda: (over.set(), time.sleep(0.3)))
        import asyncio, sys, waypost
        client = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})
        async def main():
            over.wait()
            await client.wallets.get("wal_1")
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    """,
    "a call in an atexit handler": """
        import atexit, sys, waypost
        client = waypost.Client(sys.argv[1], api_key="k", timeout=0.2, max_retries=0, environment={})
        @atexit.register
        def last():
            try:
                client.wallets.get("wal_1")
            except waypost.errors.TimeoutError:
                pass
    """,
}


class Held:
    """A scene that answers nothing and tells when a request came and when its connection ended."""

    def __init__(self, sent: bytes = b"") -> None:
        self.came = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)
        self._sent = sent

    def __call__(self, connection: socket.socket, _: bytes) -> None:
        if self._sent:
            connection.sendall(self._sent)
        self.came.release()
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
        self.gone.release()


class Keeping:
    """A server that keeps its connections and answers every request with the same; `connections` counts them."""

    def __init__(self, body: str = WALLET, delay: float = 0.0) -> None:
        self.connections = 0
        self._answer = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        self._delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Keeping:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            received = b""
            while True:
                try:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    received += piece
                    while b"\r\n\r\n" in received:
                        _, _, received = received.partition(b"\r\n\r\n")
                        if self._delay:
                            time.sleep(self._delay)
                        connection.sendall(self._answer)
                except OSError:
                    return


class Program:
    """A Python program of its own, which finds the package as the tests do."""

    def __init__(self, source: str, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            # Its own children hold its output open, so they are ended with it.
            start_new_session=True,
        )

    def end(self, timeout: float = 60.0) -> tuple[int, str, str]:
        """Its exit code, output and errors."""
        try:
            output, errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            output, errors = self.process.communicate()
            errors += f"\n(it did not end within {timeout} s)"
        return self.process.returncode, output, errors


def run(source: str, *arguments: str, timeout: float = 60.0) -> str:
    """Runs a program that must end well and in silence; its output."""
    code, output, errors = Program(source, *arguments).end(timeout)
    assert (code, errors) == (0, ""), f"exit code {code}\n{output}\n{errors}"
    return output


def until(what: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Does it become true in time?"""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.005)
    return what()
