"""Which image a person is asked about next, and which words say why."""

from __future__ import annotations

import pytest
from tests.rigs.estimates import CAUSE, FOCUS, RADIUS, made

from mhfd.contract.estimate import Estimate
from mhfd_client.journal.rows import Outcome
from mhfd_client.learning.next_label import NextLabel, Unlabelled, next_label
from mhfd_client.naming import Place

IN, OUT = Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS


def bad(p: float) -> Estimate:
    return made(FOCUS, p=p).estimate


def image(
    number: int, *says: Estimate, outcome: Outcome = IN, margin: float | None = None, section: int | None = None
) -> Unlabelled:
    return Unlabelled(number, Place(section, "r1-c1"), outcome, margin, says)


def test_a_disagreement_comes_before_doubt_and_doubt_before_the_threshold() -> None:
    images = [
        image(1, margin=0.0),
        image(2, bad(0.5)),
        image(3, bad(0.97)),
        image(4, bad(0.8)),
        image(5, bad(0.02)),
    ]
    order = []
    while (found := next_label(images, ())) is not None:
        order.append(found.image)
        images = [one for one in images if one.image != found.image]
    assert order == [3, 4, 2, 1]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (image(1, bad(0.83)), "the verdict is in focus, and lab-focus 77d0 says out of focus (p .83)"),
        (image(1, bad(0.1), outcome=OUT), "the verdict is out of focus, and lab-focus 77d0 says in focus (p .90)"),
        (image(1, bad(0.45)), "lab-focus 77d0 is not sure of it: out of focus with p .45"),
        (
            image(1, made(CAUSE, cause="low_dose", p=0.7).estimate),
            "the verdict is in focus, and mhfd-cause 9b1c says low dose (p .70)",
        ),
        (
            image(1, made(CAUSE, cause="in_focus", p=0.7).estimate, outcome=OUT),
            "the verdict is out of focus, and mhfd-cause 9b1c says in focus (p .70)",
        ),
        (image(1, margin=0.3), "it lies near the threshold between in focus and out of focus"),
        (
            image(1, made(CAUSE, refusal="not sure").estimate, made(RADIUS, radius_px=2.0).estimate, margin=0.3),
            "it lies near the threshold between in focus and out of focus",
        ),
    ],
)
def test_it_says_why(asked: Unlabelled, why: str) -> None:
    assert next_label([asked], ()) == NextLabel(1, why)


@pytest.mark.parametrize(
    "clear",
    [
        image(1),
        image(1, margin=1.0),
        image(1, margin=5.0),
        image(1, bad(0.05)),
        image(1, bad(0.95), outcome=OUT),
        image(1, made(CAUSE, cause="defocus", p=0.9).estimate, outcome=OUT),
        image(1, bad(0.5), outcome=Outcome.UNDETERMINED),
        image(1, bad(0.5), outcome=Outcome.INCOMPLETE),
    ],
)
def test_nobody_is_asked_what_is_clear(clear: Unlabelled) -> None:
    assert next_label([clear], ()) is None


def test_words_are_spread_over_the_run() -> None:
    images = [image(n, margin=0.1, section=n) for n in range(1, 41)]
    asked: list[int] = []
    while len(asked) < 4 and (found := next_label(images, [Place(n, "r1-c1") for n in asked])) is not None:
        asked.append(found.image)
        images = [one for one in images if one.image != found.image]
    gaps = [abs(a - b) for i, a in enumerate(asked) for b in asked[:i]]
    assert len(asked) == 4
    assert min(gaps) >= 5
    other_tile = [Place(n, "r9-c9") for n in range(1, 41)]
    assert next_label([image(7, margin=0.1, section=7)], other_tile) is not None
