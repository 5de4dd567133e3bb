"""How good pictures are, image by image: by packages and by ways that nobody taught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.rigs.besides import besides_dataset
from tests.rigs.networks import finder, restoring_written, smoother

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.pictures import MEASURE, classical_scores, image_scores
from mhfd.learning.pictures.classical import SIGMAS, classical_ways
from mhfd.learning.pictures.overlap import overlaps
from mhfd.learning.pictures.scoring import CORRELATION, PSNR, best_ways, by_way, picture_scores


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Fields that were taken twice."""
    return besides_dataset(tmp_path_factory.mktemp("twice"), takes=True)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Fields with masks."""
    return besides_dataset(tmp_path_factory.mktemp("masked"), masks=True)


def test_a_package_is_scored_image_by_image(twice: Dataset, tmp_path: Path) -> None:
    package = restoring_written(tmp_path, "denoise", smoother())
    beats: list[int] = []
    found = image_scores(twice.rows, package, beat=lambda: beats.append(1))
    assert found.shape == (len(twice.rows),)
    assert len(beats) == len(twice.rows)
    raw = picture_scores(twice.rows, {"raw": lambda pixels, _: pixels}, "denoise")["raw"]
    assert (found > raw.score).all()  # a mean of nine pixels, at a dose of 30
    assert list(raw.more) == [CORRELATION]


def test_of_an_image_without_what_it_needs_beside_it_nothing_is_known(twice: Dataset, tmp_path: Path) -> None:
    package = restoring_written(tmp_path, "segment", finder(1))
    assert np.isnan(image_scores(twice.rows, package)).all()
    with pytest.raises(UsageError, match=r"none of 8 images has a mask beside it; draw some, as a\.mask\.png"):
        classical_scores(twice.rows, task="segment")


def test_an_image_that_a_package_refuses_has_no_score(twice: Dataset, tmp_path: Path) -> None:
    package = restoring_written(tmp_path, "denoise", smoother(), pixel_nm=(50.0, 60.0))
    rows = [row.model_copy(update={"pixel_nm": None}) for row in twice.rows]
    assert np.isfinite(image_scores(rows, package)).all()  # the files do not say how large their pixels are

    def refuses(_pixels: NDArray[Any], _nm: float | None) -> NDArray[Any]:
        raise UsageError("not this one")

    assert np.isnan(picture_scores(twice.rows, {"no": refuses}, "denoise")["no"].score).all()


def test_the_setting_of_a_way_is_the_best_on_the_images_that_choose_it(twice: Dataset) -> None:
    (best, score), (_, other) = best_ways(twice.rows, "denoise")
    assert score > other
    name, scores = classical_scores(twice.rows, task="denoise")
    assert name == best.name
    assert float(scores.mean()) == pytest.approx(score, abs=1e-9)
    gaussians = [way for way in classical_ways("denoise") if way.kind == "Gaussian"]
    assert len(gaussians) == len(SIGMAS)
    means = picture_scores(twice.rows, {way.name: by_way(way) for way in gaussians}, "denoise")
    known = {way.kind: value for way, value in best_ways(twice.rows, "denoise")}
    assert max(float(one.score.mean()) for one in means.values()) == pytest.approx(known["Gaussian"])


def test_grey_values_stay_those_of_the_image(twice: Dataset) -> None:
    pixels = tifffile.imread(twice.rows[0].path)
    for way in classical_ways("denoise")[::3]:
        for image in (pixels, (pixels.astype(np.float32) * 300 + 20).astype(np.uint16), pixels.astype(np.float32)):
            made = way.of(image)
            assert (made.dtype, made.shape) == (image.dtype, image.shape)
            assert abs(float(made.mean()) - float(image.mean())) < 0.03 * float(np.ptp(image))
            assert float(made.std()) < float(image.std())


def test_mhfds_tissue_is_a_map_of_the_image(masked: Dataset) -> None:
    name, scores = classical_scores(masked.rows, task="segment")
    assert name.startswith("mhfd's tissue, what is clipped is")
    assert (scores > 0.2).all()
    assert (scores < 1).all()
    pixels = tifffile.imread(masked.rows[0].path)[:90, :70]
    made = classical_ways("segment")[0].of(pixels)
    assert made.shape == (90, 70)
    assert set(np.unique(made)) <= {0, 1}


def test_an_overlap_is_of_what_either_says_is_there() -> None:
    mask, said = np.ones((64, 64), np.uint8), np.ones((64, 64), np.uint8)
    mask[:16] = 0
    said[:32] = 0
    assert overlaps(said, mask) == {"resin": pytest.approx(0.5), "tissue": pytest.approx(2 / 3)}
    mask[:] = 255
    assert overlaps(said, mask) == {}


def test_the_clean_picture_is_shown_beside_where_there_is_one(tmp_path: Path) -> None:
    from mhfd.learning.dataset.building import Ingredients, build

    built = build(Ingredients(simulate=2), tmp_path / "d", size=96, takes=True).dataset
    found = picture_scores(built.rows, {"raw": lambda pixels, _: pixels}, "denoise")["raw"]
    assert set(found.more) == {CORRELATION, PSNR}
    assert np.isfinite(found.more[PSNR]).all()
    assert set(MEASURE) == {"denoise", "segment"}


def test_what_changed_since_is_named(tmp_path: Path) -> None:
    own = besides_dataset(tmp_path, groups=2, each=1, takes=True)
    tifffile.imwrite(own.rows[0].beside[0].path, tifffile.imread(own.rows[0].path))
    with pytest.raises(UsageError, match="its bytes changed"):
        picture_scores(own.rows, {"raw": lambda pixels, _: pixels}, "denoise")
