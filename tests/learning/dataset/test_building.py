"""Rows from wherever they come become one dataset; copies follow what they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.labelled import picture

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, ImageCause, Origin, Side, SourceGroup
from mhfd.learning.dataset.building import Ingredients, build
from mhfd.learning.dataset.checking import check
from mhfd.learning.dataset.folders import rows_in
from mhfd.learning.dataset.problems import ProblemKind
from mhfd.learning.dataset.simulated import EACH, drawn, simulated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    for number, name in enumerate(("good/fly/a", "good/fly/b", "bad/fly/c", "good/mouse/d", "bad/mouse/e", "other/f")):
        path = root / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, picture(number))
    return root


def test_a_folder_says_good_and_bad(folder: Path) -> None:
    rows = {Path(row.path).stem: row for row in rows_in(folder)}
    assert {name: row.target.bad for name, row in rows.items()} == {
        "a": False, "b": False, "c": True, "d": False, "e": True,
    }  # fmt: skip
    assert rows["a"].group == rows["c"].group == SourceGroup.of("lab/fly")
    assert rows["d"].group == SourceGroup.of("lab/mouse")


def test_a_folder_of_neither_says_what_to_do(folder: Path) -> None:
    with pytest.raises(UsageError, match="no image in a folder called good or bad; give --sharp"):
        list(rows_in(folder / "other"))


def test_sharp_images_get_blurred_copies_with_their_radius(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    sharp = tuple(rows_in(folder / "good", sharp=True))
    made = build(Ingredients(sharp=sharp), out, radii=(2.0, 6.0)).dataset
    copies = [row for row in made.rows if row.parent]
    assert len(copies) == len(sharp) == 3
    for copy in copies:
        assert copy.target.bad
        assert 2.0 <= (copy.target.radius_px or 0) <= 6.0
        assert copy.parent in {row.sha256 for row in sharp}
        assert Path(copy.path).is_relative_to(out / "images")
    assert all(row.target.radius_px == 0 and row.target.bad is False for row in made.rows if not row.parent)
    assert Dataset.read(out) == made


def test_a_copy_has_its_parents_label_group_and_side(folder: Path, tmp_path: Path) -> None:
    made = build(Ingredients(rows=tuple(rows_in(folder))), tmp_path / "set", augment=True).dataset
    parents = {row.sha256: row for row in made.rows if row.parent is None}
    copies = [row for row in made.rows if row.parent]
    assert len(copies) == 3 * len(parents)
    for copy in copies:
        parent = parents[copy.parent or ""]
        assert (copy.target, copy.group, made.side(copy)) == (parent.target, parent.group, made.side(parent))
    assert not [one for one in check(made).problems if one.refused]


def test_the_same_words_make_the_same_dataset(folder: Path, tmp_path: Path) -> None:
    of = Ingredients(rows=tuple(rows_in(folder)), simulate=2)
    one, other = (build(of, tmp_path / name, augment=True, size=128, seed=5).dataset for name in ("one", "other"))
    assert one.digest == other.digest


def test_datasets_are_merged_with_their_splits(folder: Path, tmp_path: Path) -> None:
    rows = tuple(rows_in(folder))
    keys = sorted({row.group.key for row in rows})
    first = Dataset(tuple(row for row in rows if row.group.key == keys[0]), {keys[0]: Side.TEST})
    second = Dataset(rows, {keys[0]: Side.TRAIN, keys[1]: Side.TEST})
    made = build(Ingredients(datasets=(first, second)), tmp_path / "set").dataset
    assert len(made.rows) == len(rows)
    assert dict(made.split) == {keys[0]: Side.TRAIN, keys[1]: Side.TEST}


def test_what_is_no_image_is_left_out_with_why(folder: Path, tmp_path: Path) -> None:
    (folder / "good" / "fly" / "z.tif").write_bytes(b"no image")
    made = build(Ingredients(sharp=tuple(rows_in(folder / "good", sharp=True))), tmp_path / "set")
    assert len(made.dataset.rows) == 6
    assert len(made.left_out) == 1
    assert "z.tif" in made.left_out[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"radii": (3.0, 2.0)}, "--radii 3 2"),
        ({"size": 32}, "--size 32"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, tmp_path: Path, options: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(Ingredients(rows=tuple(rows_in(folder))), tmp_path / "set", **options)
    with pytest.raises(UsageError, match="--simulate -1"):
        build(Ingredients(simulate=-1), tmp_path / "set")
    with pytest.raises(UsageError, match="nothing to build a dataset of"):
        build(Ingredients(), tmp_path / "set")


def test_a_dataset_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    of = Ingredients(rows=tuple(rows_in(folder)))
    build(of, tmp_path / "set")
    with pytest.raises(UsageError, match="there is a dataset already"):
        build(of, tmp_path / "set")


def test_simulated_specimens_are_groups_with_radii_and_causes() -> None:
    made = list(simulated(2 * EACH, size=128, seed=1))
    assert len({image.group.key for image in made}) == 2
    for specimen in {image.group.key for image in made}:
        causes = [image.target.cause for image in made if image.group.key == specimen]
        assert causes.count(ImageCause.IN_FOCUS) == 4
    known = {image.target.cause: image.target for image in made}
    assert known[ImageCause.IN_FOCUS].radius_px == 0
    assert (known[ImageCause.DEFOCUS].radius_px or 0) >= 1.5
    again = next(iter(simulated(1, size=128, seed=1)))
    assert np.array_equal(again.pixels, made[0].pixels)
    assert {image.group.key for image in simulated(1, size=128, seed=2)}.isdisjoint({i.group.key for i in made})


@pytest.mark.parametrize("cause", ImageCause)
def test_each_cause_can_be_drawn(cause: ImageCause) -> None:
    image = drawn(cause, specimen=3, section=0, size=128, rng=np.random.default_rng(0))
    assert image.target.cause is cause
    clean = drawn(ImageCause.IN_FOCUS, specimen=3, section=0, size=128, rng=np.random.default_rng(0))
    assert np.array_equal(image.pixels, clean.pixels) == (cause is ImageCause.IN_FOCUS)


def test_simulated_rows_say_that_they_are(tmp_path: Path) -> None:
    made = build(Ingredients(simulate=12), tmp_path / "set", size=128).dataset
    assert {row.origin for row in made.rows} == {Origin.SIMULATED}
    kinds = {one.kind for one in check(made).problems}
    assert kinds <= {ProblemKind.FEW, ProblemKind.FEW_GROUPS, ProblemKind.LONE, ProblemKind.BATCH}
