"""Alerts graded by the truth: what rang for nothing is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mhfd_client.alerts import Alert, Digest, Event, Rule
from mhfd_client.demo.rung import graded
from mhfd_client.demo.watch import Found
from mhfd_client.microscope.truth import Shot, ShotKind, grade
from mhfd_client.results.latency import latency

TRUTH = [
    *(Shot(n, "r1-c1", f"S_{n}.tif", ShotKind.DEFOCUS, "out_of_focus") for n in range(1, 5)),
    *(Shot(n, "r1-c1", f"S_{n}.tif", ShotKind.SHARP, "in_focus") for n in range(5, 10)),
    Shot(10, "r1-c1", "S_10.tif", ShotKind.BLANK, "undetermined"),
]
WAITS = latency(())
DIGEST = Digest(why="", made="", newest=1, images=1, waiting=0, confirmed=0, again=0)
LIMITS = {Rule.OUT_OF_FOCUS: 4, Rule.UNUSABLE: 1}


@dataclass(frozen=True)
class Case:
    name: str
    rule: Rule | None
    right: bool | None
    images: tuple[int, ...] = ()
    event: Event = Event.OPENED
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("four_blurred", Rule.OUT_OF_FOCUS, True, (1, 2, 3, 4)),
    Case("four_and_a_good_one", Rule.OUT_OF_FOCUS, True, (1, 2, 3, 4, 5)),
    Case("three_and_a_good_one", Rule.OUT_OF_FOCUS, False, (1, 2, 3, 5)),
    Case("it_got_worse_by_good_ones", Rule.OUT_OF_FOCUS, False, (5, 6, 7, 8), Event.WORSE),
    Case("a_blank_one", Rule.UNUSABLE, True, (10,)),
    Case("a_blurred_one_is_usable", Rule.UNUSABLE, False, (1,)),
    Case("no_focus_drifts", Rule.DRIFT, False),
    Case("a_section_that_came", Rule.MISSING, False, facts={"missing": [7]}),
    Case("a_section_that_never_came", Rule.MISSING, True, facts={"missing": [11]}),
    Case("each_failed", None, True, (1, 10), Event.FAILED),
    Case("one_of_each_did_not", None, False, (1, 5), Event.FAILED),
    Case("a_full_disk", Rule.DISK, None),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_rang_is_graded(case: Case) -> None:
    alert = Alert(
        id="1", event=case.event, rule=case.rule, episode=1, text="It rang.", since="", root="/data", host="sem",
        images=tuple(f"S_{n}.tif" for n in case.images), facts=case.facts,
    )  # fmt: skip
    over = alert.model_copy(update={"event": Event.CLOSED})
    (rang,) = graded([alert, over], TRUTH, limits=LIMITS)
    found = Found(grade(TRUTH[:4], {f"S_{n}.tif": "out_of_focus" for n in range(1, 5)}), WAITS, Path(), (rang,), DIGEST)
    assert found.clean is (case.right is not False)
    assert rang.right is case.right
    assert str(rang).endswith(": It rang.")
