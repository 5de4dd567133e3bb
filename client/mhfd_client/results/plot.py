"""The report's drawings (SVG), for a page that stands alone without library or script: density over sections, and where
the time of the images went.
"""

import math
from collections.abc import Sequence
from typing import Final

from mhfd_client.journal.rows import ImageRow, Outcome, Told
from mhfd_client.results.latency import SPANS, spans

_WIDE, _HIGH, _LEFT, _FOOT, _TOP = 960, 300, 64, 34, 10
_COLUMNS: Final = 120
_COLOURS: Final = {
    Outcome.IN_FOCUS: "#0072b2",
    Outcome.OUT_OF_FOCUS: "#d55e00",
    Outcome.UNDETERMINED: "#999999",
    Outcome.INCOMPLETE: "#000000",
}


def density_plot(told: Sequence[Told]) -> str:
    """An `<svg>` of every image with a density, by section, else by order. Empty without any."""
    known = [one for one in told if one.score.density]
    if not known:
        return ""
    by_section = all(one.image.section is not None for one in known)
    xs = [float(one.image.section or 0) if by_section else float(i) for i, one in enumerate(known)]
    ys = [math.log10(one.score.density or 1.0) for one in known]
    left, right = min(xs), max(max(xs), min(xs) + 1)
    low, high = min(ys) - 0.05, max(ys) + 0.05
    ticks = {math.log10(tick): f"{tick:,.0f}" for tick in _ticks(10**low, 10**high)}
    parts = _framed("density of features over sections", "Density of features over sections", ticks, low, high)

    def x(value: float) -> float:
        return _LEFT + (value - left) / (right - left) * (_WIDE - _LEFT - 10)

    for i in range(6):
        value = left + (right - left) * i / 5
        parts.append(_words(x(value), _HIGH - 16, "middle", f"{value:,.0f}"))
    parts.append(_words(_WIDE / 2, _HIGH - 2, "middle", "section" if by_section else "image"))
    # What is not in focus comes last, so that it lies on top.
    order = sorted(range(len(known)), key=lambda i: known[i].verdict.outcome is not Outcome.IN_FOCUS)
    parts += [_mark(x(xs[i]), _y(ys[i], low, high), known[i].verdict.outcome) for i in order]
    return "".join([*parts, "</svg>"])


def waits_plot(rows: Sequence[ImageRow], *, target_s: float) -> str:
    """An `<svg>` of stacked bars: the spans from whole to verdict of each image, or the mean of neighbouring ones."""
    done = [spans(row) for row in rows if row.judged_ns is not None]
    if not done:
        return ""
    size = math.ceil(len(done) / _COLUMNS)
    groups = [done[at : at + size] for at in range(0, len(done), size)]
    bars = [{name: sum(one.get(name, 0.0) for one in group) / len(group) / 1000 for name in SPANS} for group in groups]
    most = max(sum(bar.values()) for bar in bars)
    high = 1.08 * max(most, target_s if target_s < 3 * most else 0.0, 1e-3)
    wide = (_WIDE - _LEFT - 10) / max(len(bars), 12)

    ticks = {high * i / 5: f"{high * i / 5:.3g} s" for i in range(5)}
    parts = _framed("seconds from whole to verdict, by image", "Seconds from whole to verdict", ticks, 0.0, high)
    for i, bar in enumerate(bars):
        foot = 0.0
        for name, seconds in bar.items():
            if seconds > 0:
                top, bottom = _y(foot + seconds, 0.0, high), _y(foot, 0.0, high)
                parts.append(
                    f'<rect x="{_LEFT + i * wide:.1f}" width="{0.85 * wide:.1f}" y="{top:.1f}" '
                    f'height="{bottom - top:.1f}" fill="{SPANS[name].colour}"/>'
                )
                foot += seconds
    if target_s <= high:
        at = _y(target_s, 0.0, high)
        line = f'x1="{_LEFT}" x2="{_WIDE - 10}" y1="{at:.1f}" y2="{at:.1f}"'
        parts.append(f'<line {line} stroke="#b3400a" stroke-width="2" stroke-dasharray="6 4"/>')
        parts.append(_words(_WIDE - 12, at - 4, "end", f"{target_s:g} s asked for"))
    axis = "image, in the order of arrival" + (f"; a bar is the mean of {size}" if size > 1 else "")
    parts.append(_words(_WIDE / 2, _HIGH - 8, "middle", axis))
    return "".join([*parts, "</svg>"])


def _framed(what: str, title: str, ticks: dict[float, str], low: float, high: float) -> list[str]:
    """The beginning of an `<svg>`: what it shows, and its lines across."""
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{what}">', f"<title>{title}</title>"]
    for value, text in ticks.items():
        at = _y(value, low, high)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDE - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_words(_LEFT - 6, at + 4, "end", text))
    return parts


def _words(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{round(x, 1)}" y="{round(y, 1)}" text-anchor="{anchor}" font-size="12">{text}</text>'


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (high - value) / (high - low) * (_HIGH - _FOOT - _TOP)


def _mark(x: float, y: float, outcome: Outcome) -> str:
    colour = _COLOURS[outcome]
    if outcome is Outcome.IN_FOCUS:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'
    cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    return f'<path d="{cross}" stroke="{colour}" stroke-width="2" fill="none"/>'


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [base * 10.0**power for power in powers for base in (1, 2, 5) if low <= base * 10.0**power <= high]
