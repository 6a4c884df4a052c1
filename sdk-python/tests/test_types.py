"""The types: mypy and pyright in strict mode over the package as it is installed, the examples and these tests; stubtest over the package; and a
file of mistakes, each of which must be found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import waypost

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples" / "python"
PACKAGE = Path(str(waypost.__file__)).parent

# A line that only looks at a value is what a mistake may be made of.
PYRIGHT = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "reportUnusedExpression": False, "reportUnusedCoroutine": False}


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=cwd)


def mypy(*arguments: str, cwd: Path) -> str:
    done = run("mypy", "--strict", "--no-error-summary", "--no-color-output", "--cache-dir", str(cwd / ".mypy"), *arguments, cwd=cwd)
    assert done.stderr == ""
    return done.stdout


def pyright(cwd: Path, *include: str, **settings: Any) -> list[tuple[str, int, str]]:
    """The mistakes: file, line, message."""
    (cwd / "pyrightconfig.json").write_text(json.dumps({**PYRIGHT, "include": include, "exclude": [], **settings}))
    done = run("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(cwd), cwd=cwd)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] > 0
    found = [one for one in report["generalDiagnostics"] if one["severity"] == "error"]
    return [(Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"]) for one in found]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What is installed, where type checkers take it for a program's own code and not for somebody else's."""
    shutil.copytree(PACKAGE, tmp_path / "waypost", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_package_holds_to_mypy(package: Path) -> None:
    assert mypy("-p", "waypost", cwd=package) == ""


def test_the_package_holds_to_mypy_as_of_the_oldest_python(package: Path) -> None:
    assert mypy("--python-version", "3.10", "-p", "waypost", cwd=package) == ""


def test_the_package_holds_to_pyright(package: Path) -> None:
    # It is written for 3.10, which pyright is told.
    assert pyright(package, "waypost", pythonVersion="3.10") == []


def test_the_package_is_what_its_types_say(tmp_path: Path) -> None:
    done = run("mypy.stubtest", "waypost", "--allowlist", str(HERE / "typing" / "stubtest-allowlist.txt"), "--ignore-unused-allowlist", cwd=tmp_path)
    assert done.stdout.startswith("Success"), done.stdout


@pytest.mark.parametrize("where", [EXAMPLES, HERE / "typing" / "must.py"], ids=["examples", "must"])
def test_programs_that_are_right_are_found_right(where: Path, tmp_path: Path) -> None:
    files = [where] if where.is_file() else sorted(where.glob("*.py"))
    for file in files:
        shutil.copy(file, tmp_path)
    assert mypy(*(file.name for file in files), cwd=tmp_path) == ""
    assert pyright(tmp_path, *(file.name for file in files)) == []


def test_every_mistake_is_found_by_both(tmp_path: Path) -> None:
    shutil.copy(HERE / "typing" / "must_not.py", tmp_path)
    lines = (tmp_path / "must_not.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 50
    by_mypy = {int(line) for line in re.findall(r"(?m)^must_not\.py:(\d+): error", mypy("must_not.py", cwd=tmp_path))}
    by_pyright = {line for _, line, _ in pyright(tmp_path, "must_not.py")}
    assert {"missed": wrong - by_mypy, "too many": by_mypy - wrong} == {"missed": set(), "too many": set()}
    assert {"missed": wrong - by_pyright, "too many": by_pyright - wrong} == {"missed": set(), "too many": set()}
