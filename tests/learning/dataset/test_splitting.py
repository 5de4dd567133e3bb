"""The split is by group; what belongs together stays on one side."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.labelled import dataset, row

from mhfd.learning.dataset import Side
from mhfd.learning.dataset.splitting import split


@pytest.mark.parametrize("groups", [2, 5, 6, 23])
@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_the_groups_is_for_the_test(tmp_path: Path, groups: int, seed: int) -> None:
    sides = split(dataset(tmp_path, groups=groups).rows, seed=seed)
    assert len(sides) == groups
    assert sum(side is Side.TEST for side in sides.values()) == max(1, round(groups / 5))


def test_the_order_of_rows_changes_nothing_and_the_seed_does(tmp_path: Path) -> None:
    rows = dataset(tmp_path, groups=12).rows
    assert split(rows) == split(rows[::-1])
    assert len({tuple(split(rows, seed=seed).values()) for seed in range(6)}) > 1


def test_one_group_leaves_nothing_for_the_test(tmp_path: Path) -> None:
    assert set(split(dataset(tmp_path, groups=1).rows).values()) == {Side.TRAIN}


def test_groups_that_share_an_image_or_a_copy_are_not_parted(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"{n}.tif", group=f"g{n}", bad=n % 2 == 0) for n in range(8)]
    rows += [row(tmp_path, "again.tif", group="g1", content=b"0.tif")]
    rows += [row(tmp_path, "copy.tif", group="g3", parent=rows[2].sha256)]
    for seed in range(20):
        sides = split(rows, seed=seed)
        assert sides["g0"] is sides["g1"]
        assert sides["g2"] is sides["g3"]


def test_both_labels_are_on_both_sides_where_that_can_be(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"{n}.tif", group=f"g{n}", bad=False) for n in range(8)]
    rows += [row(tmp_path, f"bad{n}.tif", group=f"g{n}", bad=True) for n in range(3)]
    for seed in range(10):
        sides = split(rows, seed=seed)
        for side in Side:
            assert {one.target.bad for one in rows if sides[one.group.key] is side} == {True, False}


def test_what_was_trained_on_is_never_for_the_test(tmp_path: Path) -> None:
    rows = dataset(tmp_path, groups=10).rows
    keys = sorted({one.group.key for one in rows})
    before = {keys[0]: Side.TEST, keys[1]: Side.TRAIN, keys[2]: Side.TEST}
    for seed in range(5):
        sides = split(rows, seed=seed, before=before)
        assert {key: sides[key] for key in keys[:3]} == before
        assert sum(side is Side.TEST for side in sides.values()) == 2
    shared = [*rows, row(tmp_path, "shared.tif", group=keys[1], content=Path(rows[0].path).read_bytes())]
    assert split(shared, before=before)[keys[0]] is Side.TRAIN
