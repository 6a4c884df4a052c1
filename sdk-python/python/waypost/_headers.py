"""Headers of an answer: a read-only mapping that ignores the case of names, keeps repeated ones, and prints no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Headers"]


class Headers(Mapping[str, str]):
    """Headers, as they came. A name that came more than once reads as its first value; `get_all` has the others.

    Example:
        ```python
        response.headers["etag"]
        response.headers.get_all("Link")
        ```
    """

    __slots__ = ("_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Keeps pairs of name and value."""
        self._pairs = tuple((name.lower(), value) for name, value in pairs)
        self._first: dict[str, str] = {}
        for name, value in self._pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str:
        """The first value of a header."""
        return self._first[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Each name once, in lower case."""
        return iter(self._first)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._first)

    def __contains__(self, name: object) -> bool:
        """Is there a header of this name?"""
        return isinstance(name, str) and name.lower() in self._first

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in the order they came."""
        wanted = name.lower()
        return [value for name, value in self._pairs if name == wanted]

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every header, also repeated ones, with its name in lower case."""
        return self._pairs

    def __repr__(self) -> str:
        """The headers as they may be printed."""
        from ._engine import native

        return f"Headers({[(name, native.redact_header(name, value)) for name, value in self._pairs]!r})"

    def __reduce__(self) -> tuple[type[Headers], tuple[tuple[tuple[str, str], ...]]]:
        """Pickles and copies the pairs."""
        return Headers, (self._pairs,)
