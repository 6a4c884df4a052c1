"""One story, told with the sync client: an account and a key, two wallets and the money that moves between them, a payment, refusals.

It needs a gateway: `WAYPOST_BASE_URL=http://127.0.0.1:8080 python story.py`. It makes an account of its own, so it can be told again on the
same gateway. It ends with 0 if everything went as told; if not, with a traceback that says what did not.
"""

from __future__ import annotations

import secrets

import waypost
from waypost import errors, models

PASSWORD = "seven wet umbrellas in a row"
PERMISSIONS = ["wallets:read", "wallets:write", "transactions:read", "payments:read", "payments:write"]


def main() -> None:
    # Settings come from the environment: WAYPOST_BASE_URL, and whatever else is set.
    with waypost.Client() as anybody:
        program = open_account(anybody)
        household, holiday = move_some_money(program)
        read_it_back(program, household)
        pay(program, household)
        meet_refusals(program, holiday)
    print("\nThat was the story.")


def open_account(anybody: waypost.Client) -> waypost.Client:
    """Makes an account, signs in, and makes an API key for the program that the rest of the story is about."""
    chapter("An account, and a key for a program")
    email = f"ada-{secrets.token_hex(8)}@example.com"
    registration = anybody.auth.register(
        email=email, password=PASSWORD, name="Ada Marlowe", tenant_name="Marlowe and Daughters"
    )
    say("auth.register", f"{registration.user.email} is {registration.user.role} of {registration.tenant.name}")

    tokens = anybody.auth.login(email=email, password=PASSWORD)
    say("auth.login", f"an access token for {tokens.expires_in} s")

    signed_in = anybody.with_options(access_token=tokens.access_token)
    created = signed_in.api_keys.create(name="Bookkeeping", permissions=PERMISSIONS)
    say("api_keys.create", f"{created.api_key.id}, its secret shown this once")
    return anybody.with_options(api_key=created.secret)


def move_some_money(program: waypost.Client) -> tuple[models.Wallet, models.Wallet]:
    """Opens two wallets, puts money into one, and moves some to the other."""
    chapter("Two wallets, and money that moves")
    household = program.wallets.create(currency="EUR", name="Household")
    holiday = program.wallets.create(currency="EUR", name="Holiday")
    say("wallets.create", f"{household.id} and {holiday.id}")

    salary = program.wallets.credit(household.id, amount=1000_00, description="Salary")
    say("wallets.credit", f"{money(salary.amount)} came in")

    for week in range(1, 5):
        moved = program.wallets.transfer(
            household.id, to_wallet_id=holiday.id, amount=25_00, description=f"Week {week}"
        )
        say("wallets.transfer", f"{money(moved.debit.amount)} here, {money(moved.credit.amount)} there")

    left = program.wallets.balance(household.id)
    say("wallets.balance", f"{money(left.balance)} left")
    assert left.balance == 900_00
    return household, holiday


def read_it_back(program: waypost.Client, wallet: models.Wallet) -> None:
    """Reads what happened to a wallet: item by item over all pages, and as a file."""
    chapter("What happened, read back")
    # The next page is asked for when it is wanted.
    amounts = [transaction.amount for transaction in program.wallets.transactions(wallet.id, limit=2)]
    say("wallets.transactions", ", ".join(map(money, amounts)))
    assert len(amounts) == 5

    with program.wallets.statement(wallet.id, format="csv") as statement:
        lines = list(statement.lines())
    say("wallets.statement", f"{len(lines)} lines of CSV, the first a heading")


def pay(program: waypost.Client, payer: models.Wallet) -> None:
    """Holds 40.00, takes 30.00 of it, gives 10.00 back."""
    chapter("A payment: held, captured in part, partly refunded")
    payment = program.payments.create(
        payer_wallet_id=payer.id,
        amount=40_00,
        currency="EUR",
        destination=models.ExternalDestination(reference="INV-2026-0042", name="Corner Bakery"),
        capture_method="manual",
    )
    say("payments.create", f"{payment.status}: {money(payment.amount)} held")
    payment = program.payments.capture(payment.id, amount=30_00)
    say("payments.capture", f"{payment.status}: {money(payment.captured_amount)} taken")
    payment = program.payments.refund(payment.id, amount=10_00)
    say("payments.refund", f"{payment.status}: {money(payment.refunded_amount)} given back")
    assert program.wallets.balance(payer.id).balance == 880_00


def meet_refusals(program: waypost.Client, wallet: models.Wallet) -> None:
    """Errors are classes to catch, and each says what the gateway said."""
    chapter("Refusals that say what is wrong")
    try:
        program.wallets.create(currency="euro", name="")
    except errors.ValidationError as error:
        for pointer, what in error.fields.items():
            say("wallets.create", f"{pointer}: {what}")

    try:
        program.wallets.debit(wallet.id, amount=1_000_000)
    except errors.UnprocessableError as error:
        say("wallets.debit", f"{error.code}, request {error.request_id}")
    else:
        raise AssertionError("a debit of more than there is, is refused")

    try:
        program.wallets.get("wal_019aba1ee5407a1b8c3d4e5f60718293")
    except errors.NotFoundError as error:
        say("wallets.get", f"{error.status} {error.code}")


def chapter(title: str) -> None:
    print(f"\n{title}")


def say(call: str, what: str) -> None:
    print(f"  {call:<22} {what}")


def money(minor: int) -> str:
    return f"{minor / 100:.2f} EUR"


if __name__ == "__main__":
    main()
