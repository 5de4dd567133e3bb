"""A known move gives the size of a package's unit, or is refused: halves disagree, or answers do not follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.contract.proposal import Proposal, ProposalRefusal
from mhfd.errors import UsageError
from mhfd.learning.manifold.pair import ImagePair
from mhfd_client.adjustment.calibrating import APART, PlacedPair, calibrated, checked_induced
from mhfd_client.errors import InducedRefused

PACKAGE = "b" * 64


def pair(first: float, second: float | None = None, *, shape: tuple[int, int] = (256, 512), **known: Any) -> ImagePair:
    """A pair whose halves say these numbers to `ask`."""
    image = np.full(shape, first, np.float32)
    half = max(shape) // 2
    image[(slice(None), slice(half, None)) if shape[1] >= shape[0] else slice(half, None)] = (
        first if second is None else second
    )
    return ImagePair(image, image, 2.0, **known)


def ask(asked: ImagePair) -> float | Proposal:
    said = float(asked.a.mean())
    if said > 1e6:
        return Proposal(
            sign=None, refusal=ProposalRefusal.NO_STRUCTURE, why="it is blank", package=PACKAGE, title="stub"
        )
    return said


def placed(*at: tuple[float, float | tuple[float, float]], **known: Any) -> list[PlacedPair]:
    return [PlacedPair(pair(*((say,) if isinstance(say, float) else say), **known), um) for um, say in at]


@given(
    um_a_unit=st.floats(0.01, 100),
    induced=st.floats(1, 10).flatmap(lambda um: st.sampled_from([um, -um])),
    start=st.floats(-5, 5),
    both=st.booleans(),
)
def test_a_straight_answer_gives_back_its_size(um_a_unit: float, induced: float, start: float, both: bool) -> None:
    places = (0.0, induced, -induced)[: 3 if both else 2]
    found = calibrated(ask, PACKAGE, placed(*((at, float((start - at) / um_a_unit)) for at in places)))
    assert found.calibration.um_a_unit == pytest.approx(um_a_unit, rel=1e-2)
    assert len(found.halves) == (4 if both else 2)


def test_it_is_bound_to_how_the_instrument_stood() -> None:
    known = {"pixel_nm": 8.0, "dwell_ns": 800.0, "beam_kv": 1.5, "beam_pa": 300.0, "instrument": "SEM 3"}
    found = calibrated(ask, PACKAGE, placed((0.0, 1.0), (5.0, -1.0), **known)).calibration
    assert found.model_dump(include=set(known)) == known
    assert (found.package, found.perturbation_um, found.um_a_unit) == (PACKAGE, 2.0, 2.5)


@given(apart=st.floats(0.0, 0.6))
def test_halves_that_disagree_by_a_fifth_are_refused(apart: float) -> None:
    if abs(apart - APART) < 1e-3:
        return  # on the edge float32 decides
    one, other = 1 + apart / 2, 1 - apart / 2
    pairs = placed((0.0, 0.0), (5.0, (-5 / one, -5 / other)))
    if apart > APART:
        with pytest.raises(InducedRefused, match="the halves disagree by"):
            calibrated(ask, PACKAGE, pairs)
    else:
        found = calibrated(ask, PACKAGE, pairs).calibration
        assert found.um_a_unit == pytest.approx(2 / (1 / one + 1 / other), rel=1e-3)
        assert found.sd_part >= apart / 2.5


def test_the_two_directions_have_to_agree() -> None:
    with pytest.raises(
        InducedRefused, match=r"the lower half of the move says 1\.67 um a unit, the upper half of the move 5"
    ):
        calibrated(ask, PACKAGE, placed((0.0, 0.0), (5.0, -1.0), (-5.0, 3.0)))


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        (placed((0.0, 0.0), (5.0, 1.0)), "do not follow the known move of 5 um"),
        (placed((0.0, 0.0), (5.0, 0.0)), "do not follow the known move"),
        (placed((0.0, 0.0), (5.0, 2e6)), r"the pair at \+5 um says nothing: it is blank"),
        (placed((0.0, 0.0), (5.0, (-2.5e6, 2e6))), "the second half of the pair at"),
        (placed((0.0, 0.0), (5.0, (-3.0, 1.0))), "the second half of the images do not follow"),
        (placed((0.0, 0.0), (5.0, -1.0), shape=(256, 500)), "256 x 500 pixels: too few"),
    ],
)
def test_what_shows_no_size_is_refused_with_why(pairs: Sequence[PlacedPair], why: str) -> None:
    with pytest.raises(InducedRefused, match=why):
        calibrated(ask, PACKAGE, pairs)


def test_images_that_are_higher_than_wide_are_halved_across() -> None:
    found = calibrated(ask, PACKAGE, placed((0.0, 0.0), (5.0, (-1.0, -1.1)), shape=(512, 256)))
    assert [half.um_a_unit for half in found.halves] == pytest.approx([5.0, 5 / 1.1])


@pytest.mark.parametrize("um", [0.0, 0.5, 5000.0, float("nan"), -11.0])
def test_a_move_that_shows_nothing_is_a_wrong_argument(um: float) -> None:
    with pytest.raises(UsageError, match="induced: "):
        checked_induced(um)
