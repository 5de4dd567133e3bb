"""The language of a mapping's `match`: every kind of text that an expression takes.

A small language (`.`, `*`, `?`, `|`, parentheses, literals) which the endpoint compiles to a regular expression of
Python's. What stands in the compiled expression is read here, so that a kind is what really matches; what is not
understood is said to be, never guessed. This module knows nothing of identities, rules or accounts.
"""

from enum import Enum, auto
from itertools import product
from typing import Final

_MOST: Final = 500
"""Kinds of one expression: more than that nobody reads."""


class Wild(Enum):
    """A place where the expression says nothing of what stands there."""

    ONE = auto()  # any character
    MANY = auto()  # anything, or nothing


Kind = tuple[str | Wild, ...]
"""One kind of text: characters, and wild places between them."""


class NotUnderstood(ValueError):
    """The expression uses more than this module knows of the language."""


def kinds(compiled: str) -> tuple[Kind, ...]:
    """Every kind of text that a compiled expression takes. NotUnderstood."""
    found = _Reader(compiled).all()
    return tuple(dict.fromkeys(_closed(one) for one in found))


def exact(kind: Kind) -> str | None:
    """The one text of a kind without wild places."""
    letters = [one for one in kind if isinstance(one, str)]
    return "".join(letters) if len(letters) == len(kind) else None


def shown(kind: Kind) -> str:
    """For people: `*` stands for anything, `?` for any character."""
    return "".join(one if isinstance(one, str) else "*" if one is Wild.MANY else "?" for one in kind)


def filled(kind: Kind, name: str, below: str = "lab") -> str:
    """A text of this kind: `name` in the wild places, `below` in those after the '@'."""
    at = kind.index("@") if "@" in kind else len(kind)
    wild = [name if n < at else below for n in range(len(kind))]
    return "".join(one if isinstance(one, str) else wild[n] if one is Wild.MANY else "x" for n, one in enumerate(kind))


_END: Final = "$end"  # longer than a character


def _closed(kind: Kind) -> Kind:
    """Without its anchor; one that has none goes on with anything, as `match` does not look at the rest."""
    whole = kind[:-1] if kind and kind[-1] == _END else (*kind, Wild.MANY)
    if _END in whole:
        raise NotUnderstood("an end within")
    merged: list[str | Wild] = []
    for one in whole:
        if not (one is Wild.MANY and merged and merged[-1] is Wild.MANY):
            merged.append(one)
    return tuple(merged)


class _Reader:
    """Reads one compiled expression from left to right."""

    def __init__(self, text: str) -> None:
        if not text.startswith("^"):
            raise NotUnderstood("no beginning")
        self._text, self._at = text, 1

    def all(self) -> list[Kind]:
        found = self._alternatives()
        if self._at != len(self._text):
            raise NotUnderstood(f"an unexpected {self._text[self._at]!r}")
        return found

    def _alternatives(self) -> list[Kind]:
        found = self._sequence()
        while self._next() == "|":
            self._at += 1
            found += self._sequence()
        return _bounded(found)

    def _sequence(self) -> list[Kind]:
        found: list[Kind] = [()]
        while self._next() not in ("", "|", ")"):
            found = _bounded([first + then for first, then in product(found, self._repeated(self._atom()))])
        return found

    def _repeated(self, atom: list[Kind]) -> list[Kind]:
        if self._next() == "*":
            atom = [(Wild.MANY,)]
        elif self._next() == "?":
            atom = [*atom, ()]
        else:
            return atom
        self._at += 1
        if self._next() in ("*", "?"):
            raise NotUnderstood(f"a {self._next()!r} after another")
        return atom

    def _atom(self) -> list[Kind]:
        first = self._next()
        self._at += 1
        if first == "(":
            return self._group()
        if first == "\\":
            first = self._next()
            self._at += 1
            if first.isalnum() or not first:
                raise NotUnderstood(f"\\{first}")
            return [(first,)]
        if first == "$" and self._at == len(self._text):
            return [(_END,)]
        if first in "[]{}+^$*?":
            raise NotUnderstood(f"an unexpected {first!r}")
        return [(Wild.ONE,)] if first == "." else [(first,)]

    def _group(self) -> list[Kind]:
        if self._next() == "?":
            raise NotUnderstood("a group that begins with '?'")
        found = self._alternatives()
        if self._next() != ")":
            raise NotUnderstood("an open parenthesis")
        self._at += 1
        return found

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]


def _bounded(found: list[Kind]) -> list[Kind]:
    if len(found) > _MOST:
        raise NotUnderstood(f"more than {_MOST} kinds")
    return found
