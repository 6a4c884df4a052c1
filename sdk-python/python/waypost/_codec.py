"""From values to JSON and back, through msgspec. Imported when the first operation is called, because msgspec takes longer to import than
everything else in this package together.

Promises: a body of a wrong type is a `TypeError` that names the argument and says what it must be, one that breaks a bound of the contract a
`ValidationError` that names every such field, as the server's own would; nothing of the value is printed, because it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec.structs import fields

from ._model import checker, decoder, encode, plain
from .errors import FieldError, Problem, ValidationError

if TYPE_CHECKING:
    from ._call import Described

__all__ = ["body_encoder", "decoder"]

_encode = encode


def body_encoder(operation: Described) -> Callable[[Any], bytes]:
    """Writes the operation's body, and makes sure that it is of the type that the operation takes."""
    # msgspec does not check a model's types when it is made. Making it plain, checking that and writing it costs about what writing it and
    # reading it again would, and finds bytes as well, which JSON would have as base64: a text like any other.
    check = checker(operation.body)

    def encode(body: Any) -> bytes:
        try:
            value = plain(body)
            check(value)
            written = _encode(value, body)
        except msgspec.ValidationError as error:
            raise _argument_error(operation, str(error)) or _bound_error(operation, body, str(error)) from None
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _not_writable(operation, body, error) from None
        if b"null" in written and not _is_finite(value):
            raise _not_finite(operation, value)
        return written

    return encode


def _is_finite(value: Any) -> bool:
    """JSON has neither infinity nor not-a-number: msgspec writes null."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, (dict, list)):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))  # pyright: ignore[reportUnknownArgumentType]
    return True


def _not_finite(operation: Described, value: Any) -> TypeError:
    members = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    names = [name for name, one in members.items() if not _is_finite(one)]
    return TypeError(f"{operation.method} argument `{names[0] if names else 'body'}` must be a number, not nan or infinite")


_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<place>.*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `(?P<expected>.*)`, got `(?P<got>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<field>.*)`$", re.DOTALL)
# What msgspec calls the types of JSON, in Python's words.
_PYTHON = {"array": "list", "object": "an object", "null": "None"}


def _argument_error(operation: Described, message: str) -> TypeError | None:
    """What is wrong with a type; `None`: the types are right and a bound is broken."""
    what, place = _told(message)
    argument = place.removeprefix("$").removeprefix(".") or "body"
    missing = _MISSING.match(what)
    if missing:
        whole = missing["field"] if argument == "body" else f"{argument}.{missing['field']}"
        return TypeError(f"{operation.method} missing required argument `{whole}`")
    expected = _EXPECTED.match(what)
    if expected:
        wanted = " | ".join(_PYTHON.get(word, word) for word in expected["expected"].split(" | "))
        got = _PYTHON.get(expected["got"], expected["got"])
        return TypeError(f"{operation.method} argument `{argument}` must be {wanted}, not {got}")
    return None if what.startswith("Expected ") else TypeError(f"{operation.method} argument `{argument}`: {what}")


def _bound_error(operation: Described, body: Any, message: str) -> Exception:
    """What the server would answer with 422, had it been asked. msgspec stops at the first wrong field, so each is looked at by itself."""
    wrong: list[tuple[str, str]] = []
    if isinstance(body, msgspec.Struct):
        for field in fields(type(body)):
            value = getattr(body, field.name)
            if value is msgspec.UNSET:
                continue
            try:
                decoder(field.type)(_encode(value))
            except msgspec.ValidationError as error:
                what, place = _told(str(error))
                place = f"$.{field.encode_name}{place.removeprefix('$')}"
                wrong_type = _argument_error(operation, f"{what} - at `{place}`")
                if wrong_type is not None:
                    return wrong_type
                wrong.append((what, place))
    wrong = wrong or [_told(message)]
    found = tuple(
        FieldError(_pointer(place), "bound", f"must be {what.removeprefix('Expected ')}") for what, place in wrong
    )
    told = "; ".join(f"`{one.pointer.removeprefix('/')}` {one.detail}" for one in found)
    problem = Problem(status=422, code="validation_failed", errors=found)
    return ValidationError(
        f"{operation.method} argument {told}", hint="Nothing was sent", problem=problem, operation=operation.id
    )


def _told(message: str) -> tuple[str, str]:
    """What is wrong, and where."""
    found = _PLACE.match(message)
    return (found["what"], found["place"] or "$") if found else (message, "$")


def _pointer(place: str) -> str:
    """msgspec's `$.a[0].b` as a JSON pointer; where it does not know the key of a mapping, the mapping's."""
    argument = place.removeprefix("$").removeprefix(".")
    return "/" + re.sub(r"\[(\d+)\]", r"/\1", argument).replace("[...]", "").replace(".", "/")


def _not_writable(operation: Described, body: object, error: Exception) -> TypeError:
    """Finds the field that cannot be written."""
    for name in getattr(type(body), "__struct_fields__", ()):
        try:
            value = getattr(body, name)
            if value is not msgspec.UNSET:
                _encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as reason:
            return TypeError(f"{operation.method} argument `{name}` cannot be sent: {reason}")
    return TypeError(f"{operation.method} argument `body` cannot be sent: {error}")
