"""What lies beside an image: another take of its field, and a mask of what its pixels show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.rigs.labelled import picture

from mhfd import images
from mhfd.contract.focus_report import Box
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.dataset.besides import UNKNOWN, laid_upon, mask_of
from mhfd.learning.dataset.building import Ingredients, build
from mhfd.learning.dataset.checking import check
from mhfd.learning.dataset.copies import NotAnImage
from mhfd.learning.dataset.folders import rows_in
from mhfd.learning.dataset.labels_csv import read_labels
from mhfd.learning.dataset.problems import ProblemKind
from mhfd.learning.dataset.rows import MANIFEST, rows_of
from mhfd.learning.dataset.settling import settled
from mhfd.learning.dataset.simulated import simulated
from mhfd.learning.dataset.splitting import split
from mhfd.simulate import Artefacts, Specimen, shown

SIDE = 128


def field(number: int = 1, *, take: int = 0, origin: tuple[int, int] = (0, 0)) -> NDArray[Any]:
    """One field of a specimen."""
    return Specimen(seed=number).section((SIDE, SIDE), take=take, origin=origin)


def mask(fill: int = 1) -> NDArray[np.uint8]:
    """One with two classes."""
    drawn = np.full((SIDE, SIDE), fill, np.uint8)
    drawn[:32] = 0
    return drawn


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A field with a take and a mask beside it, in a folder with no word about focus."""
    folder = tmp_path / "lab"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", field())
    tifffile.imwrite(folder / "a.take.tif", field(take=1))
    tifffile.imwrite(folder / "a.mask.tif", mask())
    return folder


def only(folder: Path) -> DatasetRow:
    """The one row of a folder."""
    (row,) = rows_in(folder)
    return row


def problems(row: DatasetRow) -> dict[ProblemKind, str]:
    """What is refused of it."""
    dataset = Dataset((row,), {row.group.key: Side.TRAIN})
    return {one.kind: one.sentence for one in check(dataset).problems if one.refused}


def test_files_beside_an_image_are_found_by_their_names_and_kept(lab: Path, tmp_path: Path) -> None:
    row = only(lab)
    assert [(one.what, Path(one.path).name) for one in row.beside] == [("take", "a.take.tif"), ("mask", "a.mask.tif")]
    assert row.target.bad is None
    build(Ingredients(rows=[row]), tmp_path / "out")
    (read,) = Dataset.read(tmp_path / "out").rows
    assert read == row
    assert problems(read) == {}


def test_a_table_names_them_and_needs_no_label_then(lab: Path) -> None:
    table = lab / "LABELS.csv"
    table.write_text("path,label,group,take,mask\na.tif,,fly,a.take.tif,a.mask.tif\n")
    (row,) = read_labels(table).rows
    assert row.beside == only(lab).beside
    assert row.covariates == {}
    table.write_text("path,label,group,mask\na.tif,,fly,b.png\n")
    with pytest.raises(UsageError, match=r"line 2: mask 'b.png': no such file; paths begin in the table's folder"):
        read_labels(table)
    table.write_text("path,label,group,mask\na.tif,,fly,\n")
    with pytest.raises(UsageError, match=r"line 2: label '' is not known; write good or bad"):
        read_labels(table)


def test_a_manifest_without_them_is_what_it_was(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field())
    row = next(iter(rows_in(tmp_path, sharp=True)))
    Dataset((row,), {row.group.key: Side.TRAIN}).write(tmp_path)
    assert "beside" not in json.loads((tmp_path / MANIFEST).read_text().splitlines()[1])


def test_a_file_that_is_gone_is_named_by_its_line(lab: Path, tmp_path: Path) -> None:
    build(Ingredients(rows=[only(lab)]), tmp_path / "out")
    (lab / "a.mask.tif").unlink()
    with pytest.raises(UsageError, match=r"line 2: image '.*a\.mask\.tif' is not there"):
        Dataset.read(tmp_path / "out")


def test_copies_have_nothing_beside_them(lab: Path, tmp_path: Path) -> None:
    built = build(Ingredients(rows=[only(lab)]), tmp_path / "out", augment=True).dataset
    assert [bool(row.beside) for row in built.rows] == [True] + [False] * (len(built.rows) - 1)
    assert len(built.rows) > 1


def test_what_several_rows_say_lies_beside_is_put_together(lab: Path) -> None:
    row = only(lab)
    one, other = (row.model_copy(update={"beside": (each,)}) for each in row.beside)
    sides = {row.group.key: Side.TRAIN}
    for merged in (
        rows_of([Dataset((one,), sides), Dataset((other,), sides)]),
        settled(Dataset((one, other), sides)).rows,
    ):
        assert [{each.what for each in found.beside} for found in merged] == [{"take", "mask"}]


def test_groups_that_share_a_take_are_not_parted(lab: Path) -> None:
    row = only(lab)
    rows = [row, row.model_copy(update={"sha256": row.beside[0].sha256, "beside": ()})]
    rows[1] = rows[1].model_copy(update={"group": rows[1].group.model_copy(update={"specimen": "another"})})
    assert len(set(split(rows, seed=0).values())) == 1


