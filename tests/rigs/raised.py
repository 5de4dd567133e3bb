"""Which exceptions a module defines, so that a suite runs over each of them and over those to come."""

from __future__ import annotations

from types import ModuleType


def raised(module: ModuleType) -> list[str]:
    """The names of the exceptions that are the module's own."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return sorted(kind.__name__ for kind in kinds if kind.__module__ == module.__name__)
