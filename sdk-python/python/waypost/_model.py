"""What the generated models stand on: their bases, and a reader that loses nothing of a newer server's answers.

Promises: a field that this version does not know is dropped where it can only be looked at, and kept and sent back where the same schema goes both
ways (`OpenModel`); a variant that it does not know is kept whole (`UnknownVariant`); an enum value that it does not know is the text that came.
None of it costs anything while there is nothing unknown: msgspec reads in one pass in C, and what it refuses is looked at again by `_Tolerant`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Union, cast, get_args, get_origin

import msgspec

__all__ = ["Confidential", "Model", "OpenModel", "UnknownVariant", "checker", "decoder", "encode", "plain"]

# On the wire nothing is called so; in what msgspec writes it marks an object whose unknown fields have to be put beside the known ones.
_UNKNOWN: Final = "__unknown_fields__"
_MARK: Final = b'"__unknown_fields__":'


class Model(msgspec.Struct, kw_only=True, repr_omit_defaults=True):
    """The base of every model. A field that is absent is `UNSET`, one that is null is `None`."""


class OpenModel(Model, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model that the server sends and takes: what it sends and this version does not know is sent back."""

    unknown_fields: dict[str, Any] = msgspec.field(name=_UNKNOWN, default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    """Fields that this version does not know, by their name on the wire."""


class Confidential:
    """Beside `Model`: hides the values of the fields in `_secrets` from `repr`."""

    __slots__ = ()
    _secrets: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        """The fields that are set, without the secret ones' values."""
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for the library rich, which would otherwise look at the fields by itself."""
        kind: Any = type(self)
        shown: list[tuple[str, Any]] = []
        for field in _fields(kind):
            value = getattr(self, field.name)
            if value is not msgspec.UNSET and not (value == {} and field.encode_name == _UNKNOWN):
                hidden = field.name in kind._secrets and value is not None
                shown.append((field.name, "***" if hidden else value))
        return shown


class UnknownVariant:
    """A variant of a union that this version does not know. It is sent back as it came."""

    __slots__ = ("fields", "type")

    type: str
    """What tells the variants apart."""
    fields: dict[str, Any]
    """The whole object, by the names on the wire."""

    def __init__(self, type: str, fields: dict[str, Any]) -> None:
        """Keeps it.

        Args:
            type: What tells the variants apart.
            fields: The whole object, that included.
        """
        self.type = type
        self.fields = fields

    def __repr__(self) -> str:
        """Its tag and the names of its fields; one of the values may be a secret."""
        return f"UnknownVariant(type={self.type!r}, fields: {', '.join(self.fields)})"

    def __eq__(self, other: object) -> bool:
        """By all that it holds."""
        return self.fields == other.fields if isinstance(other, UnknownVariant) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore


def decoder(kind: Any) -> Callable[[bytes | str], Any]:
    """Reads JSON as this type. Raises `msgspec.DecodeError`, or `msgspec.ValidationError` that says where."""
    exact = msgspec.json.Decoder(kind).decode
    if not _keeps(kind):
        return exact

    def decode(text: bytes | str) -> Any:
        try:
            return exact(text)
        except msgspec.ValidationError:
            # Either there is something that this version does not know, or it is wrong: then this raises as well.
            return _read(kind, msgspec.json.decode(text), "$")

    return decode


def checker(kind: Any) -> Callable[[Any], None]:
    """Makes sure that a plain value is of this type. Raises `msgspec.ValidationError` that says where."""

    def check(value: Any) -> None:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            if not _keeps(kind):
                raise
            _read(kind, value, "$")

    return check


_BYTES: Final = (bytes, bytearray, memoryview)


def plain(value: Any) -> Any:
    """A model as what JSON has; bytes stay bytes, which are no text. Raises what msgspec raises."""
    return msgspec.to_builtins(value, builtin_types=_BYTES, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """What msgspec cannot write by itself."""
    if isinstance(value, UnknownVariant):
        return value.fields
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, Iterable):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def encode(value: Any, of: Any = None) -> bytes:
    """Writes JSON, the unknown fields of open models among the known ones. Raises what msgspec raises.

    Args:
        value: A value, or what `plain` makes of it.
        of: The value, where `value` is plain.
    """
    written = _encode(value)
    return _encode(_whole(value if of is None else of)) if _MARK in written else written


def _whole(value: Any) -> Any:
    """The same with every open model that has unknown fields as a plain object."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        whole: dict[str, Any] = {} if config.tag_field is None else {config.tag_field: config.tag}
        for field in _fields(type(value)):
            one = getattr(value, field.name)
            if field.encode_name == _UNKNOWN:
                whole.update((name, one) for name, one in one.items() if name not in whole)
            elif one is not msgspec.UNSET:
                whole[field.encode_name] = _whole(one)
        return whole
    if isinstance(value, UnknownVariant):
        return value.fields
    if isinstance(value, Mapping):
        return {name: _whole(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_whole(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value


# The rest is the slow way of `decoder`, taken for an answer that holds something unknown where that must be kept.


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """What a union is made of, or the one type, without what stands for absent."""
    union = get_origin(kind) in (Union, types.UnionType)
    return tuple(one for one in (get_args(kind) if union else (kind,)) if one is not msgspec.UnsetType)


# What there is of a model is found by evaluating its annotations: once.
@lru_cache(maxsize=None)
def _fields(kind: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


@lru_cache(maxsize=None)
def _keeps(kind: Any) -> bool:
    """Is there a place in the type where unknown things are kept?"""
    seen: set[Any] = set()
    rest: list[Any] = [kind]
    while rest:
        one = rest.pop()
        if _is_struct(one):
            if one.__struct_config__.tag_field is not None or issubclass(one, OpenModel):
                return True
            if one not in seen:
                seen.add(one)
                rest.extend(field.type for field in _fields(one))
        else:
            rest.extend(get_args(one))
    return False


def _read(kind: Any, value: Any, place: str) -> Any:
    """Makes the value of plain JSON, keeping what is unknown."""
    if not _keeps(kind):
        return _exact(kind, value, place)
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    choice = _alternatives(kind)
    if value is None and type(None) in choice:
        return None
    named = [one for one in choice if one is not type(None)]
    only = named[0]
    if len(named) > 1 or (_is_struct(only) and only.__struct_config__.tag_field is not None):
        return _variant(named, value, place)
    if _is_struct(only):
        return _object(only, value, place)
    inner = get_args(only)
    if isinstance(value, list) and len(inner) == 1:
        return [_read(inner[0], one, f"{place}[{index}]") for index, one in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, dict) and len(inner) == 2:
        return {name: _read(inner[1], one, f"{place}[...]") for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if get_origin(only) is Annotated:
        return _read(only, value, place)
    return _exact(only, value, place)


def _exact(kind: Any, value: Any, place: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, inner = str(error).partition(" - at `$")
        raise _wrong(what, f"{place}{inner.removesuffix('`')}") from None


def _wrong(what: str, place: str) -> msgspec.ValidationError:
    """In msgspec's own form."""
    return msgspec.ValidationError(what if place == "$" else f"{what} - at `{place}`")


def _variant(choice: list[Any], value: Any, place: str) -> Any:
    name = choice[0].__struct_config__.tag_field
    if not isinstance(value, dict) or not isinstance(value.get(name), str):  # pyright: ignore[reportUnknownMemberType]
        return _exact(choice[0], value, place)
    whole = cast("dict[str, Any]", value)
    for one in choice:
        if one.__struct_config__.tag == whole[name]:
            return _object(one, whole, place)
    return UnknownVariant(whole[name], whole)


def _object(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        return _exact(kind, value, place)
    config = kind.__struct_config__
    rest: dict[str, Any] = {name: one for name, one in value.items() if name != config.tag_field}  # pyright: ignore[reportUnknownVariableType]
    given: dict[str, Any] = {}
    for field in _fields(kind):
        if field.encode_name in rest:
            given[field.name] = _read(field.type, rest.pop(field.encode_name), f"{place}.{field.encode_name}")
        elif field.required:
            raise _wrong(f"Object missing required field `{field.encode_name}`", place)
    if rest and issubclass(kind, OpenModel):
        given["unknown_fields"] = rest
    elif rest and config.forbid_unknown_fields:
        raise _wrong(f"Object contains unknown field `{next(iter(rest))}`", place)
    return kind(**given)
