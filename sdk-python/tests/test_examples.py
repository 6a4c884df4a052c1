"""The examples run as a user runs them, against the real gateway."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import waypost
from gateway import Gateway
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


def test_every_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == {"story.py", "story_async.py", "webhook_receiver.py"}
