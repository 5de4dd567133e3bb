"""Packages that make pictures, asked about first images, beside the best that nobody had to teach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.besides import besides_dataset
from tests.rigs.networks import finder, restoring_written

from mhfd.contract.assessing import Assessment, LibraryTask
from mhfd.errors import UsageError
from mhfd.learning import pictures
from mhfd.learning.assessing import assess
from mhfd.learning.dataset import Dataset, DatasetRow, Side, SourceGroup
from mhfd.learning.packages import Library


def of_north(made: Dataset) -> Dataset:
    """The same, of a microscope."""
    rows = tuple(
        row.model_copy(update={"group": SourceGroup.of(f"north/{row.group.specimen}/day")}) for row in made.rows
    )
    return Dataset(rows, {f"north/{key}/day": side for key, side in made.split.items()})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return of_north(besides_dataset(tmp_path_factory.mktemp("first"), takes=True, masks=True))


def assessed(home: Path, dataset: Dataset, task: LibraryTask, **asked: Any) -> Assessment:
    listed = [one for one in Library(home).list() if not one.shipped]
    return assess(dataset, listed, instrument="north", task=task, **asked)


def test_a_network_that_has_learned_nothing_is_surely_below_and_to_be_trained(tmp_path: Path, images: Dataset) -> None:
    for seed, at in enumerate(("south", "east")):
        restoring_written(tmp_path / "packages", "segment", finder(seed), title=at, groups_seen=(f"{at}/rat/day",))
    restoring_written(tmp_path / "packages", "denoise", title="a denoiser")
    found = assessed(tmp_path, images, "segment", cache=tmp_path / "measured")
    assert (found.images, found.groups) == (6, 3)
    assert found.measure.startswith(pictures.MEASURE["segment"])
    assert found.bar.startswith("mhfd's tissue")
    first, second, other = found.packages
    assert (first.rank, second.rank, other.rank) == (1, 2, None)
    assert other.reason == "is for denoise, and this is for segment"
    assert first.high is not None
    assert found.bar_score is not None
    assert first.high < found.bar_score
    assert found.train == (first.package,) == (found.best,)


def test_the_best_way_that_nobody_taught_is_asked_once(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    restoring_written(tmp_path / "packages", "segment")
    first = assessed(tmp_path, images, "segment", cache=tmp_path / "measured")
    monkeypatch.setattr("mhfd.learning.assessing.picturing.classical_scores", lambda *_a, **_o: pytest.fail("again"))
    assert assessed(tmp_path, images, "segment", cache=tmp_path / "measured") == first
    (kept,) = (tmp_path / "measured").rglob("classical.json")
    kept.write_text("{")
    monkeypatch.undo()
    assert assessed(tmp_path, images, "segment", cache=tmp_path / "measured") == first, "what is damaged is asked anew"


def test_a_picture_that_is_refused_counts_as_the_classical_one(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    restoring_written(tmp_path / "packages", "segment")
    scores = [np.array([0.9, np.nan, 0.9, np.nan, 0.9, np.nan]), np.full(6, np.nan)]
    monkeypatch.setattr("mhfd.learning.assessing.picturing.image_scores", lambda *_a, **_o: scores[0])
    found = assessed(tmp_path, images, "segment")
    (one,) = found.packages
    assert one.images == 3
    assert one.score is not None
    assert found.bar_score is not None
    assert found.bar_score < one.score < 0.9
    assert found.train == ()
    del scores[0]
    (none,) = assessed(tmp_path, images, "segment").packages
    assert (none.rank, none.images) == (None, 0)


def test_images_of_which_nothing_is_known_are_refused_in_words(tmp_path: Path, images: Dataset) -> None:
    bare: tuple[DatasetRow, ...] = tuple(row.model_copy(update={"beside": ()}) for row in images.on(Side.TRAIN).rows)
    with pytest.raises(UsageError, match="none of 6 images has a mask beside it"):
        assessed(tmp_path, Dataset(bare, images.split), "segment")


def test_a_denoiser_is_held_against_gaussian_and_non_local_means(tmp_path: Path, images: Dataset) -> None:
    pytest.importorskip("skimage", reason="non-local means come with the extra learn")
    restoring_written(tmp_path / "packages", "denoise")
    found = assessed(tmp_path, images, "denoise")
    assert found.bar.startswith(("Gaussian, ", "non-local means, "))
    (one,) = found.packages
    assert (one.rank, one.images) == (1, 6)
    assert one.score is not None
