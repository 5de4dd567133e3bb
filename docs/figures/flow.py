"""Draws the pictures of our flows, docs/images/flow*.svg, from the definitions: `python docs/figures/flow.py`.

On the left the road of a run in which all goes well, as the dry run takes it; to the right of a state what it leads to
when something does not. A way that is no arrow is written into the box that it leaves.
"""

from __future__ import annotations

from html import escape, unescape
from pathlib import Path

from mhfd_flows.build import FlowRecipe
from mhfd_flows.definition import Definition, State
from mhfd_flows.dry_run import rehearse
from mhfd_flows.shipped import FLOWS
from mhfd_flows.ways import Way, ways_of

IMAGES = Path(__file__).resolve().parents[1] / "images"
PICTURES = {
    "focus_check": "flow.svg",
    "focus_check_shared": "flow-shared.svg",
    "learn": "flow-learn.svg",
    "retest": "flow-retest.svg",
}
INK, SOFT, PAPER = "#1c2733", "#5b6b7a", "#ffffff"
FILLS = {
    "Action": ("#dbe9f6", "asks Transfer or Compute"),
    "ExpressionEval": ("#ffffff", "computes"),
    "Choice": ("#fbf2d5", "chooses"),
    "Wait": ("#e9edf0", "waits"),
    "Fail": ("#fbe3df", "fails, and says why"),
    "End": ("#dff0e0", "all is well"),
}
ROAD, SIDE, WIDTH, GAP, COLUMNS = 230, 128, 180, 26, 4
LINE, HEAD = 14, 26


def road_of(flow: FlowRecipe) -> list[str]:
    """The states of a run in which all goes well, each once: what is come to again was a loop."""
    road: list[str] = []
    for name in rehearse(flow, look=True).execution.visited:
        if name in road:
            del road[road.index(name) :]
        road.append(name)
    return road


