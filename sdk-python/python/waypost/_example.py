"""Made-up values for `waypost.testing.example`: the smallest thing that a model's types allow."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec

__all__ = ["made_up"]

T = TypeVar("T")


def made_up(kind: type[T], given: dict[str, object]) -> T:
    """A model with every required field; a JSON object without a schema of its own, with what is given."""
    if get_origin(kind) is dict:
        return cast("T", dict(given))
    if get_origin(kind) in (Union, types.UnionType) and any(map(_is_model, get_args(kind))):
        variant, rest = _variant([one for one in get_args(kind) if _is_model(one)], given)
        return cast("T", made_up(variant, rest))
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


def _variant(variants: list[Any], given: dict[str, object]) -> tuple[Any, dict[str, object]]:
    """The variant of a union whose tag is given, else the first one, and what is given besides."""
    tag = str(variants[0].__struct_config__.tag_field)
    if tag not in given:
        return variants[0], given
    known = {one.__struct_config__.tag: one for one in variants}
    if given[tag] not in known:
        raise TypeError(f"no variant has the `{tag}` {given[tag]!r}; there are {', '.join(map(str, known))}")
    return known[given[tag]], {name: value for name, value in given.items() if name != tag}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _value(name: str, kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        inner, *metas = get_args(kind)
        value = _value(name, inner)
        for meta in metas:
            value = _within(value, meta, name, inner) if isinstance(meta, msgspec.Meta) else value
        return value
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
    if isinstance(origin or kind, type) and issubclass(origin or kind, Mapping):
        return {}
    if isinstance(origin or kind, type) and not issubclass(origin or kind, str) and issubclass(origin or kind, Collection):
        return []
    if isinstance(kind, type) and issubclass(kind, str):
        return kind("string")
    return None


def _within(value: Any, bounds: msgspec.Meta, name: str, kind: Any) -> Any:
    """The nearest value of the kind that the bounds allow."""
    if isinstance(value, str):
        longer = value.ljust(bounds.min_length or 0, "x")
        return longer[: bounds.max_length] if bounds.max_length is not None else longer
    if isinstance(value, list):
        return [_value(name, get_args(kind)[0]) for _ in range(bounds.min_length or 0)]
    if isinstance(value, (int, float)) and bounds.ge is not None and value < bounds.ge:
        return type(value)(bounds.ge)
    if isinstance(value, (int, float)) and bounds.gt is not None and value <= bounds.gt:
        return type(value)(bounds.gt + 1)
    return value
