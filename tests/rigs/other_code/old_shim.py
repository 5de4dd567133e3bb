"""`mhfd_focus` as an older version had it."""

from __future__ import annotations


def mhfd_focus(**request: object) -> object:
    """Not what it is now."""
    return {"ok": False, "request": request}


def mhfd_examine(**request: object) -> object:
    """Not what it is now."""
    return {"ok": False, "request": request}
