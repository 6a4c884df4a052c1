"""The native half of the package, checked once: it must be of the version of this half, because their border changes with every version."""

from __future__ import annotations

from . import _native
from ._version import __version__

__all__ = ["native"]

if _native.__version__ != __version__:
    raise ImportError(
        f"waypost {__version__} has a native part of version {_native.__version__}: two installations are mixed. "
        "Remove both and install the package anew: pip install --force-reinstall waypost"
    )

native = _native