class Picture:
    """Boxes in rows, one row for a state of the road."""

    def __init__(self, flow: FlowRecipe) -> None:
        self._states: dict[str, State] = flow.definition.states
        self._ways: list[Way] = list(ways_of(flow.definition))
        self._road, self._parts = road_of(flow), list[str]()
        self._bottom: dict[str, int] = {}
        self._rows = self._sides(flow.definition)
        self._next = dict(zip(self._road, self._road[1:], strict=False))
        self._title = flow.subtitle

    def _sides(self, definition: Definition) -> dict[str, list[str]]:
        """What each state of the road leads to beside it, in the order in which one would go there."""
        placed = set(self._road)
        rows: dict[str, list[str]] = {}

        def follow(name: str, row: list[str]) -> None:
            for way in self._ways:
                if way.begin == name and way.end not in placed:
                    placed.add(way.end)
                    row.append(way.end)
                    follow(way.end, row)

        for name in self._road:
            follow(name, rows.setdefault(name, []))
        if placed != set(definition.states):
            raise ValueError(f"not drawn: {set(definition.states) - placed}")
        return rows

    def svg(self) -> str:
        y = 52
        for name in self._road:
            sides = self._rows[name]
            lines = [sides[i : i + COLUMNS] for i in range(0, len(sides), COLUMNS)]
            drawn = self._drawn(name, lines)
            height = max(self._height(one, drawn) for one in [name, *(lines[0] if lines else [])])
            self._box(name, 20, y, ROAD, drawn)
            below = y + height
            for number, line in enumerate(lines):
                if number:
                    height = max(self._height(one, drawn) for one in line)
                    y, below = below + 12, below + 12 + height
                for column, one in enumerate(line):
                    self._box(one, 20 + ROAD + SIDE + column * (WIDTH + GAP), y, WIDTH, drawn)
                    self._side_arrow(name if column == 0 else line[column - 1], one, column, y, drawn)
            if name in self._next:
                top = y if len(lines) < 2 else below - height
                bottom = self._bottom[name]
                self._arrow(20 + ROAD // 2, bottom, 20 + ROAD // 2, max(below, top) + 24)
                self._text(20 + ROAD // 2 + 8, below + 16, self._label(name, self._next[name]), soft=True, size=11)
            y = below + 24
        return self._whole(20 + ROAD + SIDE + COLUMNS * (WIDTH + GAP), y)

    def _drawn(self, name: str, lines: list[list[str]]) -> set[tuple[str, str]]:
        """The ways that are arrows: along the road, and to the neighbour on the right."""
        pairs = {(name, lines[0][0])} if lines else set()
        pairs |= {(line[i], line[i + 1]) for line in lines for i in range(len(line) - 1)}
        pairs |= {(name, self._next[name])} if name in self._next else set()
        return {(way.begin, way.end) for way in self._ways} & pairs

    def _written(self, name: str, drawn: set[tuple[str, str]]) -> list[str]:
        ends = dict.fromkeys(way.end for way in self._ways if way.begin == name and (name, way.end) not in drawn)
        return [f"{self._label(name, end)} → {end}".strip() for end in ends]

    def _height(self, name: str, drawn: set[tuple[str, str]]) -> int:
        return HEAD + LINE * len(self._written(name, drawn)) + (4 if self._written(name, drawn) else 2)

    def _box(self, name: str, x: int, y: int, width: int, drawn: set[tuple[str, str]]) -> None:
        state, height = self._states[name], self._height(name, drawn)
        kind = "End" if getattr(state, "end", None) else "ExpressionEval" if state.type == "Pass" else state.type
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{FILLS[kind][0]}" stroke="{SOFT}">'
            f"<title>{escape(state.comment or getattr(state, 'cause', ''))}</title></rect>"
        )
        self._text(x + 10, y + 18, name, bold=True)
        for number, line in enumerate(self._written(name, drawn)):
            self._text(x + 10, y + HEAD + LINE * number + 9, line, soft=True, size=11)
        self._bottom[name] = y + height

    def _side_arrow(self, begin: str, end: str, column: int, y: int, drawn: set[tuple[str, str]]) -> None:
        if (begin, end) in drawn:
            x = 20 + ROAD + SIDE + column * (WIDTH + GAP)
            catch = any((w.begin, w.end, w.kind) == (begin, end, "catch") for w in self._ways)
            self._arrow(x - (SIDE if column == 0 else GAP), y + 14, x, y + 14, dashed=catch)
            if column == 0:
                self._text(x - SIDE + 6, y + 10, self._label(begin, end), soft=True, size=11)

    def _label(self, begin: str, end: str) -> str:
        """When a way is taken; what its end says by its name need not be said twice."""
        when = [way.when for way in self._ways if (way.begin, way.end) == (begin, end) and way.when]
        told = ["any error" if one.count(",") == 2 else one for one in when if not one.endswith(f" is {end}")]
        return " or ".join(told)

    def _text(self, x: int, y: int, words: str, *, bold: bool = False, soft: bool = False, size: int = 13) -> None:
        if words:
            self._parts.append(
                f'<text x="{x}" y="{y}" font-weight="{600 if bold else 400}" font-size="{size}" '
                f'fill="{SOFT if soft else INK}">{escape(unescape(words))}</text>'
            )

    def _arrow(self, x1: int, y1: int, x2: int, y2: int, *, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{SOFT}" stroke-width="1.5"{dash} marker-end="url(#tip)"/>'
        )

    def _whole(self, width: int, height: int) -> str:
        x, legend = 20, list[str]()
        for fill, words in FILLS.values():
            legend.append(f'<rect x="{x}" y="14" width="16" height="16" rx="3" fill="{fill}" stroke="{SOFT}"/>')
            legend.append(f'<text x="{x + 22}" y="27" font-size="12" fill="{INK}">{escape(words)}</text>')
            x += 44 + 7 * len(words)
        legend.append(f'<path d="M{x} 22L{x + 34} 22" stroke="{SOFT}" stroke-width="1.5" stroke-dasharray="5 4"/>')
        legend.append(f'<text x="{x + 40}" y="27" font-size="12" fill="{INK}">caught error</text>')
        body = "\n".join([*legend, *self._parts])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="system-ui, sans-serif">\n<title>{escape(self._title)}</title>\n'
            '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
            f'<path d="M0 0L9 4.5L0 9z" fill="{SOFT}"/></marker></defs>\n'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )


def main(into: Path = IMAGES) -> None:
    for name, file in PICTURES.items():
        (into / file).write_text(Picture(FLOWS[name]).svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
