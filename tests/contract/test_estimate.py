"""An estimate says something or why it does not, in words that name who speaks."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mhfd.contract.estimate import Estimate

PACKAGE = "3f2a" + "0" * 60


def estimate(**changes: Any) -> Estimate:
    return Estimate.model_validate({"package": PACKAGE, "title": "mhfd-radius", **changes})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"radius_px": 0.03, "sd": 0.15}, "radius 0.0 px (0.0 to 0.2), says mhfd-radius 3f2a"),
        ({"radius_px": 2.1, "sd": 0.55}, "radius 2.1 px (1.6 to 2.7), says mhfd-radius 3f2a"),
        ({"radius_px": 0.0, "sd": 0.5}, "radius 0.0 px (0.0 to 0.9), says mhfd-radius 3f2a"),
        ({"cause": "low_dose", "p": 0.83}, "cause: low dose (p .83), says mhfd-radius 3f2a"),
        ({"p": 1.0}, "out of focus: p 1.00, says mhfd-radius 3f2a"),
        ({"radius_px": 3.0, "p": 0.05}, "radius 3.0 px, out of focus: p .05, says mhfd-radius 3f2a"),
        ({"refusal": "the image is blank"}, "mhfd-radius 3f2a says nothing: the image is blank"),
    ],
)
def test_it_says_what_and_who(fields: dict[str, Any], words: str) -> None:
    assert estimate(**fields).words == words
    assert Estimate.model_validate_json(estimate(**fields).model_dump_json()).words == words


def test_its_range_stays_above_0_and_finite() -> None:
    found = estimate(radius_px=1e-6, sd=1e3).range_px
    assert found is not None
    assert 0 <= found[0] < 1e-6 < found[1] < float("inf")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"refusal": "blank", "p": 0.5},
        {"p": float("nan")},
        {"p": 1.1},
        {"radius_px": float("inf")},
        {"radius_px": -1.0},
        {"p": 0.5, "package": "mhfd-radius"},
        {"p": 0.5, "verdict": "in_focus"},
    ],
    ids=str,
)
def test_it_never_says_half(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        estimate(**fields)
