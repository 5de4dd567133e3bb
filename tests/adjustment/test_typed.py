"""What a person types of a knob: every way that it is written, and what is refused by name."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.errors import UsageError
from mhfd_client.adjustment.typed import MOST_STIG, MOST_UM, length, parsed, words_of
from mhfd_client.instruments.protocol import Knob


@given(st.floats(-MOST_UM, MOST_UM))
def test_a_typed_working_distance_comes_back(by: float) -> None:
    assert parsed(words_of(Knob.WORKING_DISTANCE, by)).by == pytest.approx(by, rel=1e-8, abs=1e-300)


@given(st.sampled_from([Knob.STIG_X, Knob.STIG_Y]), st.floats(-100, 100))
def test_a_typed_stigmator_comes_back(knob: Knob, by: float) -> None:
    typed = parsed(words_of(knob, by))
    assert typed.knob is knob
    assert typed.by == pytest.approx(by, rel=1e-8, abs=1e-300)


@given(st.floats(-900, 900), st.sampled_from([("nm", 1e3), ("um", 1.0), ("mm", 1e-3)]))
def test_a_length_is_the_same_in_every_unit(um: float, unit: tuple[str, float]) -> None:
    assert parsed(f"WD {um * unit[1]!r} {unit[0]}").by == pytest.approx(um, rel=1e-9, abs=1e-300)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_move_or_refused_in_words(text: str) -> None:
    with suppress(UsageError):
        assert abs(parsed(text).by) <= MOST_STIG


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("working distance -3.2 um", -3.2),
        ("Working Distance  +3,2um", 3.2),
        ("wd -3200 nm", -3.2),
        ("working_distance -0.0032 mm", -0.0032e3),
        ("working distance \u22123.2 \u00b5m", -3.2),
    ],
)
def test_ways_to_write_it(text: str, by: float) -> None:
    assert parsed(text).by == pytest.approx(by)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("working distance -3.2", "no unit"),
        ("working distance -3.2 m", "is it um"),
        ("working distance 5.1 mm", "is it um"),
        ("working distance", "names no knob"),
        ("working distance up um", "is no number"),
        ("focus -3 um", "names no knob"),
        ("working distance 1e999 um", "no number that can be used"),
        ("stig x 0.2 um", "own unit"),
        ("", "names no knob"),
    ],
)
def test_what_is_refused_says_why(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parsed(text)


@pytest.mark.parametrize("text", ["5um", "5 um", "5000nm", ".005mm", "0.005 mm"])
def test_a_length_for_an_option(text: str) -> None:
    assert length(text, "--induced") == pytest.approx(5)


@pytest.mark.parametrize("text", ["5", "um", "", "5 furlongs"])
def test_a_length_without_a_unit_is_refused_by_the_options_name(text: str) -> None:
    with pytest.raises(UsageError, match="--induced"):
        length(text, "--induced")
