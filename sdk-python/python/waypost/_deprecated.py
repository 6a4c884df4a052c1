"""`deprecated` as PEP 702 has it, for generated methods; type checkers are given the one of `typing_extensions`, which they know."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["deprecated"]

if TYPE_CHECKING:
    from typing_extensions import deprecated
else:

    def deprecated(note):
        """Warns whoever calls the function."""
        import functools
        import warnings

        def decorate(function):
            @functools.wraps(function)
            def warned(*args, **kwargs):
                warnings.warn(f"{function.__qualname__}() is deprecated {note}", DeprecationWarning, stacklevel=2)
                return function(*args, **kwargs)

            return warned

        return decorate
