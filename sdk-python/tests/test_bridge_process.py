"""Processes: forks before and after calls, pools, a preloading web server, and ends with thousands of calls in flight."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import waypost
from stage import Stage
from wire import EXITS, Held, Keeping, Program, run, until

unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@unix
def test_a_forked_child_makes_sync_and_async_calls_of_its_own() -> None:
    with Keeping() as server:
        output = run(
            """
            import asyncio, os, sys, waypost
            sync = waypost.Client(sys.argv[1], api_key="k", environment={})
            awaited = waypost.AsyncClient(sys.argv[1], api_key="k", environment={})

            async def story():
                return [wallet.currency for wallet in await asyncio.gather(*(awaited.wallets.get("wal_1") for _ in range(10)))]

            def both():
                return {sync.wallets.get("wal_1").currency, *asyncio.run(story())}

            assert both() == {"EUR"}
            children = []
            for _ in range(4):
                child = os.fork()
                if child == 0:
                    assert both() == {"EUR"}
                    grandchild = os.fork()
                    if grandchild == 0:
                        os._exit(0 if both() == {"EUR"} else 1)
                    os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
                children.append(child)
                assert both() == {"EUR"}
            print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
            assert both() == {"EUR"}
            """,
            server.url,
        )
        assert output.strip() == "[0, 0, 0, 0]"


@unix
def test_a_child_that_is_forked_while_threads_make_calls_does_not_hang() -> None:
    with Keeping() as server:
        run(
            """
            import os, sys, threading, waypost
            client = waypost.Client(sys.argv[1], api_key="k", environment={})
            client.wallets.get("wal_1")
            over = threading.Event()

            def busy():
                while not over.is_set():
                    client.wallets.get("wal_1")

            threads = [threading.Thread(target=busy) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    client.wallets.get("wal_1")
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            over.set()
            for thread in threads:
                thread.join()
            """,
            server.url,
        )


@unix
def test_the_parents_connections_survive_a_child_that_ends() -> None:
    with Keeping() as server, waypost.Client(server.url, api_key="k", environment={}) as client:
        client.wallets.get("wal_1")
        before = server.connections
        for _ in range(3):
            child = os.fork()
            if child == 0:
                # Drops everything that it has of its parent.
                del client
                os._exit(0)
            os.waitpid(child, 0)
        client.wallets.get("wal_1")
        assert server.connections == before


@unix
def test_a_client_that_was_closed_before_a_fork_is_closed_in_the_child() -> None:
    client = waypost.Client("http://127.0.0.1:9", api_key="k", environment={})
    client.close()
    child = os.fork()
    if child == 0:
        try:
            client.wallets.get("wal_1")
        except waypost.errors.ClosedError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_pool_of_processes_shares_nothing_and_works(method: str, tmp_path: Path) -> None:
    module = tmp_path / "pooled.py"
    module.write_text(
        textwrap.dedent("""
            import multiprocessing, sys, waypost

            client = waypost.Client(sys.argv[1], api_key="k", environment={})

            def currency(_):
                return client.wallets.get("wal_1").currency

            if __name__ == "__main__":
                assert currency(0) == "EUR"
                with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
                    assert set(pool.map(currency, range(20))) == {"EUR"}
        """)
    )
    with Keeping() as server:
        done = subprocess.run(
            [sys.executable, str(module), server.url, method], capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


@unix
def test_gunicorn_that_preloads_a_client_serves_from_each_worker() -> None:
    pytest.importorskip("gunicorn")
    with Keeping() as api, tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(
            textwrap.dedent("""
                import os, waypost

                client = waypost.Client(os.environ["API"], api_key="k", environment={})
                client.wallets.get("wal_1")

                def app(environ, start_response):
                    wallet = client.wallets.get("wal_1")
                    start_response("200 OK", [("content-type", "text/plain")])
                    return [f"{os.getpid()} {wallet.currency}".encode()]
            """)
        )
        port_file = Path(folder, "port")
        Path(folder, "conf.py").write_text(
            f"def when_ready(server):\n    open({str(port_file)!r}, 'w').write(str(server.LISTENERS[0].sock.getsockname()[1]))\n"
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0", "--config", "conf.py", "app:app"],
            cwd=folder,
            env={**os.environ, "API": api.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert until(port_file.exists, 30)
            assert until(lambda: port_file.read_text() != "", 5)
            url = f"http://127.0.0.1:{port_file.read_text()}/"
            workers = set()

            def ask() -> bool:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    worker, currency = answer.read().decode().split()
                assert currency == "EUR"
                workers.add(worker)
                return len(workers) == 2

            assert until(ask, 20), f"only {workers} answered"
        finally:
            server.send_signal(signal.SIGTERM)
            _, told = server.communicate(timeout=20)
        assert "Traceback" not in told, told


@pytest.mark.parametrize("name", EXITS)
def test_the_process_ends_in_silence(name: str) -> None:
    """Ten ends of each kind, some at once; `scripts/soak exits` makes a thousand."""
    with Stage(Held()) as server, ThreadPoolExecutor(4) as several:
        ends = list(several.map(lambda _: Program(EXITS[name], server.url).end(60), range(10)))
    assert set(ends) == {(0, "", "")}


def test_threads_in_calls_that_are_answered_end_in_silence() -> None:
    with Keeping() as server, ThreadPoolExecutor(4) as several:
        source = EXITS["daemon threads in sync calls"]
        ends = list(several.map(lambda _: Program(source, server.url).end(60), range(20)))
    assert set(ends) == {(0, "", "")}


def test_the_end_is_not_held_up_by_calls_in_flight() -> None:
    with Stage(Held()) as server:
        program = Program(EXITS["asyncio.run is left with calls in flight"].replace("3000", "100"), server.url)
        began = time.monotonic()
        assert program.end(30) == (0, "", "")
        assert time.monotonic() - began < 10