@pytest.mark.parametrize(
    ("name", "pixels", "kind", "says"),
    [
        ("a.take.tif", field(take=1, origin=(0, 5)), ProblemKind.APART, "0 pixels down and -5 across"),
        ("a.take.tif", field(7, take=1), ProblemKind.APART, "show two fields"),
        ("a.take.tif", field(take=1)[:100], ProblemKind.SIZES_DIFFER, r"\(128, 128\) and \(100, 128\)"),
        ("a.take.tif", field(), ProblemKind.SAME_IMAGE, "noise of its own"),
        ("a.mask.tif", mask(7), ProblemKind.MASK, "7 is no such number; a mask has 0 resin, 1 tissue, 2 artefact"),
        ("a.mask.tif", mask()[:100], ProblemKind.MASK, "100 x 128 pixels beside an image of 128 x 128"),
        ("a.mask.tif", np.full((SIDE, SIDE), UNKNOWN, np.uint8), ProblemKind.MASK, "nothing in it is known"),
        ("a.mask.tif", mask().astype(np.float32), ProblemKind.MASK, "it has no whole numbers"),
    ],
    ids=["shifted", "another field", "sizes", "one image", "numbers", "mask's size", "unknown", "fractions"],
)
def test_what_is_wrong_beside_is_refused(
    lab: Path, name: str, pixels: NDArray[Any], kind: ProblemKind, says: str
) -> None:
    tifffile.imwrite(lab / name, pixels)
    found = problems(only(lab))
    assert list(found) == [kind]
    assert name in found[kind]
    assert re.search(says, found[kind])


def test_what_changed_since_is_refused(lab: Path) -> None:
    row = only(lab)
    tifffile.imwrite(lab / "a.mask.tif", mask(2))
    tifffile.imwrite(lab / "a.take.tif", field(take=2))
    assert set(problems(row)) == {ProblemKind.MASK, ProblemKind.CHANGED}


def test_a_mask_of_the_whole_file_is_cut_as_the_image_is(lab: Path) -> None:
    row = only(lab)
    info = images.load(row.path).info
    part = info.model_copy(update={"box": Box(top=0, left=0, bottom=100, right=SIDE)})
    assert mask_of(row.beside[1], part).shape == (100, SIDE)
    with pytest.raises(NotAnImage, match="draw it as large as the image"):
        mask_of(row.beside[1], info.model_copy(update={"shape": (64, 64), "box": None}))


def test_two_takes_lie_upon_each_other() -> None:
    one, other = (field(take=take) for take in (0, 1))
    assert laid_upon(one, other)[0] == (0, 0)
    assert laid_upon(one, np.roll(other, (3, -2), (0, 1)))[0] == (3, -2)
    assert laid_upon(one, np.zeros_like(one))[1] == 0


def test_two_takes_that_are_all_but_noise_are_not_said_to_be_shifted() -> None:
    """Blurred by 16 pixels, in a small image at a low dose, one pixel looks as likely as the next."""
    made = [(image.pixels, image.beside["take"]) for image in simulated(30, size=64, takes=True, masks=True)]
    assert {laid_upon(one, other)[0] for one, other in made} == {(0, 0)}
    sharp, again = made[0]
    assert laid_upon(sharp, np.roll(again, (1, 1), (0, 1)))[0] == (1, 1)


def test_the_simulator_says_what_its_pixels_show() -> None:
    block, artefacts = Specimen(seed=3), Artefacts(resin=0.4, wrinkles=1, charging=1, particles=5)
    found = shown((256, 256), block, z=2, pixel_nm=8.0, artefacts=artefacts)
    assert set(np.unique(found)) == {0, 1, 2}
    bare = shown((256, 256), block, z=2, pixel_nm=8.0, artefacts=Artefacts(resin=0.4))
    assert 0.38 < (bare == 0).mean() < 0.45
    image = block.section((256, 256), z=2, artefacts=artefacts)
    alone = block.section((256, 256), z=2, artefacts=Artefacts(resin=0.4))
    changed = np.abs(image.astype(float) - alone) > 0.15 * 255
    assert (found[changed] == 2).mean() > 0.97


def test_simulated_sections_have_both_beside_them_and_are_else_as_before(tmp_path: Path) -> None:
    plain, rich = (list(simulated(4, size=64, takes=asked)) for asked in (False, True))
    assert all((a.pixels == b.pixels).all() for a, b in zip(plain, rich, strict=True))
    assert [set(image.beside) for image in rich] == [{"take", "truth"}] * 4
    assert all((image.beside["take"] != image.pixels).any() for image in rich)
    masked = list(simulated(10, size=64, masks=True))
    assert {value for image in masked for value in np.unique(image.beside["mask"]).tolist()} == {0, 1, 2}
    assert {image.target.cause for image in masked} > {None, ImageCause.IN_FOCUS}
    built = build(Ingredients(simulate=2), tmp_path / "d", size=96, takes=True, masks=True).dataset
    assert [[one.what for one in row.beside] for row in built.rows] == [["take", "truth", "mask"]] * 2
    assert len(list((tmp_path / "d" / "images").iterdir())) == 8
    assert {one.kind for one in check(built).refused} <= {ProblemKind.ONE_CLASS}
    clean, noisy = (np.abs(_pixels(built, what) - _pixels(built, "take")).mean() for what in ("truth", "own"))
    assert clean < 0.85 * noisy


def _pixels(built: Dataset, what: str) -> NDArray[np.float64]:
    row = built.rows[0]
    path = next((one.path for one in row.beside if one.what == what), row.path)
    return np.asarray(tifffile.imread(path), np.float64)


def test_takes_and_masks_are_of_simulated_images(tmp_path: Path) -> None:
    row = next(iter(rows_in(_one(tmp_path), sharp=True)))
    with pytest.raises(UsageError, match="--takes: of simulated images; give --simulate N"):
        build(Ingredients(rows=[row]), tmp_path / "d", takes=True)


def _one(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", picture(1))
    return folder
