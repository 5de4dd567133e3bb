"""A dataset as a network sees it: its training groups alone, all alike; and what is wrong with others, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.shown import CAUSES, labelled, plan_of, shown_dataset, shown_row, textured

from mhfd.contract.training import Copies, NetLesson
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.dataset.copies import LINED
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.training.examples import COPIES, Copy, Examples, open_examples, split


def opened(dataset: Dataset, lesson: NetLesson = "focus", copies: Copies = "turns") -> Examples:
    return open_examples(dataset, lesson, multiple=64, copies=copies)


def test_focus_is_whether_it_is_bad_and_how_far(tmp_path: Path) -> None:
    examples = opened(shown_dataset(tmp_path))
    assert len(examples) == 18  # the test's group stays closed: its files are gone
    assert (examples.channels, examples.side) == (1, (128, 128))
    assert examples.says == ("bad", "radius_px", "sd")
    assert examples.classes.tolist() == [0, 1, 0] * 6
    example = examples.load(1, None)
    assert example.x.shape == (1, 128, 128)
    assert example.x.dtype == example.y.dtype == np.float32
    assert np.array_equal(example.x[:, :80, :80], NORMALISATION.of(textured(1)))
    assert example.y.tolist() == pytest.approx([1, np.log(4)])
    assert examples.load(0, None).y.tolist() == [0, 0]


def test_a_cause_is_its_number(tmp_path: Path) -> None:
    examples = opened(shown_dataset(tmp_path), "cause")
    assert examples.says == tuple(ImageCause)
    assert [int(examples.load(n, None).y[0]) for n in range(3)] == [list(ImageCause).index(one) for one in CAUSES]
    taught, validated = split(examples, plan_of(validation=0.3))
    assert len(taught) + len(validated) == 18


def test_what_nobody_knows_is_nan_and_who_has_no_label_is_left_out(tmp_path: Path) -> None:
    def some(number: int) -> dict[str, Any]:
        said: list[dict[str, Any]] = [{"bad": False}, {"bad": True}, {"radius_px": 2.0}, {}]
        return said[number % 4]

    examples = opened(shown_dataset(tmp_path, groups=3, each=8, target=some))
    assert len(examples) == 12
    assert np.isnan(examples.load(0, None).y).tolist() == [False, True]
    assert np.isnan(examples.load(2, None).y).tolist() == [True, False]
    assert "4 of 16 training images have no label" in examples.notes[0]


@pytest.mark.parametrize("lesson", ["focus", "cause"])
def test_no_label_of_ours_turns_with_the_image(tmp_path: Path, lesson: NetLesson) -> None:
    examples = opened(shown_dataset(tmp_path), lesson)
    for copy in COPIES["turns"]:
        made = examples.load(1, copy)
        assert np.array_equal(made.y, examples.load(1, None).y)
        assert np.array_equal(made.x[:, :80, :80], copy.of(NORMALISATION.of(textured(1))))


def test_what_follows_the_scan_is_not_turned_by_a_quarter(tmp_path: Path) -> None:
    assert ImageCause.BANDING in LINED
    examples = opened(shown_dataset(tmp_path), "cause")
    assert np.array_equal(examples.load(2, Copy(quarters=1)).x, examples.load(2, None).x)
    assert not np.array_equal(examples.load(1, Copy(quarters=1)).x, examples.load(1, None).x)
    as_written = opened(shown_dataset(tmp_path / "a"), "cause", "A")
    assert not np.array_equal(as_written.load(2, Copy(quarters=1)).x, as_written.load(2, None).x)


def test_an_image_that_is_no_square_keeps_its_sides_unless_set_a_says_otherwise(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path, shape=(70, 200))
    examples = opened(data)
    assert examples.side == (128, 256)
    assert {examples.load(1, copy).x.shape for copy in COPIES["turns"]} == {(1, 128, 256)}
    assert any("no squares" in note for note in examples.notes)
    assert {opened(data, copies="A").load(1, copy).x.shape for copy in COPIES["A"]} == {(1, 128, 256), (1, 256, 128)}


def test_set_b_shows_the_square_of_validation_too(tmp_path: Path) -> None:
    examples = opened(shown_dataset(tmp_path, shape=(100, 140)), copies="B")
    assert examples.side == (128, 128)
    assert {examples.load(1, copy).x.shape for copy in (None, *COPIES["B"])} == {(1, 128, 128)}
    top, left = 15, 35
    assert np.array_equal(
        examples.load(0, None).x[0, :70, :70],
        NORMALISATION.of(textured(0, (100, 140)))[0, top : top + 70, left : left + 70],
    )
    with pytest.raises(
        UsageError, match="set B shows the middle 56 x 56 pixels of 80 x 80, and 64 a side are needed; take turns"
    ):
        opened(shown_dataset(tmp_path / "small"), copies="B")


def test_two_words_on_an_image_are_one_example(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    twice = Dataset((*data.rows, data.rows[0].model_copy(update={"said_by": "ada"})), data.split)
    assert len(opened(twice)) == 18


def test_digest_paths_and_pixels_are_those_of_the_dataset(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    examples = opened(data)
    assert examples.digest == data.digest
    assert examples.paths[3] == data.rows[3].path
    assert examples.pixel_nm is None
    rows = tuple(row.model_copy(update={"pixel_nm": 4.0 + n}) for n, row in enumerate(data.rows))
    assert opened(Dataset(rows, data.split)).pixel_nm == (4.0, 21.0)


def test_it_is_read_from_a_folder_though_the_images_of_the_test_are_gone(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path / "images")
    data.write(tmp_path / "data")
    assert not Path(data.rows[-1].path).exists()
    assert len(open_examples(tmp_path / "data", "focus", multiple=64)) == 18
    Path(data.rows[3].path).unlink()
    with pytest.raises(UsageError, match=r"picture-0003.tif: no such file"):
        open_examples(tmp_path / "data", "focus", multiple=64)


def refused(data: Dataset, lesson: NetLesson = "focus") -> str:
    with pytest.raises(UsageError) as error:
        opened(data, lesson)
    return str(error.value)


def test_one_class_no_label_and_one_group_are_refused(tmp_path: Path) -> None:
    one = refused(shown_dataset(tmp_path / "a", target=lambda _: {"bad": True}))
    assert one.startswith("dataset: all 18 labelled images of the 3 training groups are bad: there is nothing to tell")
    none = refused(shown_dataset(tmp_path / "b", target=lambda _: {"bad": False, "cause": None}), "cause")
    assert "of no image of the 3 training groups it says its cause; label some" in none
    lone = refused(shown_dataset(tmp_path / "c", groups=2, each=6))
    assert "all 6 labelled images for training are of one group, 'scope/0/monday'" in lone
    same = refused(shown_dataset(tmp_path / "d", target=lambda _: {"cause": ImageCause.TILT}), "cause")
    assert "are tilt: there is nothing to tell apart" in same


def with_row(data: Dataset, row: DatasetRow) -> Dataset:
    return Dataset((*data.rows, row), {**data.split, row.group.key: Side.TRAIN})


def test_two_sizes_are_refused_each_with_its_first_file(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    other = shown_row(tmp_path / "other", 77, group="scope/0/monday", shape=(90, 80), **labelled(77))
    said = refused(with_row(data, other))
    assert (
        f"images of 2 sizes, and a network is taught with images of one: 18 images of 80 x 80 ({data.rows[0].path})"
        in said
    )
    assert f"1 image of 90 x 80 ({other.path})" in said


def test_parts_that_a_dataset_was_built_with_are_left_out(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    part = shown_row(tmp_path / "parts", 77, group="scope/0/monday", shape=(64, 80), **labelled(77))
    mirrored = shown_row(tmp_path / "parts", 78, group="scope/0/monday", **labelled(78))
    copies = [one.model_copy(update={"parent": data.rows[0].sha256}) for one in (part, mirrored)]
    examples = opened(with_row(with_row(data, copies[0]), copies[1]))
    assert len(examples) == 19
    assert "1 of 20 training images are copies of another size, and are left out" in examples.notes


def test_too_small_and_torn_files_are_refused_before_anything_is_taught(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    small = shown_row(tmp_path / "small", 77, group="scope/0/monday", shape=(60, 80), **labelled(77))
    assert f"{small.path}: 60 x 80 pixels are too few for a network; 64 a side" in refused(with_row(data, small))
    path = Path(data.rows[7].path)
    whole = path.read_bytes()
    for torn, why in ((b"", "empty"), (b"nothing of the kind", "not"), (whole[:-2000], "")):
        path.write_bytes(torn)
        said = refused(data)
        assert said.startswith(f"{path}: ")
        assert why in said
        assert said.endswith("take it out, or put the image back")
    path.unlink()
    assert "no such file" in refused(data)


def test_a_changed_image_is_named_when_it_is_decoded(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    examples = opened(data)
    tifffile.imwrite(data.rows[4].path, textured(99), photometric="minisblack", metadata=None)
    with pytest.raises(UsageError, match=r"picture-0004.tif: it is not the file that was labelled"):
        examples.load(4, None)


def test_a_copy_on_the_other_side_is_refused(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path)
    rows = list(data.rows)
    rows[-1] = rows[-1].model_copy(update={"parent": rows[0].sha256})
    assert "are copies of one image" in refused(Dataset(tuple(rows), data.split))
