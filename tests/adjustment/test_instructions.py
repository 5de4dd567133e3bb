"""Whatever a package proposes: within every limit at both signs, back by its reverse, and not after its time."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.rigs.instructed import NOW, config, made, proposal

from mhfd.contract import Proposal
from mhfd.contract.proposal import ProposalRefusal
from mhfd_client.adjustment.instructions import LEAST_UM, Instruction, clamped, instruct
from mhfd_client.errors import AdjustmentRefused
from mhfd_client.instruments.protocol import DeviceReading, Knob, KnobRange

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
SIZES = st.one_of(st.floats(-30, 30), st.floats(-1e12, 1e12), st.sampled_from([0.0, -0.0, 10.0, -10.0, 5e-324]))


def made_or_refused(move_um: float, at: float = 5000.0, **options: Any) -> Instruction | str:
    try:
        return made(move_um, at, **options)
    except AdjustmentRefused as refused:
        return str(refused)


@given(move=SIZES, at=st.floats(0, 20000), step=st.floats(0.2, 10), low=st.floats(0, 9999), width=st.floats(0.01, 9999))
def test_both_signs_are_clamped(move: float, at: float, step: float, low: float, width: float) -> None:
    settings = config(low=low, high=low + width, step=step)
    one = made_or_refused(move, at, settings=settings)
    if isinstance(one, str):
        assert "nothing was set" in one or "goes nowhere" in one
        return
    assert abs(one.by_um) <= step + 1e-6
    assert low <= one.to_um <= low + width
    assert one.by_um * move > 0
    assert abs(one.by_um) <= abs(move) + 1e-6
    assert abs(one.by_um) >= LEAST_UM


@given(value=NUMBERS, one=NUMBERS, other=NUMBERS)
def test_clamped_is_between_the_limits(value: float, one: float, other: float) -> None:
    allowed = KnobRange(min(one, other), max(one, other))
    assert clamped(value, allowed) in allowed
    assert clamped(value, allowed) == value or value not in allowed


@given(move=st.floats(-12, 12), at=st.floats(4950, 5050))
def test_the_reverse_of_the_reverse_is_the_same(move: float, at: float) -> None:
    assume(abs(move) > LEAST_UM * 1.01)
    one = made(move, at)
    back = one.reverse()
    assert back.reverse() == one
    assert back.id != one.id
    assert (back.from_um, back.to_um) == (one.to_um, one.from_um)
    assert back.by_um == -one.by_um


@given(move=st.floats(0.2, 30), spent=st.floats(0, 60))
def test_the_sum_of_an_hour_is_kept(move: float, spent: float) -> None:
    one = made_or_refused(move, spent=spent)
    if isinstance(one, str):
        assert "within the hour" in one
        assert spent + min(move, 10.0) > 50 - 1e-9
    else:
        assert spent + abs(one.by_um) <= 50 + 1e-9


@pytest.mark.parametrize("move", [25.0, -25.0, 1e9, -1e9])
def test_what_is_too_far_is_one_step_the_right_way(move: float) -> None:
    one = made(move)
    assert one.by_um == pytest.approx(10.0 if move > 0 else -10.0)
    assert one.is_clamped
    assert one.proposed_um == move


def test_mm_for_um_is_named() -> None:
    with pytest.raises(AdjustmentRefused, match="1 mm = 1000 um"):
        made(2.0, at=5.0)


@pytest.mark.parametrize("at", [NOW - 0.1, NOW + 60.1, NOW + 1e9])
def test_it_expires(at: float) -> None:
    one = made(2.0)
    assert one.expired(at)
    assert not one.expired(NOW + 59)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sign_without_a_size_moves_nothing(sign: Literal[-1, 1]) -> None:
    reading = DeviceReading(working_distance_um=5000.0, at=NOW)
    with pytest.raises(AdjustmentRefused, match="adjust calibrate"):
        instruct(proposal(None, sign), reading, config(), KnobRange(0, 1e4), instrument="it")


@pytest.mark.parametrize("refusal", ProposalRefusal)
def test_no_refusal_moves_anything(refusal: ProposalRefusal) -> None:
    said = Proposal(sign=None, refusal=refusal, why="why", package="0" * 64, title="a test")
    reading = DeviceReading(working_distance_um=5000.0, at=NOW)
    with pytest.raises(AdjustmentRefused, match=refusal.value):
        instruct(said, reading, config(), KnobRange(0, 1e4), instrument="it")


@pytest.mark.parametrize(
    "change",
    [
        {"to_um": 5011.0},
        {"to_um": 5103.0, "from_um": 5099.0},
        {"to_um": 4998.0},
        {"sign": -1},
        {"proposed_um": 1.0},
        {"proposed_um": -2.0},
        {"expires_at": NOW},
        {"from_um": 4800.0, "to_um": 4801.0},
        {"to_um": float("nan")},
    ],
)
def test_an_instruction_that_was_changed_is_none(change: dict[str, float]) -> None:
    """Read from a file or written by another program: it is checked again."""
    with pytest.raises(ValidationError):
        Instruction.model_validate(made(2.0).model_dump() | change)


def test_its_calls_have_units_a_precondition_and_a_look_afterwards() -> None:
    assert [str(call) for call in made(-2.0).calls()] == [
        "read(working_distance) has to be 5000.000 um",
        "set(working_distance, 4998.000 um)",
        "read(working_distance) has to be 4998.000 um",
    ]
    assert all(call.knob is Knob.WORKING_DISTANCE for call in made(2.0).calls())
