"""Text of strangers on a terminal: names of files, and what libraries say of them."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Control characters and undecodable bytes, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
