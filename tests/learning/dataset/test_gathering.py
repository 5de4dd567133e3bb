"""A dataset that can travel: its images beside its manifest, each once, under the same digest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.rigs.labelled import dataset, row
from tests.rigs.typed import typed_here

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.dataset.gathering import gathered


def test_it_is_the_same_dataset_wherever_its_folder_goes(tmp_path: Path) -> None:
    made = dataset(tmp_path / "away")
    told: list[tuple[int, int]] = []
    found = gathered(made, tmp_path / "box", tell=lambda done, of: told.append((done, of)))
    found.write(tmp_path / "box")
    assert told[-1] == (len(made.rows), len(made.rows))
    shutil.rmtree(tmp_path / "away")
    (tmp_path / "box").rename(tmp_path / "there")
    there = Dataset.read(tmp_path / "there")
    assert there.digest == made.digest
    assert all(Path(one.path).is_relative_to(tmp_path / "there") for one in there.rows)


def test_what_lies_in_it_stays_and_what_is_there_is_not_copied_again(tmp_path: Path) -> None:
    inside, outside = row(tmp_path / "box", "in.tif"), row(tmp_path, "out.tif", group="b")
    made = Dataset((inside, outside), {"a": Side.TRAIN, "b": Side.TEST})
    first = gathered(made, tmp_path / "box")
    assert first.rows[0].path == inside.path
    Path(outside.path).unlink()
    assert gathered(made, tmp_path / "box").rows == first.rows


def test_a_file_that_changed_is_named_and_not_taken(tmp_path: Path) -> None:
    made = dataset(tmp_path / "away", groups=2)
    Path(made.rows[0].path).write_bytes(b"other")
    with pytest.raises(UsageError, match=r"0-0\.tif: is not the file that was labelled"):
        gathered(made, tmp_path / "box")
    assert not list((tmp_path / "box" / "images").glob("*"))
    Path(made.rows[0].path).unlink()
    with pytest.raises(UsageError, match=r"0-0\.tif: cannot be copied"):
        gathered(made, tmp_path / "box")


def test_the_command_copies_where_it_is_told(tmp_path: Path) -> None:
    made = dataset(tmp_path / "away")
    made.write(tmp_path / "set")
    code, told = typed_here(["dataset", "build", str(tmp_path / "set"), "--copy", "--out", str(tmp_path / "box")])
    assert code == 0, told
    shutil.rmtree(tmp_path / "away")
    assert len(Dataset.read(tmp_path / "box").rows) == len(made.rows)
