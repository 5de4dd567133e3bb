"""The drawings of the page, as SVG: curves with the doubt around them, and differences with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Final

from mhfd.learning.evaluation.benchmark import CurvePoint, Duel, LearningPoint
from mhfd.learning.pictures.benchmark import PicturesDuel
from mhfd.learning.report.markup import Html, joined, tag

COLOURS: Final = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
"""Told apart by all eyes, and on paper."""

_SIDE: Final = 300.0
_LEFT: Final = 52.0
_BOTTOM: Final = 40.0
_TOP: Final = 10.0
_MOST_POINTS: Final = 120


def curves(named: Mapping[str, Sequence[CurvePoint]], *, x: str, y: str) -> Html:
    """Curves from 0 to 1 both ways; a band holds 95% of the draws."""
    drawn = [_frame(x, y)]
    for colour, points in zip(COLOURS, named.values(), strict=False):
        few = _thinned(points)
        banded = [one for one in few if one.low is not None and one.high is not None]
        if len(banded) > 1:
            edge = [(one.x, one.high or 0.0) for one in banded] + [(one.x, one.low or 0.0) for one in reversed(banded)]
            drawn.append(tag("path", d=f"M{_path(edge)}Z", fill=colour, fill_opacity=0.12))
        line = _path([(one.x, one.y) for one in few])
        drawn.append(tag("polyline", points=line, fill="none", stroke=colour, stroke_width=2))
    return _svg(joined(drawn), f"{y} over {x}: {', '.join(named)}")


def key(names: Sequence[str]) -> Html:
    """Which colour is whose."""
    return tag(
        "p",
        *(tag("span", tag("b", "■", style=f"color:{colour}"), f" {name}") for colour, name in _paired(names)),
        class_="key",
    )


def learning(points: Sequence[LearningPoint]) -> Html:
    """AUC over images to learn from."""
    most = max((one.images for one in points), default=1.0) or 1.0
    line = [(one.images / most, 2 * one.auc - 1) for one in points]  # from a guess to always right
    dots = joined(tag("circle", cx=_x(x), cy=_y(y), r=4, fill=COLOURS[1]) for x, y in line)
    curve = tag("polyline", points=_path(line), fill="none", stroke=COLOURS[1], stroke_width=2)
    frame = _frame("images to learn from", "AUC", last=f"{most:.0f}", low=0.5)
    return _svg(joined((frame, curve, dots)), "AUC over images to learn from")


def intervals(duels: Sequence[Duel | PicturesDuel]) -> Html:
    """What each challenger saves against each in its way, with what holds the truth 95 times of a hundred."""
    ends = [abs(end) for duel in duels for end in (duel.range.low, duel.range.high, _said(duel))]
    most = max([*ends, 1e-6]) * 1.1
    width, height = 640.0, 44.0 * len(duels) + 30

    def at(value: float) -> float:
        return width / 2 + value / most * (width / 2 - 10)

    drawn = [tag("line", x1=at(0), x2=at(0), y1=0, y2=height - 22, stroke="#888")]
    for number, duel in enumerate(duels):
        middle = 44.0 * number + 30
        colour = COLOURS[3] if duel.range.low > 0 else COLOURS[2] if duel.range.high < 0 else "#555555"
        drawn += [
            tag(
                "line",
                x1=at(duel.range.low),
                x2=at(duel.range.high),
                y1=middle,
                y2=middle,
                stroke=colour,
                stroke_width=3,
            ),
            tag("circle", cx=at(_said(duel)), cy=middle, r=5, fill=colour),
            tag("text", f"{duel.challenger} against {duel.against}", x=4, y=middle - 12),
        ]
    for value, anchor in ((-most / 1.1, "start"), (0.0, "middle"), (most / 1.1, "end")):
        better, worse = ("saves", "costs") if all(isinstance(one, Duel) for one in duels) else ("gains", "loses")
        words = "no difference" if value == 0 else f"{worse if value < 0 else better} {abs(value):.2g}"
        drawn.append(tag("text", words, x=at(value), y=height - 6, text_anchor=anchor))
    return tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label="what is saved an image",
        class_="long",
    )


def _said(duel: Duel | PicturesDuel) -> float:
    return duel.saved if isinstance(duel, Duel) else duel.gained


def _frame(x: str, y: str, *, last: str = "1", low: float = 0.0) -> Html:
    parts = [tag("rect", x=_x(0), y=_y(1), width=_SIDE, height=_SIDE, fill="none", stroke="#bbb")]
    for part in (0.0, 0.5, 1.0):
        parts.append(tag("line", x1=_x(0), x2=_x(1), y1=_y(part), y2=_y(part), stroke="#eee"))
        parts.append(tag("text", f"{low + part * (1 - low):g}", x=_LEFT - 6, y=_y(part) + 4, text_anchor="end"))
    parts += [
        tag("text", "0", x=_x(0), y=_y(0) + 16, text_anchor="middle"),
        tag("text", last, x=_x(1), y=_y(0) + 16, text_anchor="middle"),
        tag("text", x, x=_x(0.5), y=_y(0) + 30, text_anchor="middle"),
        tag("text", y, x=11, y=_y(0.5), text_anchor="middle", transform=f"rotate(-90 11 {_y(0.5):g})"),
    ]
    return joined(parts)


def _svg(inside: Html, says: str) -> Html:
    box = f"0 0 {_LEFT + _SIDE + 14:g} {_TOP + _SIDE + _BOTTOM:g}"
    return tag("svg", inside, viewBox=box, role="img", aria_label=says)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)


def _x(part: float) -> float:
    return _LEFT + _SIDE * min(max(part, 0.0), 1.0)


def _y(part: float) -> float:
    return _TOP + _SIDE * (1 - min(max(part, 0.0), 1.0))


def _thinned(points: Sequence[CurvePoint]) -> Sequence[CurvePoint]:
    step = -(-len(points) // _MOST_POINTS) or 1
    return [*points[:-1:step], *points[-1:]]


def _paired(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(COLOURS, names, strict=False))
