"""One client serves any number of threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import waypost
from stage import Stage, silence
from waypost import errors


def test_threads_share_a_client(client: waypost.Client) -> None:
    wallet = client.wallets.create(currency="EUR")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.wallets.get(wallet.id).id, range(200)))
    assert set(answers) == {wallet.id}


def test_threads_that_move_money_lose_none(client: waypost.Client) -> None:
    wallet = client.wallets.create(currency="EUR")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.wallets.credit(wallet.id, amount=1), range(80)))
    assert client.wallets.balance(wallet.id).balance == 80


def test_other_threads_run_while_one_waits() -> None:
    with Stage(silence) as server, waypost.Client(server.url, environment={}, max_retries=0) as client:
        caught: list[BaseException] = []

        def wait() -> None:
            try:
                client.system.health()
            except errors.WaypostError as error:
                caught.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        # This thread gets on while the other holds no lock of the interpreter; closing ends the other's call.
        while not server.requests:
            pass
        client.close()
        waiting.join(5)
        assert not waiting.is_alive()
    assert isinstance(caught[0], (errors.CancelledError, errors.ClosedError))


def test_a_client_made_in_one_thread_can_be_dropped_in_another(client: waypost.Client) -> None:
    made = [client.with_options(timeout=5)]
    thread = threading.Thread(target=made.clear)
    thread.start()
    thread.join()
    assert client.system.health().status == "ok"


@pytest.mark.parametrize("many", [64])
def test_many_threads_may_end_without_trace(client: waypost.Client, many: int) -> None:
    before = threading.active_count()
    for _ in range(many):
        thread = threading.Thread(target=client.system.health)
        thread.start()
        thread.join()
    assert threading.active_count() == before
