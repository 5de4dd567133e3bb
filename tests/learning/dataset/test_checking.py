"""What is wrong with a dataset is found and named; what makes figures a lie is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.rigs.labelled import picture, row

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, Origin, Side
from mhfd.learning.dataset.checking import check, refuse_leaks
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.dataset.problems import DatasetProblem, ProblemKind
from mhfd.learning.dataset.splitting import split
from mhfd.simulate import Specimen


def found(rows: list[DatasetRow], *, pixels: bool = False) -> dict[ProblemKind, DatasetProblem]:
    return {one.kind: one for one in check(Dataset(tuple(rows), split(rows)), pixels=pixels).problems}


def many(folder: Path, **fields: Any) -> list[DatasetRow]:
    """Forty rows of eight groups, as many good as bad; nothing is wrong with them."""
    return [row(folder, f"{n}.tif", bad=n % 2 == 0, group=f"g{n // 5}/s/1", **fields) for n in range(40)]


def image(folder: Path, name: str, pixels: NDArray[Any], **fields: Any) -> DatasetRow:
    path = folder / name
    tifffile.imwrite(path, pixels)
    return row(folder, name, content=path.read_bytes(), **fields)


def test_a_good_dataset_has_nothing_wrong(tmp_path: Path) -> None:
    assert found(many(tmp_path)) == {}


def test_the_same_bytes_in_two_groups_are_refused_by_name(tmp_path: Path) -> None:
    rows = [*many(tmp_path), row(tmp_path, "again.tif", content=b"3.tif", group="other")]
    problem = found(rows)[ProblemKind.ACROSS]
    assert problem.refused
    assert "3.tif of group 'g0/s/1'" in problem.sentence
    assert "again.tif of group 'other' are the same bytes" in problem.sentence


def test_a_copy_on_the_other_side_is_refused_by_name(tmp_path: Path) -> None:
    rows = many(tmp_path)
    rows.append(row(tmp_path, "copy.tif", group="other", parent=rows[0].sha256))
    sides = dict.fromkeys((one.group.key for one in rows), Side.TRAIN) | {"other": Side.TEST}
    (problem,) = [one for one in check(Dataset(tuple(rows), sides), pixels=False).problems if one.refused]
    assert problem.kind is ProblemKind.ACROSS
    assert "copy.tif of group 'other' are copies of one image; one lies in train, the other in test" in problem.sentence
    with pytest.raises(UsageError, match=r"across: .*copy\.tif"):
        refuse_leaks(Dataset(tuple(rows), sides), pixels=False)


CHANGES = {
    "saved again": lambda p: p.astype(np.uint16) * 257,
    "mirrored": lambda p: p[:, ::-1],
    "turned": lambda p: np.rot90(p),
    "brighter": lambda p: (p // 2 + 90).astype(np.uint8),
    "through JPEG": lambda p: imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(p, level=85)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_take_under_another_form_is_found(tmp_path: Path, change: Any) -> None:
    pixels = picture(1)
    rows = [
        image(tmp_path, "one.tif", pixels, group="a"),
        image(tmp_path, "two.tif", change(pixels), group="b", bad=True),
        image(tmp_path, "else.tif", picture(2), group="b", bad=True),
    ]
    problem = found(rows, pixels=True)[ProblemKind.ACROSS]
    assert "one.tif of group 'a' and" in problem.sentence
    assert "two.tif of group 'b' are copies of one image" in problem.sentence


def test_two_takes_of_one_place_and_its_next_sections_are_no_copies(tmp_path: Path) -> None:
    specimen = Specimen(seed=4)
    takes = [
        specimen.section((128, 128), z=z, take=take) for z, take in ((0, 0), (0, 1), (0.2, 0), (1, 0))
    ]  # 8 and 40 nm
    rows = [image(tmp_path, f"{n}.tif", pixels, group=f"g{n}") for n, pixels in enumerate(takes)]
    assert ProblemKind.ACROSS not in found(rows, pixels=True)


def test_duplicates_of_a_group_are_counted(tmp_path: Path) -> None:
    rows = [*many(tmp_path), row(tmp_path, "again.tif", content=b"3.tif", group="g0/s/1", bad=False)]
    problem = found(rows)[ProblemKind.DUPLICATE]
    assert (problem.value, problem.refused) == (1, False)
    assert "again.tif" in problem.sentence


def test_one_word_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    rows = many(tmp_path, said_by="ann")
    rows.append(rows[3].model_copy(update={"target": rows[4].target}))
    problem = found(rows)[ProblemKind.CONTRADICTION]
    assert problem.refused
    assert "3.tif is called good and bad by ann" in problem.sentence


def test_two_people_may_differ_and_are_named(tmp_path: Path) -> None:
    rows = many(tmp_path, said_by="ann")
    rows.append(rows[3].model_copy(update={"target": rows[4].target, "said_by": "ben"}))
    problems = found(rows)
    assert not problems[ProblemKind.DISAGREEMENT].refused
    assert "good by ann and bad by ben" in problems[ProblemKind.DISAGREEMENT].sentence
    assert ProblemKind.CONTRADICTION not in problems


def test_one_class_is_refused_and_few_are_said(tmp_path: Path) -> None:
    rows = many(tmp_path)
    assert found([one for one in rows if not one.target.bad])[ProblemKind.ONE_CLASS].refused
    few = found([one for one in rows if not one.target.bad] + [one for one in rows if one.target.bad][:2])
    assert few[ProblemKind.FEW].value == 2
    assert few[ProblemKind.IMBALANCE].value == pytest.approx(2 / 22)
    assert "2 of 22 labelled rows are bad (9.1%)" in few[ProblemKind.IMBALANCE].sentence


def test_groups_of_one_image_and_few_groups_are_said(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"{n}.tif", bad=n % 2 == 0, group=f"g{n}") for n in range(4)]
    problems = found(rows)
    assert problems[ProblemKind.LONE].value == 4
    assert problems[ProblemKind.FEW_GROUPS].value == 4


@pytest.mark.parametrize("values", [(0.0, 7.5), ("yes", "no")])
def test_a_column_that_gives_the_label_away_is_refused_by_name(tmp_path: Path, values: Any) -> None:
    rows = [one.model_copy(update={"covariates": {"truth": values[bool(one.target.bad)]}}) for one in many(tmp_path)]
    problem = found(rows)[ProblemKind.LEAK]
    assert problem.refused
    assert "column 'truth' gives the label away" in problem.sentence
    assert problem.value == 1
    with pytest.raises(UsageError, match="leak: column 'truth'"):
        refuse_leaks(Dataset(tuple(rows), split(rows)), pixels=False)


def test_an_honest_column_is_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [
        one.model_copy(update={"covariates": {"dose": float(rng.uniform(30, 1000)), "who": f"p{n % 3}"}})
        for n, one in enumerate(many(tmp_path))
    ]
    assert found(rows) == {}


def test_what_an_instrument_wrote_is_a_batch_effect_with_its_number(tmp_path: Path) -> None:
    rows = [
        one.model_copy(update={"covariates": {"focus_um": 4.0 + bool(one.target.bad)}, "origin": Origin.CONFIRMED})
        for one in many(tmp_path)
    ]
    problem = found(rows)[ProblemKind.BATCH]
    assert not problem.refused
    assert "'focus_um' alone tells bad from good with an AUC of 1.00" in problem.sentence


def test_labels_that_an_instrument_explains_are_a_batch_effect(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, f"{n}.tif", bad=n % 2 == 0, group=f"{'zeiss' if n % 2 else 'fei'}/s{n // 8}/1") for n in range(40)
    ]
    sentences = [one.sentence for one in check(Dataset(tuple(rows), split(rows)), pixels=False).problems]
    assert any(sentence.startswith("the instrument alone tells bad from good") for sentence in sentences)
    assert not any(sentence.startswith("the specimen alone") for sentence in sentences)


def test_what_files_are_is_a_batch_effect_too(tmp_path: Path) -> None:
    rows = [image(tmp_path, f"{n}.tif", picture(n, 64 + n % 2), group=f"g{n // 4}", bad=n % 2 == 0) for n in range(24)]
    sentences = [one.sentence for one in check(Dataset(tuple(rows), split(rows))).problems]
    assert any(one.startswith("the size in pixels alone tells bad from good with an AUC of 1.00") for one in sentences)
    assert not any(one.startswith(("the brightness", "the kind of file")) for one in sentences)


def test_names_that_give_the_label_away_are_said(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, f"{'sharp' if n % 2 else 'blurry'}_{n}.tif", bad=n % 2 == 0, group=f"g{n // 5}")
        for n in range(40)
    ]
    problem = found(rows)[ProblemKind.PATH]
    assert not problem.refused
    assert "'blurry' is in all of the bad ones" in problem.sentence


def test_a_file_that_changed_since_is_refused(tmp_path: Path) -> None:
    rows = [image(tmp_path, f"{n}.tif", picture(n), group=f"g{n}", bad=n == 0) for n in range(3)]
    tifffile.imwrite(rows[1].path, picture(9))
    assert sha256_of(Path(rows[1].path)) != rows[1].sha256
    problem = found(rows, pixels=True)[ProblemKind.CHANGED]
    assert problem.refused
    assert problem.paths == (rows[1].path,)
    assert "not the file that was labelled" in problem.sentence
