"""The fake of the API for a program's own tests: the real client, a scripted server, a clock that waits for nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import waypost
from waypost import errors, models
from waypost.testing import FakeAPI, Recorded, Reply, UnexpectedCall, example


@pytest.fixture
def api() -> FakeAPI:
    return FakeAPI()


def test_a_model_is_answered_and_the_call_recorded(api: FakeAPI) -> None:
    api.on("wallets.credit").reply(example(models.Transaction, amount=500), status=201)
    answer = api.client().wallets.credit("wal_1", amount=500, description="Salary")
    assert answer.amount == 500
    (call,) = api.calls
    assert (call.operation, call.method, call.path, call.attempt) == ("wallets_credit", "POST", "/v1/wallets/wal_1/credit", 1)
    assert call.json() == {"amount": 500, "description": "Salary"}
    assert call.headers["idempotency-key"]


def test_retries_take_no_time(api: FakeAPI) -> None:
    api.on("wallets.get").problem(503, retry_after=20, times=2).reply(example(models.Wallet))
    began = time.monotonic()
    api.client().wallets.get("wal_1")
    assert time.monotonic() - began < 5
    assert api.elapsed >= 40
    assert [round(wait) for wait in api.waits] == [20, 20]
    assert [call.attempt for call in api.calls] == [1, 2, 3]


def test_answers_are_used_in_turn_and_the_last_one_stays(api: FakeAPI) -> None:
    api.on("wallets.get").reply(example(models.Wallet, balance=1)).reply(example(models.Wallet, balance=2), times=2).reply(example(models.Wallet, balance=3))
    client = api.client()
    assert [client.wallets.get("wal_1").balance for _ in range(5)] == [1, 2, 2, 3, 3]


def test_a_problem_is_the_typed_error(api: FakeAPI) -> None:
    api.on("wallets.debit").problem(422, "validation_failed", "look at it", errors={"/amount": "is odd"})
    with pytest.raises(errors.ValidationError) as caught:
        api.client().wallets.debit("wal_1", amount=3)
    assert (caught.value.code, caught.value.fields) == ("validation_failed", {"/amount": "is odd"})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("connect", errors.ConnectionError),
        ("tls", errors.ConnectionError),
        ("reset", errors.ConnectionError),
        ("interrupted", errors.ConnectionError),
        ("timeout", errors.TimeoutError),
    ],
)
def test_a_fault_is_the_typed_error(api: FakeAPI, fault: str, error: type[Exception]) -> None:
    api.on("wallets.get").fail(fault, times=9)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(error):
        api.client().wallets.get("wal_1")
    # A handshake that fails and an answer that breaks off would do so again.
    assert len(api.calls) == (1 if fault in ("tls", "interrupted") else 3)


def test_an_answer_that_comes_too_late_is_a_timeout(api: FakeAPI) -> None:
    api.on("wallets.get").reply({}, after=20)
    with pytest.raises(errors.TimeoutError):
        api.client(max_retries=0).wallets.get("wal_1")
    assert api.elapsed == 15


def test_a_body_that_breaks_off_is_a_connection_error(api: FakeAPI) -> None:
    api.on("wallets.get").reply({}, body_fault="interrupted")
    with pytest.raises(errors.ConnectionError):
        api.client(max_retries=0).wallets.get("wal_1")


def test_pages_are_answered_by_their_cursors(api: FakeAPI) -> None:
    wallets = [example(models.Wallet, id=f"wal_{number}") for number in range(5)]
    api.on("wallets.list").pages(wallets[:2], wallets[2:4], wallets[4:])
    assert [wallet.id for wallet in api.client().wallets.list()] == [f"wal_{number}" for number in range(5)]
    assert [call.query.get("cursor") for call in api.calls] == [None, ["page_1"], ["page_2"]]


def test_a_function_may_answer(api: FakeAPI) -> None:
    def answer(request: Recorded) -> Reply:
        return Reply(example(models.Wallet, id=request.path.rsplit("/", 1)[1]))

    api.on("wallets.get").handle(answer)
    assert api.client().wallets.get("wal_7").id == "wal_7"


def test_a_condition_picks_the_answer(api: FakeAPI) -> None:
    api.on("wallets.get").problem(404)
    api.on("wallets.get", where=lambda request: request.path.endswith("wal_1")).reply(example(models.Wallet))
    client = api.client()
    client.wallets.get("wal_1")
    with pytest.raises(errors.NotFoundError):
        client.wallets.get("wal_2")


def test_a_call_without_an_answer_says_what_to_add(api: FakeAPI) -> None:
    with pytest.raises(UnexpectedCall, match=r"api\.on\('wallets_get'\)"):
        api.client().wallets.get("wal_1")
    api.on("wallets.get")
    with pytest.raises(UnexpectedCall, match="has no answer"):
        api.client().wallets.get("wal_1")
    api.on("wallets.get").reply(example(models.Wallet), times=1)
    client = api.client()
    client.wallets.get("wal_1")
    with pytest.raises(UnexpectedCall, match="more often"):
        client.wallets.get("wal_1")


def test_an_operation_that_is_not_there_is_refused_with_the_nearest(api: FakeAPI) -> None:
    with pytest.raises(ValueError, match="did you mean wallets_create"):
        api.on("wallets.creat")


def test_the_async_client_runs_on_it_too(api: FakeAPI) -> None:
    api.on("wallets.get").problem(503, retry_after=20, times=1).reply(example(models.Wallet, id="wal_1"))
    api.on("wallets.list").pages([example(models.Wallet)], [example(models.Wallet)])

    async def story() -> None:
        async with api.async_client() as client:
            assert (await client.wallets.get("wal_1")).id == "wal_1"
            assert len([wallet async for wallet in client.wallets.list()]) == 2

    began = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - began < 5
    assert api.elapsed >= 20


def test_a_stream_is_answered(api: FakeAPI) -> None:
    api.on("wallets.statement").reply(body="a,b\n1,2\n", headers={"content-type": "text/csv"})
    with api.client().wallets.statement("wal_1", format="csv") as statement:
        assert list(statement.lines()) == ["a,b", "1,2"]


def test_the_clock_can_be_moved(api: FakeAPI) -> None:
    api.on("system.health").problem(503)
    client = api.client(max_retries=0, breaker={"minimum_attempts": 1, "failure_percent": 1, "reset": 30.0})
    with pytest.raises(errors.ServerError):
        client.system.health()
    with pytest.raises(errors.CircuitOpenError):
        client.system.health()
    api.advance(61)
    with pytest.raises(errors.ServerError):
        client.system.health()


def test_settings_that_mean_nothing_here_are_refused(api: FakeAPI) -> None:
    with pytest.raises(TypeError, match="proxy"):
        api.client(proxy="http://x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_an_example_fills_in_what_is_required() -> None:
    wallet = example(models.Wallet, balance=5)
    assert (wallet.balance, wallet.held, wallet.created_at, wallet.name) == (5, 0, "2026-01-01T00:00:00Z", waypost.UNSET)
    with pytest.raises(TypeError, match="colour"):
        example(models.Wallet, colour="red")


def test_an_example_of_a_list_that_may_not_be_empty_has_items_of_its_kind() -> None:
    assert example(models.ClientKeys).keys == [models.ClientKey(kty="string", kid="string")]


def test_an_example_of_a_union_is_the_variant_that_is_named() -> None:
    assert isinstance(example(models.Event), models.WalletCreatedEvent)
    assert isinstance(example(models.Event, type="payment.captured", id="evt_1"), models.PaymentCapturedEvent)
    with pytest.raises(TypeError, match="no variant has the `type` 'wallet.lost'"):
        example(models.Event, type="wallet.lost")


def test_an_example_of_any_json_object_holds_what_is_given() -> None:
    assert example(models.OAuthRevocation) == {}
    assert example(models.ConfigDocument, version=1) == {"version": 1}


MODELS = [name for name in models.__all__ if isinstance(getattr(models, name), type(msgspec.Struct))]


@pytest.mark.parametrize("name", MODELS)
def test_there_is_an_example_of_every_model(name: str) -> None:
    kind = getattr(models, name)
    made = example(kind)
    from waypost._model import decoder, encode

    try:
        back = decoder(kind)(encode(made))
    except msgspec.ValidationError as error:
        # Made-up text follows no pattern; only what a program sends has patterns.
        assert "matching regex" in str(error)
    else:
        assert back == made


def test_it_starts_in_milliseconds(api: FakeAPI) -> None:
    began = time.process_time()
    for _ in range(20):
        FakeAPI().client()
    assert (time.process_time() - began) / 20 < 0.02


def test_pytest_finds_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(
        "from waypost import models\n"
        "from waypost.testing import example\n"
        "def test_it(waypost_api):\n"
        "    waypost_api.on('wallets.get').reply(example(models.Wallet, id='wal_1'))\n"
        "    assert waypost_api.client().wallets.get('wal_1').id == 'wal_1'\n"
    )
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], capture_output=True, text=True, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixture_costs_users_of_pytest_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    loaded = [name for name in sys.modules if name.startswith('waypost')]\n"
        "    assert set(loaded) <= {'waypost', 'waypost._version', 'waypost._pytest_plugin'}\n"
        "    assert 'msgspec' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], capture_output=True, text=True, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
