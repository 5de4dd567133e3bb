"""What networks are shown that give a picture or a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.besides import besides_dataset
from tests.rigs.shown import plan_of

from mhfd.contract.training import TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.dataset.besides import MASK_CLASSES, PLACE, places_of
from mhfd.learning.dataset.copies import pixels_of
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.training.examples import copy_of, open_examples, order, split
from mhfd.learning.training.examples.altering import Copy
from mhfd.learning.training.examples.restoring import HIDDEN, PICTURE, RestoringLesson, hidden
from mhfd.learning.training.nets import NETS, head_of


def plan(lesson: RestoringLesson = "denoise", **more: object) -> TrainingPlan:
    """Of such a training."""
    return plan_of(seed=3).model_copy(update={"lesson": lesson, **more})


def test_two_takes_of_a_field_are_shown_alike_but_for_their_noise(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path, takes=True), "denoise", multiple=64)
    assert (len(examples), examples.side, examples.says) == (6, (64, 64), PICTURE)
    x, y = (examples.load(0, None).x, examples.load(0, None).y)
    assert x.shape == y.shape == (1, 64, 64)
    assert 0.5 < np.corrcoef(x.ravel(), y.ravel())[0, 1] < 0.99
    assert "with another take of each field" in examples.notes[0]


def test_the_same_copy_shows_the_same_and_another_another(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path, takes=True), "denoise", multiple=64)
    first, again, other = (examples.load(1, copy_of(plan(), epoch=epoch, position=5)).x for epoch in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_either_take_may_be_the_one_that_is_shown(tmp_path: Path) -> None:
    dataset = besides_dataset(tmp_path, takes=True, side=64)
    examples = open_examples(dataset, "denoise", multiple=64)
    own = NORMALISATION.between(*(lambda p: (p, NORMALISATION.limits_of(p)))(pixels_of(dataset.rows[0])[0]))
    shown = [examples.load(0, Copy(key=(0, 0, position))).x[0] for position in range(12)]
    assert {bool((one == own).all()) for one in shown} == {True, False}
    assert (examples.load(0, None).x[0] == own).all()


def test_without_takes_some_pixels_are_hidden_and_wanted(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path), "denoise", multiple=64)
    example = examples.load(0, None)
    known = np.isfinite(example.y)
    assert known.sum() == round(HIDDEN * 64 * 64)
    assert (example.x[known] != example.y[known]).mean() > 0.9
    assert "what lies around hidden pixels" in examples.notes[0]
    assert "never scored" in examples.notes[1]


def test_a_hidden_pixel_has_the_value_of_one_around_it() -> None:
    part = np.arange(400, dtype=np.float32).reshape(20, 20)
    shown, wanted = hidden(part, np.random.default_rng(0))
    y, x = np.nonzero(np.isfinite(wanted))
    assert (wanted[y, x] == part[y, x]).all()
    away = shown[y, x].astype(int)
    assert (away != part[y, x]).all()
    inner = (y >= 2) & (y < 18) & (x >= 2) & (x < 18)
    assert np.abs(away[inner] // 20 - y[inner]).max() <= 2
    assert np.abs(away[inner] % 20 - x[inner]).max() <= 2
    np.testing.assert_array_equal(shown[np.isnan(wanted)], part[np.isnan(wanted)])


def test_of_a_large_image_several_parts_are_shown(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path, side=128), "denoise", multiple=64)
    assert len(examples) == 6 * 4 == len(examples.groups) == len(examples.paths)
    assert examples.groups[3] == "specimen 0"
    assert examples.groups[8] == "specimen 1"
    assert (examples.load(0, None).x != examples.load(1, None).x).any()
    taught, validated = split(examples, plan())
    groups = [{examples.groups[n] for n in which} for which in (taught, validated)]
    assert not groups[0] & groups[1]
    assert len(order(taught, examples.classes, seed=0, epoch=0)) == len(taught)


def test_a_mask_is_asked_for_by_places(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path, masks=True), "segment", multiple=64)
    example = examples.load(0, None)
    assert examples.says == MASK_CLASSES
    assert (example.x.shape, example.y.shape) == ((1, 64, 64), (8, 8))
    assert any("% resin" in note and "% artefact" in note for note in examples.notes)
    turned = examples.load(0, copy_of(plan("segment"), epoch=0, position=1))
    assert turned.y.shape == (8, 8)


def test_parts_and_masks_are_cut_and_turned_alike(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path, masks=True), "segment", multiple=64)
    for position in range(6):
        copy = copy_of(plan("segment"), epoch=0, position=position)
        example = examples.load(0, copy)
        flat = examples.load(0, replace(copy, mirrored=False, quarters=0))
        upright = copy.upright()
        np.testing.assert_array_equal(example.x, upright.of(flat.x))
        np.testing.assert_array_equal(example.y, upright.of(flat.y))


def test_places_are_what_most_of_them_shows() -> None:
    mask = np.full((16, 24), 1, np.uint8)
    mask[:8, :5] = 2  # 40 of 64 pixels
    mask[:8, 8:11] = 0  # 24 of 64
    mask[8:, :8] = 255
    mask[8:12, 8:16] = 255  # half of it is known
    wanted = [[2, 1, 1], [np.nan, 1, 1]]
    np.testing.assert_array_equal(places_of(mask), np.array(wanted, np.float32))


def test_heads_and_grids_are_those_of_the_networks() -> None:
    assert head_of("denoise").says == PICTURE
    assert head_of("segment").says == MASK_CLASSES
    assert (NETS["residual"].grid, NETS["regions"].grid) == (1, PLACE)


def _without(dataset: Dataset, what: str) -> Dataset:
    rows = (row.model_copy(update={"beside": ()}) for row in dataset.rows)
    return Dataset(tuple(rows), dataset.split) if what else dataset


def test_what_cannot_teach_is_refused_in_words(tmp_path: Path) -> None:
    dataset = besides_dataset(tmp_path / "a", masks=True)
    with pytest.raises(UsageError, match=r"none of the 6 images of its training groups has a mask beside it"):
        open_examples(_without(dataset, "mask"), "segment", multiple=64)
    with pytest.raises(UsageError, match="copies: set A is of whole images, and segment is taught with parts"):
        open_examples(dataset, "segment", multiple=64, copies="A")
    one = Dataset(dataset.rows[:2], dataset.split)
    with pytest.raises(UsageError, match=r"all 2 images that can teach this are of one group, 'specimen 0'"):
        open_examples(one, "segment", multiple=64)
    with pytest.raises(UsageError, match="smallest image has 96 pixels a side, and parts of 128 are shown"):
        open_examples(dataset, "denoise", multiple=128)
    tifffile.imwrite(dataset.rows[0].beside[0].path, np.full((96, 96), 7, np.uint8))
    with pytest.raises(UsageError, match=r"0-0-mask\.tif: it is not the mask that was there"):
        open_examples(dataset, "segment", multiple=64)


def test_masks_of_one_thing_teach_nothing(tmp_path: Path) -> None:
    from mhfd.learning.dataset.labels_csv import beside_of

    dataset = besides_dataset(tmp_path, masks=True)
    for row in dataset.rows:
        tifffile.imwrite(row.beside[0].path, np.ones((96, 96), np.uint8))
    rows = (row.model_copy(update={"beside": (beside_of("mask", Path(row.beside[0].path)),)}) for row in dataset.rows)
    with pytest.raises(UsageError, match="all masks of its training groups show tissue alone"):
        open_examples(Dataset(tuple(rows), dataset.split), "segment", multiple=64)


def test_grey_values_come_back() -> None:
    plane = np.random.default_rng(0).integers(0, 60_000, (80, 80)).astype(np.uint16)
    limits = NORMALISATION.limits_of(plane)
    np.testing.assert_allclose(NORMALISATION.back(NORMALISATION.between(plane, limits), limits), plane, atol=0.05)
    flat = np.full((80, 80), 9, np.uint8)
    assert (NORMALISATION.back(NORMALISATION.between(flat, (9.0, 9.0)), (9.0, 9.0)) == 9).all()
