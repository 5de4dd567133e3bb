"""Boxes and arrows as SVG, for the pictures of docs/images that a script draws."""

from __future__ import annotations

from html import escape
from pathlib import Path

IMAGES = Path(__file__).resolve().parents[1] / "images"
INK, SOFT, LINE, PAPER = "#1c2733", "#5b6b7a", "#2f6f9f", "#ffffff"
FILLS = {"site": "#eef3f7", "box": "#ffffff", "cloud": "#e6f0e8", "bad": "#fbe9e7", "ok": "#e6f0e8"}


class Drawing:
    """A few boxes and arrows, on white so that they can be read on a dark page too."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size, self._title = (width, height), title
        self._parts: list[str] = []

    def box(self, x: int, y: int, w: int, h: int, *lines: str, fill: str = "box", left: bool = False) -> None:
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="{FILLS[fill]}" stroke="{SOFT}"/>'
        )
        anchor, at = ("start", x + 12) if left else ("middle", x + w // 2)
        top = y + 22 if left else y + h // 2 - 9 * (len(lines) - 1) + 5
        for number, line in enumerate(lines):
            self.text(at, top + 18 * number, line, anchor=anchor, bold=number == 0, soft=number > 0)

    def text(
        self, x: int, y: int, words: str, *, anchor: str = "middle", bold: bool = False, soft: bool = False
    ) -> None:
        weight, size, ink = ("600", 14, INK) if bold else ("400", 13, SOFT if soft else INK)
        self._parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{ink}">'
            f"{escape(words)}</text>"
        )

    def arrow(self, *points: tuple[int, int], dashed: bool = False) -> None:
        path = " ".join(f"{'M' if n == 0 else 'L'}{x} {y}" for n, (x, y) in enumerate(points))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="2"{dash} marker-end="url(#tip)"/>'
        )

    def drawn(self) -> str:
        width, height = self._size
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="system-ui, sans-serif">\n'
            f"<title>{escape(self._title)}</title>\n"
            f'<defs><marker id="tip" markerWidth="6" markerHeight="6" refX="5.5" refY="3" orient="auto">'
            f'<path d="M0 0L6 3L0 6z" fill="{LINE}"/></marker></defs>\n'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )
