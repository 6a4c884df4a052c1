"""Each snippet of the README, and of the repository's, runs as it is pasted, against the real gateway; the first one in an empty environment with nothing but the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from gateway import Gateway

PACKAGE = Path(__file__).resolve().parents[1]
SNIPPETS = [
    snippet
    for readme in (PACKAGE / "README.md", PACKAGE.parent / "README.md")
    for snippet in re.findall(r"(?ms)^```python\n(.*?)^```", readme.read_text(encoding="utf-8"))
]


def run(python: str, snippet: str, gateway: Gateway) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, "-W", "error", "-c", snippet], capture_output=True, text=True, env={**environment, **gateway.environment}, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: re.sub(r"\s+", " ", snippet)[:40])
def test_a_snippet_runs_as_it_is_pasted(snippet: str, gateway: Gateway) -> None:
    run(sys.executable, snippet, gateway)


def test_the_readme_has_its_snippets() -> None:
    assert len(SNIPPETS) >= 10


def test_the_wheel_alone_in_an_empty_environment_runs_the_first_snippet(tmp_path: Path, gateway: Gateway) -> None:
    wheel = os.environ.get("WAYPOST_WHEEL")
    if wheel is None:
        pytest.skip("WAYPOST_WHEEL names no wheel: run sdk-python/scripts/test")
    venv.create(tmp_path / "empty", with_pip=True)
    python = str(tmp_path / "empty" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    run(python, SNIPPETS[0], gateway)
