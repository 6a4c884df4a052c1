"""People who sign in by `waypost.oauth`, at the real gateway: sync and async."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from gateway import Gateway
from person import Person, ask
from waypost import errors
from waypost.oauth import AsyncSignIn, DeviceProgress, FileTokenStore, MemoryTokenStore, SignIn, TokenSet

GRANTS = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]


@pytest.fixture(scope="module")
def person(gateway: Gateway) -> Person:
    return Person(gateway.url)


@pytest.fixture(scope="module")
def client_id(person: Person) -> str:
    return person.client(grant_types=GRANTS, redirect_uris=["http://127.0.0.1/callback"])[0]


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Where the person is while the program waits."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Programs:
    """The sync and the async half, called alike."""

    def __init__(self, kind: type[Any], settings: dict[str, Any]) -> None:
        self.kind = kind
        self.settings = settings

    def __call__(self, way: str, *arguments: Any, store: Any = None, **options: Any) -> Any:
        made = self.kind(**self.settings, token_store=store, environment={})
        outcome = getattr(made, way)(*arguments, **options)
        return asyncio.run(outcome) if self.kind is AsyncSignIn else outcome


@pytest.fixture(params=[SignIn, AsyncSignIn], ids=["sync", "async"])
def sign_in(request: pytest.FixtureRequest, gateway: Gateway, client_id: str) -> Programs:
    return Programs(request.param, {"base_url": gateway.url, "client_id": client_id, "scope": "wallets:read"})


def works(gateway: Gateway, tokens: TokenSet) -> bool:
    return ask(f"{gateway.url}/v1/wallets", headers={"authorization": f"Bearer {tokens.access_token}"})[0] == 200


def test_a_program_signs_a_person_in_by_their_browser_and_strangers_end_nothing(
    gateway: Gateway, person: Person, sign_in: Programs, elsewhere: ThreadPoolExecutor, tmp_path: Path
) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    seen: list[Future[Any]] = []

    def comes_back(url: str) -> tuple[list[int], str]:
        back = person.decide(url)
        strange = [back.replace("state=", "state=x"), back.replace("/callback", "/favicon.ico")]
        return [ask(address)[0] for address in strange], ask(back)[2]

    tokens = sign_in("with_browser", lambda url: seen.append(elsewhere.submit(comes_back, url)), store=store)
    statuses, page = seen[0].result()
    assert statuses == [400, 404]
    assert "You are signed in" in page
    assert works(gateway, tokens)
    assert tokens.scope == "wallets:read"
    assert store.load() == tokens
    assert tokens.access_token not in repr(tokens)


def test_a_person_who_says_no_ends_it_with_the_servers_word(
    person: Person, sign_in: Programs, elsewhere: ThreadPoolExecutor
) -> None:
    seen: list[Future[str]] = []
    with pytest.raises(errors.OAuthError) as caught:
        sign_in("with_browser", lambda url: seen.append(elsewhere.submit(lambda: ask(person.decide(url, "deny"))[2])))
    assert caught.value.error == "access_denied"
    assert "not signed in" in seen[0].result()


def test_nobody_who_comes_back_is_a_timeout_and_nothing_listens_afterwards(sign_in: Programs) -> None:
    opened: list[str] = []
    before = threading.active_count()
    with pytest.raises(errors.TimeoutError, match="nobody came back"):
        sign_in("with_browser", opened.append, limit=0.05)
    uri = urlsplit(parse_qs(urlsplit(opened[0]).query)["redirect_uri"][0])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", uri.port or 0), timeout=1)
    assert threading.active_count() <= before


def test_a_port_that_is_taken_is_told(sign_in: Programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(errors.ConfigError, match="can listen on"):
        sign_in("with_browser", lambda url: None, port=other.getsockname()[1])


def test_a_web_application_takes_its_people_back_once_and_no_others(gateway: Gateway, person: Person) -> None:
    redirect = "https://app.example/callback"
    id, secret = person.client(type="confidential", redirect_uris=[redirect])
    store = MemoryTokenStore()
    app = SignIn(gateway.url, client_id=id, client_secret=secret, token_store=store, environment={})
    code, other = app.begin(redirect), app.begin(redirect)
    back = person.decide(code.url)
    assert secret not in repr(app)
    assert code.state not in repr(code)
    with pytest.raises(errors.OAuthError) as caught:
        other.finish(back)
    assert caught.value.error == "state_mismatch"
    tokens = code.finish(back)
    assert works(gateway, tokens)
    assert store.load() == tokens


def test_a_device_is_let_in_by_its_code_typed_elsewhere(
    gateway: Gateway, person: Person, sign_in: Programs, elsewhere: ThreadPoolExecutor
) -> None:
    told: list[DeviceProgress] = []

    def show(progress: DeviceProgress) -> None:
        told.append(progress)
        if progress.polls == 0:
            elsewhere.submit(person.decide, f"{progress.verification_uri}?user_code={progress.user_code}")

    tokens = sign_in("with_device", show)
    assert works(gateway, tokens)
    assert (told[0].polls, told[0].wait) == (0, 5.0)
    assert told[0].verification_uri_complete


def test_what_the_progress_function_raises_ends_the_sign_in(sign_in: Programs) -> None:
    def show(_: DeviceProgress) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        sign_in("with_device", show)


def test_a_task_that_is_cancelled_gives_a_device_up(gateway: Gateway, client_id: str) -> None:
    async def run() -> float:
        shown = asyncio.Event()
        program = AsyncSignIn(gateway.url, client_id=client_id, environment={})
        task = asyncio.ensure_future(program.with_device(lambda _: shown.set()))
        await shown.wait()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(run()) < 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows interrupts programs in another way")
@pytest.mark.parametrize("way", ["browser", "device"])
def test_ctrl_c_gives_a_sign_in_up(gateway: Gateway, client_id: str, way: str) -> None:
    script = {
        "browser": "SignIn().with_browser(lambda url: print(url, flush=True))",
        "device": "SignIn().with_device(lambda shown: print(shown.user_code, flush=True))",
    }
    environment = {**os.environ, "WAYPOST_BASE_URL": gateway.url, "WAYPOST_CLIENT_ID": client_id}
    # A test run in the background of a shell is started with the signal ignored, and so are its children.
    heeded = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeded}\nfrom waypost.oauth import SignIn\n{script[way]}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip()
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=10)
    assert time.monotonic() - began < 4
    assert "KeyboardInterrupt" in told


def test_a_server_that_is_not_there_is_a_connection_error(sign_in: Programs) -> None:
    sign_in.settings["base_url"] = "http://127.0.0.1:9"
    with pytest.raises(errors.ConnectionError, match="metadata"):
        sign_in("begin", "http://127.0.0.1/callback")


def test_settings_are_the_environments_where_the_program_gives_none(
    gateway: Gateway, client_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.ConfigError, match="base_url"):
        SignIn(environment={})
    monkeypatch.setenv("WAYPOST_BASE_URL", gateway.url)
    monkeypatch.setenv("WAYPOST_CLIENT_ID", client_id)
    monkeypatch.setenv("WAYPOST_API_KEY", gateway.key)
    assert f"client_id={client_id}" in SignIn().begin("http://127.0.0.1/callback").url
