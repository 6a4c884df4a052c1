"""The examples run as a user runs them, against the real gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import waypost
from gateway import Gateway
from person import Person, ask
from waypost import webhooks

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def run(name: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_sync_story_goes_as_told(gateway: Gateway) -> None:
    told = run("story.py", {"WAYPOST_BASE_URL": gateway.url})
    assert told.endswith("That was the story.\n")
    assert "/currency" in told
    assert "insufficient_funds" in told


def test_the_async_story_goes_as_told(gateway: Gateway) -> None:
    told = run("story_async.py", gateway.environment)
    assert "900.00 EUR left" in told
    assert "gave up waiting" in told


@pytest.mark.filterwarnings("ignore")
def test_the_webhook_receiver_takes_what_is_genuine(
    gateway: Gateway, client: waypost.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    for name, value in {**gateway.environment, "WEBHOOK_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import webhook_receiver  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    wallet = client.wallets.create(currency="EUR", name="Household")
    client.wallets.credit(wallet.id, amount=12_50)
    body = b'{"type": "wallet.credited", "data": {"wallet_id": "%s"}}' % wallet.id.encode()
    genuine = webhooks.signed_headers(body, SECRET, id="evt_1")
    app: Any = webhook_receiver.app
    with testclient.TestClient(app) as sender:
        assert sender.post("/webhooks", content=body, headers=genuine).status_code == 204
        assert sender.post("/webhooks", content=body, headers=genuine).status_code == 204
        refused = sender.post("/webhooks", content=body + b" ", headers=genuine)
        assert refused.status_code == 400
        assert "signature" in refused.json()["detail"]
    assert capsys.readouterr().out.count("wallet.credited: Household now holds 12.50 EUR") == 1


def sign_in(gateway: Gateway, arguments: list[str], client: tuple[str, str], person: Callable[[str], object] = lambda said: None) -> str:
    """Runs `sign_in.py`; the person does something when it says something."""
    settings = {"WAYPOST_BASE_URL": gateway.url, "WAYPOST_CLIENT_ID": client[0], **({"WAYPOST_CLIENT_SECRET": client[1]} if client[1] else {})}
    command = [sys.executable, "-W", "error", str(EXAMPLES / "sign_in.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **settings}) as child:
        assert child.stdout is not None and child.stderr is not None
        said = ""
        for line in child.stdout:
            said += line
            person(line)
        wrong = child.stderr.read()
    assert (child.returncode, wrong) == (0, "")
    return said


def test_a_program_signs_in_for_itself_by_its_id_and_secret(gateway: Gateway) -> None:
    client = Person(gateway.url).client(type="confidential", grant_types=["client_credentials"], redirect_uris=[])
    assert sign_in(gateway, ["client-credentials"], client) == "Signed in: 0 wallets\n"


def test_a_person_signs_in_by_their_browser_and_on_another_device_and_the_tokens_of_the_file_are_renewed_later(
    gateway: Gateway, tmp_path: Path
) -> None:
    person = Person(gateway.url)
    grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    client = person.client(grant_types=grants, redirect_uris=["http://127.0.0.1/callback"])
    file = tmp_path / "tokens.json"

    def by_browser(line: str) -> None:
        if line.startswith("Open this address in a browser: "):
            assert "You are signed in" in ask(person.decide(line.split()[-1]))[2]

    assert sign_in(gateway, ["browser", str(file)], client, by_browser).endswith("Signed in: 0 wallets\n")

    def on_a_device(line: str) -> None:
        if line.startswith("Visit "):
            _, address, *_, code = line.split()
            person.decide(f"{address}?user_code={code}")

    assert sign_in(gateway, ["device", str(file)], client, on_a_device).endswith("Signed in: 0 wallets\n")
    before = json.loads(file.read_text())
    file.write_text(json.dumps({**before, "expires_at": 1}))
    assert sign_in(gateway, ["refresh", str(file)], client) == "Signed in: 0 wallets\n"
    after = json.loads(file.read_text())
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]


def test_every_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == {"sign_in.py", "story.py", "story_async.py", "webhook_receiver.py"}
