"""The version of this half of the package. The native half carries its own; the two must be one (see `_engine`)."""

__version__ = "0.1.0"
