"""The whole story against the real gateway: accounts, keys, wallets, transfers, pages, statements, payments."""

from __future__ import annotations

import secrets

import pytest
import waypost
from gateway import Gateway
from waypost import errors, models


@pytest.fixture
def wallet(client: waypost.Client) -> models.Wallet:
    return client.wallets.create(currency="EUR", name="Household")


@pytest.fixture
def funded(client: waypost.Client, wallet: models.Wallet) -> models.Wallet:
    client.wallets.credit(wallet.id, amount=100_000, description="Salary")
    return wallet


def test_a_wallet_is_made_and_read_back(client: waypost.Client) -> None:
    made = client.wallets.create(currency="EUR", name="Household", metadata={"customer": "C-2207"})
    assert (made.currency, made.name, made.status, made.balance) == ("EUR", "Household", "active", 0)
    assert client.wallets.get(made.id) == made


def test_money_moves_between_wallets(client: waypost.Client, funded: models.Wallet) -> None:
    holiday = client.wallets.create(currency="EUR")
    moved = client.wallets.transfer(funded.id, to_wallet_id=holiday.id, amount=25_00, description="Week 1")
    assert moved.debit.amount == -25_00
    assert moved.credit.amount == 25_00
    assert client.wallets.balance(funded.id).balance == 100_000 - 25_00


def test_a_field_that_was_not_given_is_unset_and_not_none(client: waypost.Client) -> None:
    assert client.wallets.create(currency="EUR").name is waypost.UNSET


def test_a_list_goes_through_all_of_its_pages(client: waypost.Client, funded: models.Wallet) -> None:
    for _ in range(6):
        client.wallets.debit(funded.id, amount=1)
    amounts = [one.amount for one in client.wallets.transactions(funded.id, limit=2)]
    assert amounts == [-1] * 6 + [100_000]


def test_a_page_can_be_looked_at_by_itself(client: waypost.Client, funded: models.Wallet) -> None:
    client.wallets.debit(funded.id, amount=1)
    page = client.wallets.transactions(funded.id, limit=1)
    assert (len(page.data), page.has_more) == (1, True)
    assert page.next_cursor is not None
    assert client.wallets.transactions(funded.id, limit=1, cursor=page.next_cursor).data[0].amount == 100_000


def test_pages_come_one_by_one(client: waypost.Client, funded: models.Wallet) -> None:
    for _ in range(3):
        client.wallets.debit(funded.id, amount=1)
    assert [len(page.data) for page in client.wallets.transactions(funded.id, limit=3).pages()] == [3, 1]


def test_a_page_knows_the_one_after_it(client: waypost.Client, funded: models.Wallet) -> None:
    client.wallets.debit(funded.id, amount=1)
    page = client.wallets.transactions(funded.id, limit=1)
    second = page.next_page()
    assert second is not None
    assert second.next_page() is None
    again = page.next_page()
    assert again is not None
    assert again.data == second.data


def test_a_statement_is_streamed(client: waypost.Client, funded: models.Wallet) -> None:
    client.wallets.debit(funded.id, amount=1)
    with client.wallets.statement(funded.id, format="csv") as statement:
        assert statement.status == 200
        lines = list(statement.lines())
    assert len(lines) == 3
    assert "amount" in lines[0]


def test_a_payment_is_held_captured_and_refunded(client: waypost.Client, funded: models.Wallet) -> None:
    payment = client.payments.create(
        payer_wallet_id=funded.id,
        amount=4_000,
        currency="EUR",
        destination=models.ExternalDestination(reference="INV-2026-0042", name="Corner Bakery"),
        capture_method="manual",
    )
    assert isinstance(payment.destination, models.ExternalDestination)
    assert client.wallets.balance(funded.id).held == 4_000
    assert client.payments.capture(payment.id, amount=3_000).captured_amount == 3_000
    assert client.payments.refund(payment.id, amount=1_000).refunded_amount == 1_000
    assert client.wallets.balance(funded.id).balance == 98_000


def test_a_person_signs_up_in_and_out(gateway: Gateway) -> None:
    email, password = f"ada-{secrets.token_hex(6)}@example.com", "seven wet umbrellas in a row"
    with waypost.Client(gateway.url, environment={}) as anybody:
        registered = anybody.auth.register(email=email, password=password, name="Ada Marlowe")
        tokens = anybody.auth.login(email=email, password=password)
        person = anybody.with_options(access_token=tokens.access_token)
        assert person.auth.me().user.id == registered.user.id
        assert [session.current for session in person.sessions.list()] == [True]
        renewed = anybody.auth.refresh(refresh_token=tokens.refresh_token)
        assert anybody.with_options(access_token=renewed.access_token).auth.logout() is None
        with pytest.raises(errors.AuthenticationError):
            anybody.auth.refresh(refresh_token=renewed.refresh_token)


