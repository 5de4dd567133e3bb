"""What is said in the end depends on the images and on what people said, not on when each was scored."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.focus_reports import DENSITY, RATIO, report, sharp, texture, wobble

from mhfd.contract.focus_report import FocusReport
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import Judged, RunJudge
from mhfd_client.verdicts.verdict import Verdict

FACTOR = st.sampled_from([1.0, 1.0, 1.0, 1.05, 0.95, 0.85, 0.75, 0.6, 0.3])
Images = list[tuple[int, FocusReport, Place]]


@st.composite
def runs(draw: st.DrawFn) -> tuple[Images, dict[int, bool]]:
    """Up to three tiles of up to fourteen sections, or images without sections; and what people said of some.

    Of half of the runs the files say no pixel size, and some images are of another magnification.
    """
    tiles = draw(st.integers(1, 3))
    sections = draw(st.booleans())
    unsized = draw(st.booleans())
    images: Images = []
    for section in range(draw(st.integers(3, 11))):
        for tile in range(tiles):
            factor = draw(FACTOR) * (1 - 0.3 * tile)
            detail = unsized and draw(st.integers(0, 3)) == 0
            made = report(
                DENSITY * factor * wobble(section) * (0.5 if detail else 1),
                RATIO * factor * wobble(section + tile, 0.1) * (0.5 if detail else 1),
                pixel_nm=None if unsized else 8.0,
                texture=texture(magnified=2 if detail else 1),
            )
            images.append((len(images), made, Place(section, str(tile)) if sections else Place(None, str(tile))))
    labels = draw(st.dictionaries(st.integers(0, len(images) - 1), st.booleans(), max_size=4))
    return images, labels


def _play(images: Images, labels: dict[int, bool], at: int) -> dict[object, tuple[Outcome, bool, str, str | None]]:
    """The verdicts in the end, of images that are scored in this order; labels are said after so many images."""
    judge = RunJudge()
    current: dict[object, Verdict] = {}

    def take(judged: list[Judged]) -> None:
        for one in judged:
            assert (one.verdict.reason is None) == (one.key not in current)
            current[one.key] = one.verdict

    said = 0
    for number, (key, made, place) in enumerate(images):
        take(judge.see(key, made, place, order=key))
        if number == at:
            said = 1
        if said:
            for image, label in labels.items():
                if image in judge.history:
                    take(judge.hear(image, label))
        take(judge.go_on(3))
    for image, label in labels.items():
        take(judge.hear(image, label))
    take(judge.finish())
    return {key: (v.kind, v.provisional, v.sentence, v.region) for key, v in current.items()}


@settings(max_examples=25, deadline=None)
@given(run=runs(), seed=st.integers(0, 1 << 30), at=st.integers(0, 40))
def test_the_order_in_which_images_are_scored_does_not_matter_in_the_end(
    run: tuple[Images, dict[int, bool]], seed: int, at: int
) -> None:
    images, labels = run
    other = [images[i] for i in np.random.default_rng(seed).permutation(len(images))]
    assert _play(images, labels, 10**6) == _play(other, labels, at)


def test_a_run_that_comes_in_order_needs_few_words_more() -> None:
    """An image with enough sharp ones before it is told once and for all."""
    judge = RunJudge()
    told = [0] * 40
    for i in range(40):
        for one in judge.see(i, sharp(i), Place(i)):
            told[int(str(one.key))] += 1
        if i == 8:
            for key in (2, 4, 6):
                for one in judge.hear(key, True):
                    told[int(str(one.key))] += 1
        for one in judge.finish():
            told[int(str(one.key))] += 1
    assert set(told[9:]) == {1}


def test_what_was_final_is_amended_with_a_reason() -> None:
    """Workers that finish late bring the neighbours late."""
    judge = RunJudge()
    for i in [*range(10), *range(20, 30)]:
        judge.see(i, sharp(i), Place(i))
    for key in (2, 4, 6):
        judge.hear(key, True)
    judge.finish()
    for i in range(10, 20):
        judge.see(i, sharp(i), Place(i))
    amended = judge.finish()
    assert {one.key for one in amended} == set(range(20, 30))
    assert {one.verdict.reason for one in amended} == {
        "judged again: all images are compared in the order of their sections"
    }
    assert judge.finish() == []


def test_news_while_all_is_put_in_order_begins_it_anew() -> None:
    judge = RunJudge()
    for i in range(9):
        judge.see(i, sharp(i), Place(i))
    judge.settle(5)
    judge.see(9, report(0.5 * DENSITY, 0.5 * RATIO), Place(9))
    assert not judge.settled
    judge.finish()
    assert judge.settled
    assert judge.settle(5) == []
