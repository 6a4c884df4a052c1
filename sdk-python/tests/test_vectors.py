"""Every file of `openapi/vectors` is run from Python, and none is run by nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import vectors

FILES = sorted(vectors.folder().glob("*.json"))


def cases() -> Iterator[Any]:
    for file in FILES:
        content = json.loads(file.read_text())
        for runner in vectors.RUNNERS.get(content["runner"], ()):
            name = getattr(runner, "__name__", "run")
            suffix = " (async)" if name.endswith("_async") else ""
            for case in content["cases"]:
                yield pytest.param(runner, case, id=f"{file.stem}: {case['name']}{suffix}")


@pytest.mark.parametrize(("runner", "case"), list(cases()))
def test_a_vector_holds(runner: Any, case: dict[str, Any]) -> None:
    assert case["expect"], "it expects nothing"
    assert vectors.differences(case["expect"], runner(case["input"])) == []


def test_there_are_vectors() -> None:
    assert len(FILES) >= 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_run_by_somebody(file: Any) -> None:
    content = json.loads(file.read_text())
    assert content["name"] == file.stem
    assert content["runner"] in vectors.RUNNERS, f"nobody runs {content['runner']}"
    assert content["cases"]


def test_every_runner_is_of_use() -> None:
    assert {json.loads(file.read_text())["runner"] for file in FILES} == set(vectors.RUNNERS)


def test_a_difference_is_noticed() -> None:
    assert vectors.differences({"a": {"min": 1}}, {"a": 0})
    assert vectors.differences({"a": [1]}, {"a": [1, 2]})
    assert vectors.differences({"a": {"mentions": ["x"], "omits": ["y"]}}, {"a": "y"})
    assert vectors.differences({"a": True}, {"a": 1})
    assert vectors.differences({"a": None}, {})
    assert not vectors.differences({"a": {"max": 2}, "b": [{"c": None}]}, {"a": 2, "b": [{"c": None, "d": 1}]})
