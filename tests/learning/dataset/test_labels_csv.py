"""LABELS.csv: what spreadsheets write is read, what is wrong is named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mhfd.errors import UsageError
from mhfd.learning.dataset import ImageCause, SourceGroup
from mhfd.learning.dataset.labels_csv import read_labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.tif", "b.tif", "with, comma.tif"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "LABELS.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_a_spreadsheet_writes_is_read(folder: Path) -> None:
    text = (
        "\ufeffPath,label,group,dose,note\r\n"
        'a.tif,good,scope/mouse/monday,200,"thin, old"\r\n'
        "\r\n"
        f'"with, comma.tif",BAD,fly,,\r\n"{folder / "b.tif"}",bad ,fly,1e2,\r\n'
    )
    first, second, third = read_labels(table(folder, text)).rows
    assert [one.target.bad for one in (first, second, third)] == [False, True, True]
    assert first.group == SourceGroup(instrument="scope", specimen="mouse", session="monday")
    assert second.group == SourceGroup(specimen="fly")
    assert [Path(one.path) for one in (first, second, third)] == [
        folder / name for name in ("a.tif", "with, comma.tif", "b.tif")
    ]
    assert first.covariates == {"dose": 200.0, "note": "thin, old"}
    assert second.covariates == {}
    assert third.covariates == {"dose": 100.0}


def test_columns_that_mean_something_are_no_covariates(folder: Path) -> None:
    head = "path,label,group,section,said_by,pixel_nm,radius_px,cause\n"
    text = head + "a.tif,good,g,3,ann,8,,in_focus\nb.tif,bad,g,4,,,2.5,"
    first, second = read_labels(table(folder, text)).rows
    assert (first.section, first.said_by, first.pixel_nm, first.target.cause) == (3, "ann", 8, ImageCause.IN_FOCUS)
    assert (second.section, second.said_by, second.pixel_nm, second.target.radius_px) == (4, None, None, 2.5)
    assert first.covariates == second.covariates == {}


HEAD = "path,label,group\n"
WRONG = {
    "a file that is not there": (HEAD + "a.tif,good,g\nc.tif,bad,g\n", "line 3: path 'c.tif': no such file"),
    "a name that none can have": (HEAD + "a\0.tif,good,g\n", "line 2: path 'a\\x00.tif': no such file"),
    "a device": (HEAD + "/dev/null,good,g\n", "line 2: path '/dev/null': it is no file"),
    "a folder": (HEAD + "a.tif,good,g\n.,bad,g\n", "line 3: path '.'"),
    "a label that is not known": (HEAD + "a.tif,good,g\nb.tif,blurry,g\n", "line 3: label 'blurry' is not known"),
    "an empty label": (HEAD + "a.tif,,g\n", "line 2: label '' is not known"),
    "an empty group": (HEAD + "a.tif,good,\n", "line 2: group is empty"),
    "an empty path": (HEAD + ",good,g\n", "line 2: path is empty"),
    "a group that cannot be": (HEAD + "a.tif,good,//\n", "line 2: group is empty"),
    "one class": (HEAD + "a.tif,good,g\nb.tif,good,g\n", "lines 2 to 3: all are good"),
    "the other class": (HEAD + "a.tif,bad,g\n", "line 2: all are bad"),
    "no row": (HEAD, "line 2: none has a label"),
    "nothing": ("", "line 1: column 'path' is missing"),
    "a column that is missing": ("path,label\n", "line 1: column 'group' is missing in 'path,label'"),
    "semicolons": ("path;label;group\n", "line 1: column 'path' is missing in 'path;label;group'"),
    "a column twice": ("path,label,group,dose,dose\n", "line 1: column 'dose' is there twice"),
    "a column twice in another case": ("path,label,group,Label\n", "line 1: column 'label' is there twice"),
    "a column without a name": ("path,label,group,\n", "line 1: a column has no name"),
    "too many cells": (HEAD + "a.tif,good,g,h\n", "line 2: 4 cells where line 1 has 3 columns"),
    "an open quote": (HEAD + 'a.tif,"good,g\n', "line 2: not CSV"),
    "another encoding": ("path,label,group\nä.tif,good,g\n".encode("latin-1"), "not UTF-8"),
    "a section that is no number": ("path,label,group,section\na.tif,good,g,x\n", "line 2: section 'x' is no whole"),
    "a radius that is no number": (
        "path,label,group,radius_px\na.tif,good,g,x\n",
        "radius_px 'x' is no number",
    ),
    "a radius below nothing": ("path,label,group,radius_px\na.tif,good,g,-1\n", "line 2: radius_px: "),
    "a cause that is not known": ("path,label,group,cause\na.tif,good,g,x\n", "line 2: cause 'x' is not known"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_by_file_and_line(folder: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_labels(table(folder, text))
    assert "LABELS.csv" in str(caught.value)
    assert said in str(caught.value)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"LABELS\.csv: no such file"):
        read_labels(tmp_path / "LABELS.csv")
