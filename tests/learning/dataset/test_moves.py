"""Rows of recorded moves: kept with both images, and named where they cannot teach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from benchmarks._moves import Bench, recorded
from pydantic import ValidationError
from tests.rigs.labelled import dataset, row

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, RecordedPair, Side
from mhfd.learning.dataset.building import Ingredients, build
from mhfd.learning.dataset.checking import check, refuse_leaks
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.dataset.moves import sharper
from mhfd.learning.dataset.problems import ProblemKind
from mhfd.learning.dataset.rows import MANIFEST, rows_of
from mhfd.learning.dataset.settling import settled
from mhfd.learning.dataset.splitting import split

BENCH = Bench(side=256)


@pytest.fixture(scope="module")
def moves(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four moves on each of three specimens."""
    return recorded(tmp_path_factory.mktemp("moves"), BENCH, range(3), 4)


def changed(dataset: Dataset, number: int, **fields: Any) -> Dataset:
    """One row told otherwise: of the row, of its target (`move_um`) or of its pair (`pair__sha256`)."""
    rows = list(dataset.rows)
    old = rows[number]
    plain = old.model_dump(mode="json")
    for name, value in fields.items():
        where, _, what = name.rpartition("__")
        (plain[where] if where else plain["target"] if name in plain["target"] else plain)[what or name] = value
    rows[number] = DatasetRow.model_validate_json(json.dumps(plain))
    return Dataset(tuple(rows), dataset.split)


def kinds(dataset: Dataset, *, pixels: bool = True) -> dict[ProblemKind, str]:
    return {one.kind: one.sentence for one in check(dataset, pixels=pixels).problems}


def test_they_come_back_with_both_images(moves: Dataset, tmp_path: Path) -> None:
    moves.write(tmp_path / "set")
    again = Dataset.read(tmp_path / "set")
    assert again == moves
    assert again.rows[0].is_move
    assert len(again.rows[0].images) == 2


def test_they_may_be_moved_with_the_images_below_them(tmp_path: Path) -> None:
    made = recorded(tmp_path / "here", BENCH, range(1), 2)
    (tmp_path / "here").rename(tmp_path / "there")
    again = Dataset.read(tmp_path / "there")
    assert again.digest == made.digest
    assert all(Path(path).is_file() for one in again.rows for _, path in one.images)


def test_the_other_image_has_to_be_there(tmp_path: Path) -> None:
    made = recorded(tmp_path, BENCH, range(1), 2)
    Path(made.rows[1].images[1][1]).unlink()
    with pytest.raises(UsageError, match=r"line 3: image .*0-1-b\.tif' is not there"):
        Dataset.read(tmp_path)


@pytest.mark.parametrize("value", [0.0, -2.0, float("inf"), float("nan")])
def test_a_perturbation_is_above_0(value: float) -> None:
    with pytest.raises(ValidationError):
        RecordedPair(sha256="0" * 64, path="b.tif", perturbation_um=value)


def test_rows_without_a_pair_have_the_sums_that_they_had(tmp_path: Path) -> None:
    dataset(tmp_path / "images").write(tmp_path)
    line = json.loads((tmp_path / MANIFEST).read_text().splitlines()[1])
    assert not {"pair", "move_um", "stig_x"} & {*line, *line["target"]}


def test_nothing_is_wrong_with_what_was_recorded(moves: Dataset) -> None:
    found = check(moves)
    assert (found.moves, found.images, found.unlabelled) == (12, 24, 0)
    assert {one.kind for one in found.problems} == {ProblemKind.FEW_GROUPS}  # three specimens are few
    refuse_leaks(moves)


def test_a_pair_that_was_reversed_is_named(moves: Dataset) -> None:
    at = max(range(len(moves.rows)), key=lambda n: abs(moves.rows[n].target.move_um or 0))
    one = moves.rows[at]
    assert one.pair is not None
    wrong = changed(moves, at, sha256=one.pair.sha256, path=one.pair.path, pair__sha256=one.sha256, pair__path=one.path)
    assert "A and B may be exchanged" in kinds(wrong)[ProblemKind.REVERSED]
    with pytest.raises(UsageError, match=r"reversed: .*is the sharper one"):
        refuse_leaks(wrong)
    both = Dataset((*moves.rows, wrong.rows[at]), moves.split)
    assert "with A and B exchanged" in kinds(both, pixels=False)[ProblemKind.REVERSED]


