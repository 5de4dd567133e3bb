"""A manifest comes back as it was written; what was changed in it is named by its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.rigs.labelled import dataset, row

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side, SourceGroup
from mhfd.learning.dataset.rows import MANIFEST


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = dataset(tmp_path / "images")
    made.write(tmp_path)
    read = Dataset.read(tmp_path)
    assert read == made
    assert read.digest == made.digest
    assert json.loads((tmp_path / MANIFEST).read_text().splitlines()[0])["digest"] == made.digest


def test_it_may_be_moved_with_the_images_below_it(tmp_path: Path) -> None:
    made = dataset(tmp_path / "here" / "images")
    made.write(tmp_path / "here")
    moved = (tmp_path / "here").rename(tmp_path / "there")
    read = Dataset.read(moved)
    assert read.digest == made.digest
    assert all(Path(one.path).is_relative_to(moved) for one in read.rows)


def test_an_image_elsewhere_keeps_its_whole_path(tmp_path: Path) -> None:
    made = dataset(tmp_path / "images")
    made.write(tmp_path / "set")
    assert Dataset.read(tmp_path / "set") == made


def test_the_digest_is_of_rows_and_split(tmp_path: Path) -> None:
    made = dataset(tmp_path)
    assert Dataset(made.rows[1:], made.split).digest != made.digest
    assert Dataset(made.rows, dict.fromkeys(made.split, Side.TRAIN)).digest != made.digest


def test_a_group_without_a_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split: group 'a' has no side"):
        Dataset((row(tmp_path, "a.tif"),), {})


def _value(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda line: line.update({name: value})


CHANGES = {
    "a label": (2, _value("target", {"bad": True, "radius_px": None, "cause": None}), "changed after it was written"),
    "who said it": (2, _value("said_by", "somebody"), "changed after it was written"),
    "a group": (4, _value("group", {"specimen": "other"}), "changed after it was written"),
    "a version": (2, _value("schema_version", 2), "schema_version 2 is not known"),
    "a version that is none": (1, _value("schema_version", True), "schema_version True is not known"),
    "an unknown field": (2, _value("colour", "red"), "no row of a dataset: colour"),
    "a hash": (2, _value("sha256", "x"), "no row of a dataset: sha256"),
    "the digest": (1, _value("digest", "0" * 64), "the digest is of other rows"),
    "the number of rows": (1, _value("rows", 7), "7 rows were written, 20 are there"),
    "a path that leads out": (2, _value("path", "../x.tif"), "leads out of the dataset"),
    "a path that none can have": (2, _value("path", "a\0"), "no row of a dataset: path"),
    "an image that is not there": (2, _value("path", "images/gone.tif"), "'images/gone.tif' is not there"),
}


@pytest.mark.parametrize(("number", "change", "said"), CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_named_by_its_line(
    tmp_path: Path, number: int, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    dataset(tmp_path / "images").write(tmp_path)
    path = tmp_path / MANIFEST
    lines = path.read_text().splitlines()
    value = json.loads(lines[number - 1])
    change(value)
    lines[number - 1] = json.dumps(value)
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=f"{MANIFEST}, line {number}: .*{said}"):
        Dataset.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "line 1: no JSON"),
        (b"[]\n", "line 1: expected an object"),
        (b"\xff\xfe", "not text"),
        (b"[" * 100_000, "line 1: no JSON"),
        (b"x" * (2 << 20), "line 1: longer than any row"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / MANIFEST).write_bytes(text)
    with pytest.raises(UsageError, match=said):
        Dataset.read(tmp_path)


def test_a_folder_without_a_manifest_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dataset here; `mhfd dataset build"):
        Dataset.read(tmp_path)


def test_rows_that_were_exchanged_are_found(tmp_path: Path) -> None:
    dataset(tmp_path / "images").write(tmp_path)
    path = tmp_path / MANIFEST
    first, second, third, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, third, second, *rest]))
    with pytest.raises(UsageError, match="line 1: the digest"):
        Dataset.read(tmp_path)


@settings(max_examples=40)
@given(st.text(min_size=1))
def test_a_group_is_read_as_it_is_written(text: str) -> None:
    try:
        group = SourceGroup.of(text)
    except ValidationError:
        assert not text.strip().strip("/ ")
        return
    assert SourceGroup.of(group.key) == group


def test_a_group_has_three_parts_or_is_a_specimen() -> None:
    assert SourceGroup.of("s/b/1") == SourceGroup(instrument="s", specimen="b", session="1")
    assert SourceGroup.of("vnc") == SourceGroup(specimen="vnc")
    with pytest.raises(ValidationError, match="no part may have a slash"):
        SourceGroup(instrument="a", specimen="b/c")
