"""A value that is made when it is first asked for, without a lock.

`functools.cached_property` holds one lock for a whole class in Python 3.10 and 3.11: a process that forks while another thread is inside of it has a
child that waits for ever. Here two threads may both make the value, which is harmless for what is made in this package, and the last one stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):
    """Decorates a method without arguments: its first answer becomes the attribute."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Takes the method."""
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> lazy[T] | T:
        """The answer; from the class, the descriptor itself."""
        if instance is None:
            return self
        value = self._make(instance)
        # Found before this descriptor from now on: it has no `__set__`.
        instance.__dict__[self._name] = value
        return value
