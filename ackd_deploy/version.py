"""The version of this package, for those who must not import its public API."""

__all__ = ["__version__"]

__version__ = "0.1.0"