def test_two_directions_of_one_pair_contradict(moves: Dataset) -> None:
    at = max(range(len(moves.rows)), key=lambda n: abs(moves.rows[n].target.move_um or 0))
    other = changed(moves, at, move_um=-(moves.rows[at].target.move_um or 0)).rows[at]
    both = Dataset((*moves.rows, other), moves.split)
    assert "say which it is" in kinds(both, pixels=False)[ProblemKind.CONTRADICTION]


def test_one_image_twice_is_named(moves: Dataset) -> None:
    one = moves.rows[0]
    wrong = changed(moves, 0, pair__sha256=one.sha256, pair__path=one.path)
    assert "is one image twice" in kinds(wrong)[ProblemKind.SAME_IMAGE]


def test_unequal_sizes_are_named(moves: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "b.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (300, 256), np.uint8))
    wrong = changed(moves, 0, pair__sha256=sha256_of(path), pair__path=str(path))
    assert "256 x 256 and 256 x 300 pixels" in kinds(wrong)[ProblemKind.SIZES_DIFFER]


def test_nm_for_um_is_named(moves: Dataset) -> None:
    assert "is that nm?" in kinds(changed(moves, 0, move_um=3000.0))[ProblemKind.UNIT]
    assert "is that nm?" in kinds(changed(moves, 0, pair__perturbation_um=2000.0))[ProblemKind.UNIT]


def test_another_file_than_was_recorded_is_named(moves: Dataset) -> None:
    wrong = changed(moves, 0, pair__sha256="0" * 64)
    assert "its bytes changed" in kinds(wrong)[ProblemKind.CHANGED]


def test_all_to_one_side_and_too_few_are_said(moves: Dataset) -> None:
    above = tuple(one for one in moves.rows if (one.target.move_um or 0) > 0)
    found = kinds(Dataset(above, moves.split), pixels=False)
    assert "longer working distance" in found[ProblemKind.ONE_SIDE]
    assert "fewer than 12" in found[ProblemKind.FEW]


def test_groups_that_share_the_other_image_are_not_parted(moves: Dataset) -> None:
    first, last = moves.rows[0], moves.rows[-1]
    assert first.pair is not None
    assert first.group != last.group
    shared = changed(moves, len(moves.rows) - 1, pair__sha256=first.pair.sha256, pair__path=first.pair.path)
    for seed in range(8):
        sides = split(shared.rows, seed=seed)
        assert sides[first.group.key] is sides[last.group.key]
    assert ProblemKind.ACROSS in kinds(shared, pixels=False)


def test_the_middle_of_what_several_say_of_a_pair(moves: Dataset) -> None:
    three = [changed(moves, 0, move_um=value, said_by=f"p{value}").rows[0] for value in (1.0, 9.0, 2.0)]
    (one,) = settled(Dataset(tuple(three), moves.split)).rows
    assert (one.target.move_um, one.said_by) == (2.0, None)
    assert len(rows_of([Dataset(tuple(three), moves.split), moves])) == len(moves.rows) + 3


def test_a_pair_is_not_copied_turned(moves: Dataset, tmp_path: Path) -> None:
    made = build(Ingredients(datasets=[moves]), tmp_path / "set", augment=True).dataset
    assert len(made.rows) == len(moves.rows)
    assert set(made.split.values()) == {Side.TRAIN}


def test_which_is_the_sharper_of_two(moves: Dataset) -> None:
    for one in moves.rows:
        move = one.target.move_um or 0.0
        a, b = (tifffile.imread(path) for _, path in one.images)
        assert sharper(a, b) in (0, np.sign(move)), move
        assert sharper(b, a) == -sharper(a, b)
    blank = np.full((256, 256), 7, np.uint8)
    assert sharper(blank, blank) == 0
    assert {sharper(a, b) for a, b in _clear(moves)} == {1, -1}


def _clear(moves: Dataset) -> list[list[Any]]:
    far = [one for one in moves.rows if abs(one.target.move_um or 0) > 2]
    return [[tifffile.imread(path) for _, path in one.images] for one in far]


def test_a_row_may_be_no_pair_in_the_same_dataset(moves: Dataset, tmp_path: Path) -> None:
    rows = (*moves.rows, row(tmp_path, "x.tif", bad=True), row(tmp_path, "y.tif", bad=False))
    found = check(Dataset(rows, split(rows)), pixels=False)
    assert (found.moves, found.good, found.bad, found.images) == (12, 1, 1, 26)
