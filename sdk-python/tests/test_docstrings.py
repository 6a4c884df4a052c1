"""The example in every method's docstring runs as it stands, in both halves, and every docstring says what Google's style asks for."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from waypost._call import Described, EventOperation, ListOperation, StreamOperation
from waypost._generated import resources
from waypost.testing import FakeAPI, example


def described() -> list[Any]:
    """Every operation's description."""
    modules = [importlib.import_module(f"{resources.__name__}.{one.name}") for one in pkgutil.iter_modules(resources.__path__)]
    return [one for module in modules for one in vars(module).values() if isinstance(one, Described)]


OPERATIONS = pytest.mark.parametrize("operation", described(), ids=lambda operation: str(operation.id))


def answered(operation: Any) -> FakeAPI:
    """An API that answers the operation with something of the right shape."""
    api = FakeAPI()
    route = api.on(operation.id)
    if isinstance(operation, ListOperation):
        route.pages([], [])
    elif isinstance(operation, StreamOperation):
        route.reply(body=b"a line\n")
    elif isinstance(operation, EventOperation):
        data = msgspec.json.encode(example(operation.result))
        route.reply(body=b"data: " + data + b"\n\n", headers={"content-type": "text/event-stream"})
    elif operation.result is None:
        route.reply(status=204)
    elif operation.result is str:
        route.reply(body="text", headers={"content-type": "text/plain"})
    else:
        route.reply(msgspec.to_builtins(example(operation.result)))
    return api


def method(client: Any, operation: Any) -> Callable[..., Any]:
    """The method that the description is of: `wallets.create()`."""
    resource, name = operation.method.removesuffix("()").split(".")
    found: Callable[..., Any] = getattr(getattr(client, resource), name)
    return found


def code(of: Callable[..., Any]) -> str:
    """The example of a docstring."""
    text = inspect.getdoc(of) or ""
    return textwrap.dedent(text.split("```python\n")[1].split("```")[0])


@OPERATIONS
def test_the_example_of_a_method_runs(operation: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with answered(operation) as api, api.client() as client:
        exec(compile(code(method(client, operation)), operation.id, "exec"), {"client": client})
        assert [call.operation for call in api.calls][:1] == [operation.id]


@OPERATIONS
def test_the_example_of_an_async_method_runs(operation: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        with answered(operation) as api:
            async with api.async_client() as client:
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                compiled = compile(code(method(client, operation)), operation.id, "exec", flags=flags)
                ran = eval(compiled, {"client": client})
                if inspect.isawaitable(ran):
                    await ran
            assert [call.operation for call in api.calls][:1] == [operation.id]

    asyncio.run(run())


@OPERATIONS
def test_a_docstring_names_every_argument_and_no_other(operation: Any) -> None:
    with FakeAPI() as api, api.client() as client:
        found = method(client, operation)
        text = inspect.getdoc(found) or ""
        arguments = text.split("Args:\n")[1].split("\n\n")[0]
        told = [line.strip().split(":")[0] for line in arguments.splitlines() if line.startswith("    ") and line[4] != " "]
        assert told == list(inspect.signature(found).parameters)
