"""What is logged, to whom, and that no secret is."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from waypost.testing import FakeAPI


@pytest.fixture
def api() -> FakeAPI:
    return FakeAPI()


def test_a_call_is_one_line_and_each_attempt_another(api: FakeAPI, caplog: pytest.LogCaptureFixture) -> None:
    api.on("system.health").problem(503, times=1).reply({}, headers={"x-request-id": "req_2"})
    with caplog.at_level(logging.DEBUG, logger="waypost"):
        api.client().system.with_raw_response.health()
    assert [(record.name, record.levelname) for record in caplog.records] == [("waypost", "WARNING"), ("waypost", "DEBUG"), ("waypost", "INFO")]
    first, second, call = (record.getMessage() for record in caplog.records)
    assert first.startswith("system_health attempt 1: 503 in ")
    assert first.endswith("tried again")
    assert second.startswith("system_health attempt 2: 200 in ")
    assert call.startswith("system_health succeeded: 200 in ")
    assert call.endswith("2 attempts, request req_2")


def test_an_attempt_that_was_followed_by_another_is_a_warning(api: FakeAPI, caplog: pytest.LogCaptureFixture) -> None:
    api.on("system.health").problem(503, times=1).reply({})
    with caplog.at_level(logging.WARNING, logger="waypost"):
        api.client().system.with_raw_response.health()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_call_that_failed_is_an_error(api: FakeAPI, caplog: pytest.LogCaptureFixture) -> None:
    api.on("system.health").problem(404, "not_found", "nothing here")
    with caplog.at_level(logging.INFO, logger="waypost"), pytest.raises(Exception, match="nothing here"):
        api.client().system.health()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "NotFoundError" in caplog.text


def test_a_record_carries_its_facts(api: FakeAPI, caplog: pytest.LogCaptureFixture) -> None:
    api.on("system.health").problem(503)
    with caplog.at_level(logging.ERROR, logger="waypost"), pytest.raises(Exception, match="503"):
        api.client(max_retries=0).system.health()
    facts = caplog.records[0].waypost  # type: ignore[attr-defined]
    assert (facts["operation"], facts["status"], facts["attempts"]) == ("system_health", 503, 1)


def test_nothing_is_printed_unless_it_is_asked_for(tmp_path: object) -> None:
    code = (
        "from waypost.testing import FakeAPI; api = FakeAPI(); api.on('*').problem(404)\n"
        "try: api.client().system.health()\n"
        "except Exception: pass"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(("level", "lines"), [("off", 0), ("error", 0), ("info", 1), ("DEBUG", 2)])
def test_the_environment_turns_it_on(level: str, lines: int) -> None:
    code = (
        "import waypost, os\n"
        "from stage import Stage, answer\n"
        "with Stage(answer('{\"status\":\"ok\",\"version\":\"0\",\"uptime_seconds\":1,\"checked_at\":\"x\",\"checks\":[]}')) as server:\n"
        "    waypost.Client(server.url).system.health(); waypost.Client(server.url).close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rsplit("/", 1)[0],
        env={"PATH": "", "WAYPOST_LOG": level},
    )
    assert len(done.stderr.splitlines()) == lines
