"""Draws the pictures of docs/how-to/microscope-to-gpu.md: `python docs/figures/globus.py` writes docs/images/*.svg."""

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


def parts() -> dict[str, str]:
    d = Drawing(900, 440, "The microscope's room, the facility, and Globus in between")
    d.box(20, 150, 340, 274, "In the microscope's room", fill="site", left=True)
    d.box(540, 150, 340, 274, "At the facility", fill="site", left=True)
    d.box(20, 16, 860, 92, "Globus (a service; no file passes through it)", fill="cloud", left=True)
    d.text(450, 66, "Flows: takes one step after the other, for hours if need be", bold=True)
    d.text(450, 90, "tells Transfer to move files, and Compute to run the function", soft=True)
    d.box(40, 192, 120, 60, "microscope", "writes images")
    d.box(185, 192, 155, 60, "mhfd watch", "starts a run a batch")
    d.box(40, 316, 300, 84, "Globus Connect Personal", "makes folders a collection", "flow.source, flow.results")
    d.box(560, 192, 300, 60, "Compute endpoint", "scores them: compute.endpoint")
    d.box(560, 316, 300, 84, "staging folder", "on the facility's collection", "flow.staging")
    d.arrow((265, 192), (265, 108))
    d.text(273, 134, "start, look, find", anchor="start")
    d.arrow((160, 222), (185, 222))
    d.arrow((100, 252), (100, 316))
    d.text(108, 288, "the same folder", anchor="start")
    d.arrow((340, 340), (560, 340))
    d.text(450, 332, "images, with checksums")
    d.arrow((560, 376), (340, 376))
    d.text(450, 394, "a report each")
    d.arrow((710, 316), (710, 252))
    d.text(718, 288, "reads and writes there", anchor="start")
    d.arrow((790, 108), (790, 192), dashed=True)
    d.text(798, 134, "run", anchor="start")
    return {"globus-parts.svg": d.drawn()}


def steps() -> dict[str, str]:
    d = Drawing(900, 266, "What a run does, and how it ends")
    names = [
        ("bring", "images to a", "folder of its own"),
        ("compare", "all as large", "as seen here?"),
        ("score", "on the", "endpoint"),
        ("give back", "one report", "an image"),
        ("clean", "delete that", "folder"),
    ]
    for number, lines in enumerate(names):
        x = 20 + number * 150
        d.box(x, 40, 120, 84, *lines)
        if number:
            d.arrow((x - 30, 82), (x, 82))
        d.arrow((x + 60, 124), (x + 60, 180), dashed=True)
    d.box(770, 40, 110, 84, "done", "every report", "is back", fill="ok")
    d.arrow((740, 82), (770, 82))
    d.box(20, 180, 720, 66, "three tries, a minute apart", "then the folder is cleaned all the same", fill="bad")
    d.box(770, 180, 110, 66, "failed", "says why", fill="bad")
    d.arrow((740, 213), (770, 213))
    d.text(
        450,
        24,
        "Globus knows where a run is: the watch, its machine and the network may go away meanwhile",
        soft=True,
    )
    return {"globus-run.svg": d.drawn()}


if __name__ == "__main__":
    for name, drawn in {**parts(), **steps()}.items():
        (IMAGES / name).write_text(drawn, encoding="utf-8")
