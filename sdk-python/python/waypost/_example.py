"""Made-up values for `waypost.testing.example`: the smallest thing that a model's types allow."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec

__all__ = ["made_up"]

T = TypeVar("T")


def made_up(kind: type[T], given: dict[str, object]) -> T:
    """A model with every required field."""
    if not _is_model(kind):
        raise TypeError(f"example() makes models, and {kind!r} is none")
    fields = {field.name: field for field in msgspec.structs.fields(cast("type[msgspec.Struct]", kind))}
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise TypeError(f"{kind.__name__} has no field `{unknown[0]}`; it has {', '.join(fields)}")
    values = {
        name: given[name] if name in given else _value(name, field.type)
        for name, field in fields.items()
        if name in given or field.required
    }
    return kind(**values)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _value(name: str, kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    origin = get_origin(kind)
    if origin is Literal:
        return get_args(kind)[0]
    if origin in (Union, types.UnionType):
        choice = [one for one in get_args(kind) if one not in (type(None), msgspec.UnsetType)]
        return None if type(None) in get_args(kind) else _value(name, choice[0])
    if _is_model(kind):
        return made_up(kind, {})
    if kind is str:
        return "2026-01-01T00:00:00Z" if name.endswith("_at") else "string"
    for plain, value in ((bool, False), (int, 0), (float, 0.0), (bytes, b"")):
        if kind is plain:
            return value
    if (origin or kind) in (list, tuple, set):
        return []
    if isinstance(kind, type) and issubclass(kind, str):
        return kind("string")
    return {} if (origin or kind) is dict else None
