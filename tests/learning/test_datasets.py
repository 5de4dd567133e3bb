"""`mhfd dataset build` and `check`, and `mhfd_client.dataset`: every kind of source, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs.labelled import folder_of
from tests.rigs.runs import Run
from tests.rigs.typed import typed_here

import mhfd_client
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset


def test_a_state_a_table_a_dataset_and_a_folder_become_one(tmp_path: Path) -> None:
    lab = folder_of(tmp_path / "lab", 2)
    other = folder_of(tmp_path / "other", 3)
    (tmp_path / "labels.csv").write_text(
        "path,label,group\nother/good/S_004.tif,good,s/table/1\nother/bad/S_005.tif,bad,s/table/1\n"
    )
    run = Run(tmp_path)
    for section, label in ((1, True), (2, False)):
        image = run.image(section, path=f"S_{section:03d}.tif")
        (run.root / f"S_{section:03d}.tif").write_bytes((other / "good" / f"S_{2 * section - 2:03d}.tif").read_bytes())
        run.journal.labelled(image, sharp=label, who="ann")
    run.close()
    first = mhfd_client.dataset(lab, out=tmp_path / "first", group="scope/fly/monday")
    assert [row.section for row in first.rows] == [1, 3, 0, 2]
    made = mhfd_client.dataset(run.state, tmp_path / "labels.csv", tmp_path / "first", out=tmp_path / "set", simulate=1)
    assert len(made.rows) == 2 + 2 + 4 + 1
    assert {"scope/fly/monday", "s/table/1"} < set(made.groups)
    assert mhfd_client.dataset(tmp_path / "set") == Dataset.read(tmp_path / "set") == made
    assert len(mhfd_client.dataset(tmp_path / "labels.csv").rows) == 2


def test_a_watched_folder_stands_for_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    image = run.image(1, path="S_001.tif")
    (run.root / "S_001.tif").write_bytes(b"one")
    run.journal.labelled(image, sharp=True)
    run.close()
    monkeypatch.setenv("MHFD_STATE_DIR", str(run.state))
    (row,) = mhfd_client.dataset(run.root, out=tmp_path / "set").rows
    assert row.group.specimen == "wafer7"


def test_rows_without_a_label_are_counted_for_people(tmp_path: Path) -> None:
    made = mhfd_client.dataset(folder_of(tmp_path / "lab", 2), out=tmp_path / "set")
    first, *others = made.rows
    unknown = first.model_copy(update={"target": first.target.model_copy(update={"bad": None, "radius_px": 3.0})})
    Dataset((unknown, *others), made.split).write(tmp_path / "set")
    _, said = typed_here(["dataset", "check", str(tmp_path / "set")])
    assert "4 rows of 4 images: " in said
    assert " bad, 1 without a label\n" in said


def test_what_is_typed_says_what_was_made_and_what_to_do_next(tmp_path: Path) -> None:
    lab = folder_of(tmp_path / "lab", 2)
    code, said = typed_here(["dataset", "build", str(lab), "--out", str(tmp_path / "set")])
    assert code == 0
    assert "4 rows of 4 images: 2 good, 2 bad" in said
    assert f"next: mhfd dataset check {tmp_path / 'set'}" in said
    code, said = typed_here(["dataset", "check", str(tmp_path / "set")])
    assert code == 0
    assert "note: few: only 2 rows are bad" in said
    code, said = typed_here(["dataset", "check", str(tmp_path / "set"), "--json"])
    told = json.loads(said)
    assert (told["schema_version"], told["good"], told["bad"]) == (1, 2, 2)
    assert {one["kind"] for one in told["problems"]} == {"few", "few_groups"}
    assert not any(one["refused"] for one in told["problems"])


def test_what_has_to_be_mended_is_exit_code_1(tmp_path: Path) -> None:
    lab = folder_of(tmp_path / "lab", 2)
    (lab / "bad" / "copy.tif").write_bytes((lab / "good" / "S_000.tif").read_bytes())
    assert typed_here(["dataset", "build", str(lab), "--out", str(tmp_path / "set")])[0] == 0
    code, said = typed_here(["dataset", "check", str(tmp_path / "set")])
    assert code == 1
    assert "refused: contradiction: " in said
    assert "1 to mend before anything is learned" in said


def test_a_table_can_be_checked_as_it_is(tmp_path: Path) -> None:
    folder_of(tmp_path / "lab", 6)
    lines = [
        f"lab/{label}/S_{2 * n + (label == 'bad'):03d}.tif,{label},g{n},{label}"
        for n in range(6)
        for label in ("good", "bad")
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,group,answer", *lines]))
    code, said = typed_here(["dataset", "check", str(tmp_path / "labels.csv")])
    assert code == 1
    assert "refused: leak: column 'answer' gives the label away" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a state folder, a dataset, a table or a folder, or give --simulate"),
        (["nowhere"], "nowhere: there is no such folder or table"),
        (["lab/good"], "no image in a folder called good or bad"),
        (["lab", "--group", "//"], "group: '//' says nothing"),
        (["lab", "--radii", "5", "2"], "--radii 5 2"),
    ],
)
def test_what_is_wrong_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "lab", 1)
    code, told = typed_here(["dataset", "build", *words, "--out", "set"])
    assert code == 2
    assert said in " ".join(told.split())


def test_a_notebook_is_told_to_say_where(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="out: say where"):
        mhfd_client.dataset(tmp_path, sharp=True)
    with pytest.raises(UsageError, match="sources: expected paths, one after the other"):
        mhfd_client.dataset([tmp_path], out=tmp_path / "set")  # type: ignore[arg-type]  # what people try
