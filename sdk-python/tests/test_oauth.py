"""Access tokens through the package: many calls at once, stores, and a client of the real gateway from variables alone. What a single call does is held by `tokens.json`."""

from __future__ import annotations

import asyncio
import json
import pickle
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import waypost
from gateway import Gateway
from waypost import oauth


class Server:
    """A token endpoint that takes its time and grants `t1`, `t2`, ...; everything else takes the newest of them alone."""

    def __init__(self) -> None:
        self.granted = 0
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def answer(self, status: int, body: object) -> None:
                written = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                server.asked.append(form)
                time.sleep(0.2)
                server.granted += 1
                number = server.granted
                self.answer(200, {"access_token": f"t{number}", "expires_in": 900, "refresh_token": f"r{number}"})

            def do_GET(self) -> None:
                if self.headers["authorization"] == f"Bearer t{server.granted}":
                    self.answer(200, {"data": [], "next_cursor": None, "has_more": False})
                else:
                    self.answer(401, {})

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self._http = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


EXPIRED = oauth.TokenSet("t0", refresh_token="r0", expires_at=1)


def test_two_hundred_tasks_with_an_expired_token_make_one_token_request(server: Server) -> None:
    async def storm() -> None:
        async with waypost.AsyncClient(server.url, client_id="app", tokens=EXPIRED, environment={}) as client:
            await asyncio.gather(*(client.wallets.list() for _ in range(200)))

    asyncio.run(storm())
    assert server.asked == ["grant_type=refresh_token&refresh_token=r0&client_id=app"]


def test_two_hundred_calls_of_threads_make_one_token_request(server: Server) -> None:
    with (
        waypost.Client(server.url, client_id="app", client_secret="secret", environment={}) as client,
        ThreadPoolExecutor(40) as threads,
    ):
        for page in threads.map(lambda _: client.wallets.list(), range(200)):
            assert page.data == []
    assert server.asked == ["grant_type=client_credentials"]


def test_a_task_that_is_cancelled_on_its_way_to_a_token_takes_nothing_from_the_others(server: Server) -> None:
    async def run() -> None:
        async with waypost.AsyncClient(server.url, client_id="app", tokens=EXPIRED, environment={}) as client:
            first = asyncio.create_task(_listed(client))
            while not server.asked:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(_listed(client)) for _ in range(10)]
            first.cancel()
            await asyncio.gather(*others)

    asyncio.run(run())
    assert len(server.asked) == 1


async def _listed(client: waypost.AsyncClient) -> None:
    await client.wallets.list()


def test_a_store_of_coroutines_is_asked_on_the_loop_of_the_call(server: Server) -> None:
    class Store:
        kept: oauth.TokenSet | None = EXPIRED
        threads: set[int] = set()

        async def load(self) -> oauth.TokenSet | None:
            await asyncio.sleep(0.01)
            self.threads.add(threading.get_ident())
            return self.kept

        async def save(self, tokens: oauth.TokenSet) -> None:
            await asyncio.sleep(0.01)
            self.kept = tokens

        async def clear(self) -> None:
            self.kept = None

    store = Store()

    async def run() -> None:
        async with waypost.AsyncClient(server.url, client_id="app", token_store=store, environment={}) as client:
            await asyncio.gather(*(client.wallets.list() for _ in range(20)))

    asyncio.run(run())
    assert store.kept is not None
    assert (store.kept.access_token, store.kept.refresh_token) == ("t1", "r1")
    assert store.threads == {threading.get_ident()}
    assert len(server.asked) == 1


def test_a_store_in_a_file_is_shared_by_clients_and_is_its_owners_alone(server: Server, tmp_path: Path) -> None:
    store = oauth.FileTokenStore(tmp_path / "tokens.json")
    store.save(EXPIRED)
    for _ in range(2):
        with waypost.Client(server.url, client_id="app", token_store=store, environment={}) as client:
            client.wallets.list()
    assert len(server.asked) == 1
    kept = store.load()
    assert kept is not None and kept.refresh_token == "r1"
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600
    (tmp_path / "tokens.json").chmod(0o644)
    with pytest.raises(oauth.OAuthError, match="chmod 600"):
        store.load()
    with (
        waypost.Client(server.url, client_id="app", token_store=store, environment={}) as client,
        pytest.raises(oauth.OAuthError, match="chmod 600"),
    ):
        client.wallets.list()
    store.clear()
    assert store.load() is None


def test_a_store_that_is_none_is_refused_when_the_client_is_made() -> None:
    with pytest.raises(TypeError, match="save, clear"):
        waypost.Client("http://127.0.0.1:1", token_store=type("Half", (), {"load": lambda _: None})(), environment={})


def test_tokens_are_not_printed_and_go_into_json_and_back() -> None:
    tokens = oauth.TokenSet("hunter2", refresh_token="hunter3", expires_at=7, scope="a b")
    assert "hunter" not in repr(tokens)
    assert oauth.TokenSet.from_json(tokens.to_json()) == tokens
    with pytest.raises(ValueError, match="access_token"):
        oauth.TokenSet.from_dict({})
    with waypost.Client("http://127.0.0.1:1", client_id="app", tokens=tokens, environment={}) as client:
        assert "hunter" not in repr(client)


def test_an_error_survives_a_pickle() -> None:
    error = oauth.OAuthError("no", error="invalid_grant", error_description="used", status=400)
    again = pickle.loads(pickle.dumps(error))
    assert (again.error, again.error_description, again.error_uri, again.status) == ("invalid_grant", "used", None, 400)


@pytest.fixture
def machine(gateway: Gateway, client: waypost.Client) -> Iterator[dict[str, str]]:
    """The variables of an OAuth client of the gateway, and no others."""
    made = client.oauth_clients.create(
        name="machine", type="confidential", grant_types=["client_credentials"], scopes=["wallets:read"]
    )
    yield {"WAYPOST_BASE_URL": gateway.url, "WAYPOST_CLIENT_ID": made.client.id, "WAYPOST_CLIENT_SECRET": str(made.client_secret)}
    client.oauth_clients.delete(made.client.id)


def test_a_machine_calls_the_gateway_with_an_id_and_secret_alone(machine: dict[str, str]) -> None:
    with waypost.Client(environment=machine) as client:
        assert client.wallets.list().data is not None
        with pytest.raises(waypost.errors.PermissionDeniedError):
            client.wallets.create(currency="EUR")


def test_a_machine_that_was_deleted_is_told_so(machine: dict[str, str], client: waypost.Client) -> None:
    wrong = {**machine, "WAYPOST_CLIENT_SECRET": "wps_wrong"}
    with waypost.Client(environment=wrong) as mine, pytest.raises(oauth.OAuthError) as caught:
        mine.wallets.list()
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)
    assert "wps_wrong" not in str(caught.value)


def test_an_async_machine_too(machine: dict[str, str]) -> None:
    async def run() -> None:
        async with waypost.AsyncClient(environment=machine) as client:
            await asyncio.gather(*(client.wallets.list() for _ in range(50)))

    asyncio.run(run())
