"""A picture that a package made is for the eye: every road that measures or teaches refuses it, and says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.besides import besides_dataset
from tests.rigs.typed import refused, typed_here

import mhfd
from mhfd import images
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.dataset.besides import MASK_CLASSES
from mhfd.learning.dataset.building import Ingredients, build
from mhfd.learning.dataset.checking import check
from mhfd.learning.dataset.copies import NotAnImage
from mhfd.learning.dataset.folders import rows_in
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.inference.restoring import RestoredImage
from mhfd.learning.pictures.scoring import picture_scores
from mhfd.simulate import section


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with an image and a picture that was made of it."""
    pixels = section((128, 128), seed=3)
    (tmp_path / "good").mkdir()
    tifffile.imwrite(tmp_path / "good" / "image.tif", pixels)
    RestoredImage(pixels, (), "noise taken away by package 0123 (net), for the eye").write(
        tmp_path / "good" / "picture.tif"
    )
    return tmp_path


def test_it_is_not_scored(made: Path) -> None:
    report = mhfd.score(made / "good" / "picture.tif")
    assert report.finding is Finding.INVALID
    code, told = typed_here(["score", str(made / "good" / "picture.tif")])
    assert "mhfd made this picture: noise taken away by package 0123" in told
    assert code == 0 or "in_focus" not in told


def test_a_dataset_leaves_it_out_by_name(made: Path, tmp_path: Path) -> None:
    built = build(Ingredients(rows=list(rows_in(made))), tmp_path / "data")
    assert [Path(row.path).name for row in built.dataset.rows] == ["image.tif"]
    (why,) = built.left_out
    assert why.startswith(f"{made / 'good' / 'picture.tif'}: mhfd made this picture: noise taken away by package 0123")
    assert images.made_of(made / "good" / "image.tif") is None
    (made / "good" / "image.tif").unlink()
    with pytest.raises(UsageError, match=r"nothing to build a dataset of: .*mhfd made this picture"):
        build(Ingredients(sharp=list(rows_in(made, sharp=True))), tmp_path / "other")


def test_a_table_that_names_it_is_refused(made: Path) -> None:
    table = made / "labels.csv"
    table.write_text("path,label,group\ngood/image.tif,good,fly\ngood/picture.tif,bad,moth\n")
    assert "mhfd made this picture" in refused(["evaluate", str(table), "--against", "mhfd"])


def test_it_is_no_take_of_a_field(tmp_path: Path) -> None:
    own = besides_dataset(tmp_path, groups=2, each=1, takes=True)
    take = Path(own.rows[0].beside[0].path)
    pixels = tifffile.imread(take)
    take.unlink()
    RestoredImage(np.asarray(pixels), (), "noise taken away by package 0123 (net), for the eye").write(take)
    assert any("mhfd made this picture" in one.sentence for one in check(own).refused)
    with pytest.raises(NotAnImage, match="mhfd made this picture"):
        picture_scores(own.rows, {"raw": lambda image, _: image}, "denoise")


def test_a_map_that_mhfd_made_is_no_truth(tmp_path: Path) -> None:
    own = besides_dataset(tmp_path, groups=2, each=1, masks=True)
    mask = Path(own.rows[0].beside[0].path)
    pixels = tifffile.imread(mask)
    mask.unlink()
    RestoredImage(np.asarray(pixels), MASK_CLASSES, "what each pixel shows by package 0123 (net)").write(mask)
    beside = own.rows[0].beside[0].model_copy(update={"sha256": sha256_of(mask)})
    rows = (own.rows[0].model_copy(update={"beside": (beside,)}), *own.rows[1:])
    (problem,) = check(Dataset(rows, own.split)).refused
    assert problem.sentence == (
        f"{mask}: mhfd made this mask: what each pixel shows by package 0123 (net); a network is not taught and not "
        "judged by what a network said: draw it, or correct it and save it anew"
    )
    with pytest.raises(NotAnImage, match="mhfd made this mask"):
        picture_scores(rows, {"all tissue": lambda image, _: np.ones_like(image)}, "segment")
