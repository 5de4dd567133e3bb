"""One known move -> how many um a package's own unit is on this instrument, or why that is not known.

The lens is moved by an induced distance, and a package is asked before and after it: its answers have to differ by just
that move. Halves of what was seen have to agree on it; where they do not, nothing is said. Takes no image, reads and
writes no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Final

from mhfd.contract.proposal import PairCalibration, Proposal
from mhfd.errors import UsageError
from mhfd_client.errors import InducedRefused

if TYPE_CHECKING:
    from mhfd.learning.manifold.pair import ImagePair

APART: Final = 0.2
"""Halves that differ by a larger part of their mean say nothing that can be trusted."""
LEAST_UM: Final = 1.0
MOST_UM: Final = 10.0
"""Of a known move."""
_PART_SIDE: Final = 256
"""Pixels a side that a half has to have: a smaller one says nothing of its size."""
_SD_PART: Final = 0.03  # how well a size is known at best: the response to a move is no straight line

Ask = Callable[["ImagePair"], float | Proposal]
"""A package's answer in its own unit, of the sign of what is to be added; or its refusal."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPair:
    """A pair, and how far from the first one its middle was."""

    pair: ImagePair
    at_um: float


@dataclass(frozen=True, slots=True)
class InducedHalf:
    """What a half of what was seen says alone."""

    name: str
    um_a_unit: float


@dataclass(frozen=True, slots=True)
class InducedMove:
    """What a known move showed."""

    calibration: PairCalibration
    halves: tuple[InducedHalf, ...]
    units: tuple[float, ...]
    """What the package said of each pair."""


def checked_induced(um: float) -> float:
    """The same; UsageError where it is no move that shows a size."""
    if not LEAST_UM <= abs(um) <= MOST_UM:
        raise UsageError(f"induced: {um:g} um is not offered; give a known move of {LEAST_UM:g} to {MOST_UM:g} um")
    return um


def calibrated(ask: Ask, package: str, pairs: Sequence[PlacedPair]) -> InducedMove:
    """The size of a package's unit. InducedRefused says why there is none.

    Args:
        ask: The package.
        package: Its name.
        pairs: In whatever order: two, before and after the move; or one more in its middle.
    """
    ordered = sorted(pairs, key=lambda one: one.at_um)
    units = [_said(ask, one) for one in ordered]
    um_a_unit = _slope(units, ordered, "the images")
    halves = tuple(_halves(ask, ordered, units))
    _agree(halves)
    first = pairs[0].pair
    return InducedMove(
        PairCalibration(
            package=package,
            um_a_unit=um_a_unit,
            sd_part=max(_SD_PART, *(abs(half.um_a_unit - um_a_unit) / um_a_unit for half in halves)),
            perturbation_um=first.perturbation_um,
            instrument=first.instrument,
            pixel_nm=first.pixel_nm,
            dwell_ns=first.dwell_ns,
            beam_kv=first.beam_kv,
            beam_pa=first.beam_pa,
        ),
        halves,
        tuple(units),
    )


def _said(ask: Ask, placed: PlacedPair, half: str = "") -> float:
    said = ask(placed.pair)
    if isinstance(said, Proposal):
        where = f"{half} of the pair" if half else "the pair"
        why = said.why or said.refusal
        raise InducedRefused(
            f"{where} at {placed.at_um:+g} um says nothing: {why}; focus by hand on a field with much detail, then try "
            "again"
        )
    return said


def _slope(units: Sequence[float], pairs: Sequence[PlacedPair], who: str) -> float:
    """um a unit: what is to be added falls by as much as was moved."""
    moved, fell = pairs[-1].at_um - pairs[0].at_um, units[0] - units[-1]
    if fell <= 0:
        raise InducedRefused(
            f"{who} do not follow the known move of {moved:g} um: the package says {units[0]:+.3g} before and "
            f"{units[-1]:+.3g} after it, in its own unit, and that should have fallen; was the lens moved to a longer "
            "working distance, and is A of each pair the image at the longer one?"
        )
    return moved / fell


def _halves(ask: Ask, pairs: Sequence[PlacedPair], units: Sequence[float]) -> list[InducedHalf]:
    """The halves of the images; of three pairs also the halves of the move."""
    found = []
    for name, half in zip(("the first half", "the second half"), _split(pairs), strict=True):
        answers = [_said(ask, one, name) for one in half]
        found.append(InducedHalf(f"{name} of the images", _slope(answers, half, f"{name} of the images")))
    if len(pairs) > 2:
        for name, part in (("the lower half of the move", slice(0, 2)), ("the upper half of the move", slice(1, 3))):
            found.append(InducedHalf(name, _slope(units[part], pairs[part], name)))
    return found


def _split(pairs: Sequence[PlacedPair]) -> tuple[list[PlacedPair], list[PlacedPair]]:
    height, width = pairs[0].pair.a.shape[:2]
    if max(height, width) < 2 * _PART_SIDE or min(height, width) < _PART_SIDE:
        raise InducedRefused(
            f"the images have {height} x {width} pixels: too few to ask each half of them; {2 * _PART_SIDE} along one "
            f"side and {_PART_SIDE} along the other are needed"
        )
    middle = max(height, width) // 2
    first, second = slice(0, middle), slice(middle, None)

    def part(which: slice) -> list[PlacedPair]:
        rows, columns = (which, slice(None)) if height > width else (slice(None), which)
        return [
            replace(one, pair=replace(one.pair, a=one.pair.a[rows, columns], b=one.pair.b[rows, columns]))
            for one in pairs
        ]

    return part(first), part(second)


def _agree(halves: Sequence[InducedHalf]) -> None:
    for one, other in zip(halves[::2], halves[1::2], strict=True):
        apart = abs(one.um_a_unit - other.um_a_unit) / mean((one.um_a_unit, other.um_a_unit))
        if apart > APART:
            raise InducedRefused(
                f"the halves disagree by {apart:.0%}: {one.name} says {one.um_a_unit:.3g} um a unit, {other.name} "
                f"{other.um_a_unit:.3g}; {APART:.0%} is the most; focus by hand on a flat field with much detail, then "
                "try again"
            )
