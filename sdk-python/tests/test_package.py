"""The package as it is installed: what is in it, what importing it costs, that all that is public is documented."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import waypost

PUBLIC = ("waypost", "waypost.errors", "waypost.middleware", "waypost.models", "waypost.oauth", "waypost.testing", "waypost.webhooks")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_what_is_tested_is_the_installed_package() -> None:
    assert "site-packages" in str(waypost.__file__)


def test_its_version_is_the_workspaces() -> None:
    cargo = (Path(__file__).resolve().parents[2] / "Cargo.toml").read_text()
    found = re.search(r'(?m)^\[workspace\.package\][^\[]*?^version = "([^"]+)"', cargo)
    assert found is not None
    assert waypost.__version__ == importlib.metadata.version("waypost") == found[1]


def test_a_native_part_of_another_version_is_refused_with_both_named() -> None:
    code = (
        "import waypost._version as v; v.__version__ = '9.9.9'\n"
        "import waypost\n"
        "try: waypost.Client\n"
        "except ImportError as error: print(error)"
    )
    told = python(code)
    assert "9.9.9" in told
    assert waypost.__version__ in told


def test_it_is_typed() -> None:
    assert (Path(str(waypost.__file__)).parent / "py.typed").exists()


def test_importing_it_loads_next_to_nothing() -> None:
    loaded = set(json.loads(python("import sys, json; before = set(sys.modules); import waypost; print(json.dumps(sorted(set(sys.modules) - before)))")))
    assert not {name for name in loaded if name.split(".")[0] in {"msgspec", "asyncio", "logging", "inspect", "json", "typing"}}
    assert {name for name in loaded if name.startswith("waypost")} == {"waypost", "waypost._version"}


def test_the_sync_client_does_not_load_asyncio() -> None:
    assert python("import sys, waypost; waypost.Client('https://api.example', environment={}); print('asyncio' in sys.modules)") == "False\n"


def seconds(what: str) -> float:
    """The processor's time, because whoever else runs on this machine is not what is asked about."""
    return float(python(f"import time; began = time.process_time(); {what}; print(time.process_time() - began)"))


def test_importing_it_takes_less_than_60_ms() -> None:
    assert any(seconds("import waypost") < 0.06 for _ in range(15))


def test_importing_its_clients_takes_less_than_importing_httpx() -> None:
    ours = [seconds("from waypost import Client, AsyncClient") for _ in range(5)]
    assert min(ours) < min(seconds("import httpx") for _ in range(5))


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_in_all_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    for public in module.__all__:
        assert getattr(module, public) is not None or public == "None"
    assert set(module.__all__) <= set(dir(module))


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        waypost.Clinet  # type: ignore[attr-defined]  # pyright: ignore  # noqa: B018


def test_no_public_module_is_missing_from_the_list() -> None:
    found = {f"waypost.{module.name}" for module in pkgutil.iter_modules(waypost.__path__) if not module.name.startswith("_")}
    assert found | {"waypost"} == set(PUBLIC)


def documented(module: ModuleType) -> list[str]:
    """What is public in a module and has no docstring."""
    missing = [] if module.__doc__ else [module.__name__]
    for name in module.__all__:
        value = getattr(module, name)
        place = f"{module.__name__}.{name}"
        if inspect.ismodule(value) or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not (value.__module__ or "").startswith("waypost"):
            continue
        if not value.__doc__:
            missing.append(place)
        if inspect.isclass(value):
            missing += members(value, place)
    return missing


def members(kind: type[Any], place: str) -> list[str]:
    missing: list[str] = []
    for base in kind.__mro__:
        if not base.__module__.startswith("waypost"):
            continue
        for name, member in vars(base).items():
            public = not name.startswith("_") or (name == "__init__" and "Client" in kind.__name__)
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", getattr(member, "func", member))
            if public and inspect.isfunction(function) and not function.__doc__:
                missing.append(f"{place}.{name}")
    return missing


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    assert documented(importlib.import_module(name)) == []


@pytest.mark.parametrize("kind", [waypost.Client, waypost.AsyncClient])
def test_every_resource_and_method_is_documented(kind: type[Any]) -> None:
    client = kind("https://api.example", environment={})
    resources = [name for name in dir(type(client)) if not name.startswith("_") and hasattr(getattr(client, name), "with_raw_response")]
    assert {"wallets", "payments", "auth", "api_keys", "sessions", "transactions", "system"} <= set(resources)
    for name in resources:
        resource = getattr(client, name)
        assert type(resource).__doc__
        assert members(type(resource), name) == []


@pytest.mark.parametrize("kind", [waypost.Client, waypost.AsyncClient])
def test_every_argument_of_a_client_is_documented(kind: type[Any]) -> None:
    for function in (kind.__init__, kind.with_options):
        parameters = [name for name in inspect.signature(function).parameters if name != "self"]
        documentation = inspect.getdoc(function) or ""
        assert [name for name in parameters if f"\n    {name}: " not in documentation] == []


def test_the_wheel_has_its_papers() -> None:
    metadata = importlib.metadata.metadata("waypost")
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"].startswith("text/markdown")
    files = [str(file) for file in importlib.metadata.files("waypost") or ()]
    assert any("LICENSE" in file for file in files)
    assert not [file for file in files if file.startswith(("tests/", "benches/"))]
