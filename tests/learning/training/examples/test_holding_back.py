"""Validation: whole groups, drawn by the seed, never all, and every class taught where groups allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.shown import plan_of

from mhfd.errors import UsageError
from mhfd.learning.training.examples import Examples, split


@dataclass
class Bare:
    """Groups and classes, and nothing to see."""

    groups: list[str]
    classes: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.classes is None:
            self.classes = np.full(len(self.groups), np.nan)

    def __len__(self) -> int:
        return len(self.groups)


def bare(groups: list[str], classes: list[float] | None = None) -> Examples:
    return cast(Examples, Bare(groups, None if classes is None else np.array(classes)))


@given(st.lists(st.integers(0, 9), min_size=2, max_size=80), st.integers(0, 1000), st.floats(0.05, 0.9))
def test_no_group_is_on_both_sides_and_both_sides_have_some(groups: list[int], seed: int, part: float) -> None:
    if len(set(groups)) < 2:
        groups = [*groups, 99]
    names = [f"group {group}" for group in groups]
    taught, validated = split(bare(names), plan_of(seed=seed, validation=part))
    assert sorted([*taught.tolist(), *validated.tolist()]) == list(range(len(names)))
    assert len(taught)
    assert len(validated)
    assert not {names[n] for n in taught} & {names[n] for n in validated}


def test_it_is_drawn_by_the_seed_and_about_the_part() -> None:
    examples = bare([f"g{n // 10}" for n in range(200)])
    taught, validated = split(examples, plan_of(seed=1))
    assert len(validated) == 40
    assert np.array_equal(split(examples, plan_of(seed=1))[0], taught)
    assert any(not np.array_equal(split(examples, plan_of(seed=n))[0], taught) for n in range(2, 6))


def test_a_class_of_one_group_is_taught_and_one_of_two_is_on_both_sides() -> None:
    groups = ["lone"] * 3 + ["a", "b"] * 3 + ["c", "d"] * 3
    classes = [0.0] * 3 + [1.0] * 6 + [2.0] * 6
    for seed in range(10):
        taught, validated = split(bare(groups, classes), plan_of(seed=seed, validation=0.4))
        assert {classes[n] for n in taught} == {0.0, 1.0, 2.0}
        assert {classes[n] for n in validated} == {1.0, 2.0}


def test_one_group_cannot_be_validated() -> None:
    with pytest.raises(UsageError, match=r"all 4 images are of one group, 'only'.*at least 2"):
        split(bare(["only"] * 4), plan_of())
