"""HTML by functions that escape: a text of a stranger can be no tag, and nothing in it is invisible.

Knows elements and tables, and no report.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

VOID: Final = frozenset({"img", "meta", "line", "circle", "path", "rect", "polyline"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: str) -> Html:
    """A text as it may stand in a page; what does not print is written out."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in value)
    return Html(escape(shown))


def tag(name: str, /, *inside: str, **attributes: str | float | None) -> Html:
    """An element. `class_` is class, `stroke_width` is stroke-width; what is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value) if isinstance(value, str) else f"{value:g}"}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{said}>") if name in ("img", "meta") else Html(f"<{name}{said}/>")
    return Html(f"<{name}{said}>{joined(inside)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Parts one after the other, each escaped if it is no markup."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> Html:
    """A table that is as wide as it has to be, and slides where there is no room.

    Args:
        header: Of each column.
        rows: Cells.
        words: So many columns on the left are words; the others are numbers.
    """

    def row(cells: Sequence[str], name: str) -> Html:
        return tag("tr", *(tag(name, cell, class_=None if at < words else "n") for at, cell in enumerate(cells)))

    return tag("div", tag("table", row(header, "th"), *(row(one, "td") for one in rows)), class_="wide")
