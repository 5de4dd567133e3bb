"""The order of images: seeded, balanced, each its turn; and its parts, the same images for any number of workers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.learning.training.examples import MOST_OFTEN, order, part, steps_in_epoch

COUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


def classed(counts: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts), dtype=float), counts)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**63 - 1))
def test_parts_are_disjoint_and_are_the_batch_whoever_shares_it(
    images: int, batch: int, workers: int, seed: int
) -> None:
    shown = order(np.arange(images), np.full(images, np.nan), seed=seed, epoch=3)
    met = []
    for step in range(steps_in_epoch(images, batch)):
        parts = [part(shown, step_in_epoch=step, batch=batch, worker=n, workers=workers) for n in range(workers)]
        together = np.concatenate(parts)
        assert np.array_equal(together, part(shown, step_in_epoch=step, batch=batch, worker=0, workers=1))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        met += together.tolist()
    assert met == list(range(images))
    assert sorted(shown.tolist()) == list(range(images))


@given(COUNTS, st.integers(1, 30), st.integers(0, 1000))
def test_each_batch_has_the_classes_in_equal_parts_as_far_as_there_are_images(
    counts: list[int], batch: int, seed: int
) -> None:
    classes = classed(counts)
    shown = order(np.arange(len(classes)), classes, seed=seed, epoch=0)
    assert len(shown) == len(classes)
    whole = np.bincount(classes[shown].astype(int), minlength=len(counts))
    rare = {n for n, count in enumerate(counts) if whole[n] == MOST_OFTEN * count}
    others = [share for n, share in enumerate(whole.tolist()) if n not in rare]
    assert max(others, default=0) - min(others, default=0) <= 1
    for step in range(len(shown) // batch):
        some = classes[shown[step * batch : (step + 1) * batch]].astype(int)
        expected = whole * batch / len(shown)
        assert np.abs(np.bincount(some, minlength=len(counts)) - expected).max() <= 1 + len(counts) / 2


@given(COUNTS, st.integers(0, 1000))
def test_no_image_comes_twice_before_all_of_its_class_came_once(counts: list[int], seed: int) -> None:
    classes = classed(counts)
    times = Counter[int]()
    for epoch in range(4):
        shown = order(np.arange(len(classes)), classes, seed=seed, epoch=epoch)
        assert max(Counter(shown.tolist()).values()) <= MOST_OFTEN + 1
        times.update(shown.tolist())
        for kind in range(len(counts)):
            seen = [times[image] for image in np.flatnonzero(classes == kind).tolist()]
            assert max(seen) - min(seen) <= 1


def test_balanced_classes_are_shown_once_an_epoch_each_time_in_another_order() -> None:
    classes = classed([20, 20])
    first, again, next_, other = (
        order(np.arange(40), classes, seed=seed, epoch=epoch).tolist()
        for seed, epoch in ((7, 0), (7, 0), (7, 1), (8, 0))
    )
    assert sorted(first) == sorted(next_) == list(range(40))
    assert first == again
    assert first not in (next_, other)


def test_a_class_of_one_image_does_not_fill_half_of_every_batch() -> None:
    classes = classed([1, 199])
    shown = order(np.arange(200), classes, seed=0, epoch=0)
    assert shown.tolist().count(0) == MOST_OFTEN


def test_only_what_is_taught_is_shown_and_an_unknown_class_is_one_of_its_own() -> None:
    classes = np.array([0, 1, np.nan, 0, 1, np.nan, 1.0])
    taught = np.array([0, 1, 2, 4, 5, 6])
    shown = order(taught, classes, seed=0, epoch=0).tolist()
    assert set(shown) <= set(taught.tolist())
    assert sorted(np.nan_to_num(classes[shown], nan=9).tolist()) == [0, 0, 1, 1, 9, 9]
    assert order(np.zeros(0, np.intp), classes, seed=0, epoch=0).tolist() == []


@pytest.mark.parametrize(("images", "batch", "steps"), [(9093, 32, 285), (10, 10, 1), (11, 10, 2), (0, 4, 0)])
def test_steps_of_an_epoch(images: int, batch: int, steps: int) -> None:
    assert steps_in_epoch(images, batch) == steps