def test_a_key_may_do_what_it_was_made_for_and_no_more(client: waypost.Client) -> None:
    created = client.api_keys.create(name="Bookkeeping", permissions=["wallets:read"])
    reader = client.with_options(api_key=created.secret)
    reader.wallets.list()
    with pytest.raises(errors.PermissionDeniedError) as caught:
        reader.wallets.create(currency="EUR")
    assert caught.value.code == "permission_denied"
    rotated = client.api_keys.rotate(created.api_key.id, grace_seconds=0)
    with pytest.raises(errors.AuthenticationError):
        reader.wallets.list()
    client.with_options(api_key=rotated.secret).wallets.list()
    assert client.api_keys.revoke(created.api_key.id) is None
    assert client.api_keys.get(created.api_key.id).status == "revoked"


def test_text_is_answered_as_str(client: waypost.Client) -> None:
    assert "\nopenapi: 3.0.3\n" in client.system.openapi()


def test_the_same_key_moves_the_money_once(client: waypost.Client, funded: models.Wallet) -> None:
    key = secrets.token_hex(16)
    first = client.wallets.debit(funded.id, amount=100, options={"idempotency_key": key})
    again = client.wallets.with_raw_response.debit(funded.id, amount=100, options={"idempotency_key": key})
    assert again.parsed == first
    assert again.headers["Idempotency-Replayed"] == "true"
    assert client.wallets.balance(funded.id).balance == 100_000 - 100


def test_the_same_key_for_something_else_is_refused(client: waypost.Client, funded: models.Wallet) -> None:
    key = secrets.token_hex(16)
    client.wallets.debit(funded.id, amount=100, options={"idempotency_key": key})
    with pytest.raises(errors.UnprocessableError) as caught:
        client.wallets.debit(funded.id, amount=101, options={"idempotency_key": key})
    assert caught.value.code == "idempotency_key_reused"


def test_an_answer_that_still_holds_is_not_sent_again(client: waypost.Client, wallet: models.Wallet) -> None:
    first = client.wallets.with_raw_response.get(wallet.id)
    second = client.wallets.with_raw_response.get(wallet.id)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert second.attempts[-1].status == 304
    assert second.parsed == first.parsed


def test_a_raw_response_tells_how_it_came(client: waypost.Client, wallet: models.Wallet) -> None:
    response = client.wallets.with_raw_response.get(wallet.id)
    assert response.status == 200
    assert response.parsed.id == wallet.id
    assert response.request_id == response.headers["X-Request-Id"]
    assert [attempt.number for attempt in response.attempts] == [1]
    assert response.url.endswith(f"/v1/wallets/{wallet.id}")


def test_a_raw_list_has_its_page(client: waypost.Client, wallet: models.Wallet) -> None:
    response = client.wallets.with_raw_response.list(limit=1)
    assert response.status == 200
    assert response.parsed.data[0].id == wallet.id


def test_what_only_the_gateway_knows_is_named_with_its_pointer(client: waypost.Client) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        client.wallets.create(currency="QQQ")
    error = caught.value
    assert (error.status, error.code, len(error.attempts)) == (422, "validation_failed", 1)
    assert set(error.fields) == {"/currency"}


def test_a_broken_bound_is_named_before_anything_is_sent(client: waypost.Client) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        client.wallets.create(currency="euro", name="")
    error = caught.value
    assert (error.status, error.code, len(error.attempts)) == (422, "validation_failed", 0)
    assert set(error.fields) == {"/currency", "/name"}


def test_a_refusal_says_why(client: waypost.Client, wallet: models.Wallet) -> None:
    with pytest.raises(errors.UnprocessableError) as caught:
        client.wallets.debit(wallet.id, amount=1)
    error = caught.value
    assert (error.status, error.code) == (422, "insufficient_funds")
    assert error.request_id
    assert [attempt.status for attempt in error.attempts] == [422]


def test_what_is_not_there_is_not_found(client: waypost.Client) -> None:
    with pytest.raises(errors.NotFoundError) as caught:
        client.wallets.get("wal_019aba1ee5407a1b8c3d4e5f60718293")
    assert caught.value.operation == "wallets_get"
    assert caught.value.method == "GET"


def test_a_state_that_does_not_allow_it_is_a_conflict(client: waypost.Client, wallet: models.Wallet) -> None:
    client.wallets.freeze(wallet.id, reason="Lost card")
    with pytest.raises(errors.ConflictError):
        client.wallets.debit(wallet.id, amount=1)


def test_a_filter_is_sent(client: waypost.Client, wallet: models.Wallet) -> None:
    client.wallets.freeze(wallet.id)
    assert wallet.id in [one.id for one in client.wallets.list(status=["frozen"])]
    assert wallet.id not in [one.id for one in client.wallets.list(status=["active"])]
