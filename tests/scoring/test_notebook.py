"""`mhfd_client.score`: rows as they come, a table that shows itself, and Ctrl-C keeps what is done."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tifffile

import mhfd
import mhfd_client
from mhfd import simulate
from mhfd.contract.focus_report import Finding
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd_client.scoring.table import COLUMNS, Row, Table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("images")
    for z in range(8):
        tifffile.imwrite(made / f"S_{z:03d}.tif", simulate.section((256, 256), seed=1, z=z))
    (made / "S_008.tif").write_bytes(b"not a TIFF <b>at all</b>")
    return made


@pytest.fixture(scope="module")
def table(folder: Path) -> Table:
    return mhfd_client.score(folder / "*.tif", workers=2)


def test_a_row_for_every_path_in_order(folder: Path, table: Table) -> None:
    assert [Path(row.path).name for row in table] == [f"S_{z:03d}.tif" for z in range(9)]
    assert [row.section for row in table] == list(range(9))
    assert [row.report.finding for row in table] == [Finding.OK] * 8 + [Finding.UNREADABLE]
    assert repr(table) == "Table(9 images, 8 scored)"
    assert isinstance(table[2:4], Table)


def test_images_are_judged_among_each_other(table: Table) -> None:
    kinds = [row.verdict.kind.value for row in table if row.verdict is not None]
    assert kinds == ["in_focus"] * 8 + ["incomplete"]
    assert all(row.verdict.provisional for row in table[:8] if row.verdict is not None)


def test_it_shows_itself_with_pictures_and_escapes_names(table: Table) -> None:
    page = table._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 8
    assert "<b>" not in page
    assert "is in focus" in page


def test_a_long_table_is_cut(table: Table) -> None:
    assert "and 60 more" in Table(list(table[:1]) * 260)._repr_html_()


def test_as_a_data_frame(table: Table) -> None:
    frame = table.to_pandas()
    assert list(frame["finding"]) == ["ok"] * 8 + ["unreadable"]
    assert frame["density"].isna().iloc[8]
    assert frame["density"].iloc[:8].min() > 0


def test_the_columns_that_say_what_was_measured_where(table: Table) -> None:
    first, *_, last = table.records()
    assert tuple(first) == COLUMNS
    assert first["noise"] == table[0].report.noise.sigma > 0  # type: ignore[union-attr] # measured
    assert first["params_id"] == Params().id
    assert (first["version"], first["endpoint"], first["code"]) == (mhfd.__version__, None, None)
    assert (last["noise"], last["code"]) == (None, None), "looked at, and no image"


def test_whole_numbers_stay_whole_where_one_is_unknown(table: Table, tmp_path: Path) -> None:
    """One image without features made floats of all."""
    frame = table.to_pandas()
    assert (frame["section"].dtype, frame["dof"].dtype, frame["blur_neighbours"].dtype) == ("Int64",) * 3
    assert frame["dof"].iloc[0] == table[0].report.dof
    assert frame["dof"].isna().iloc[8]
    frame.to_csv(tmp_path / "pandas.csv")
    table.to_csv(tmp_path / "ours.csv")
    for name in ("pandas.csv", "ours.csv"):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["dof"] for row in rows] == [str(row.report.dof or "") for row in table]
        assert [row["section"] for row in rows] == [str(z) for z in range(9)]


def test_a_table_for_a_spreadsheet_holds_no_formula(table: Table, tmp_path: Path) -> None:
    Table([replace(table[0], path="=cmd.tif")]).to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("'=cmd.tif,")


def test_an_empty_table_has_its_columns(table: Table) -> None:
    assert tuple(table[:0].to_pandas().columns) == COLUMNS


def test_without_pandas_the_remedy_is_named(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        table.to_pandas()
    assert len(table.records()) == 9


def test_rows_come_one_by_one_and_ctrl_c_keeps_them(folder: Path) -> None:
    rows: list[Row] = []

    def on_row(row: Row) -> None:
        rows.append(row)
        if len(rows) == 3:
            raise KeyboardInterrupt

    cut = mhfd_client.score(sorted(folder.glob("*.tif")) * 5, workers=1, judge=False, on_row=on_row)
    assert cut.interrupted
    assert len(cut) == 3
    assert all(row.verdict is None for row in cut)
    assert "Interrupted" in cut._repr_html_()


def test_what_is_not_there_is_a_row(folder: Path) -> None:
    table = mhfd_client.score([folder / "gone.tif", folder, folder / "S_001.tif"], workers=1, thumbnails=False)
    assert [row.report.finding for row in table] == [Finding.UNREADABLE, Finding.UNREADABLE, Finding.OK]
    assert "no such file" in (table[0].report.finding_detail or "")
    assert [row.report.code for row in table] == ["unavailable", "unavailable", None]
    assert table[2].thumbnail is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"paths": []}, "there are none"), ({"paths": ["x.tif"], "params": "fast"}, "no preset 'fast'")],
    ids=["no-paths", "preset"],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        mhfd_client.score(**arguments)  # type: ignore[arg-type] # wrong on purpose


def test_a_progress_bar_when_asked_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mhfd_client.score(folder / "S_00[01].tif", workers=1, progress=True)
    assert "2/2" in capfd.readouterr().err


def test_importing_it_is_light() -> None:
    code = (
        "import sys, mhfd_client; dir(mhfd_client); "
        "assert not {'numpy', 'cupy', 'torch', 'pandas', 'mhfd.api'} & set(sys.modules); "
        "mhfd_client.score; assert not {'cupy', 'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="scoer"):
        mhfd_client.scoer  # type: ignore[attr-defined] # noqa: B018 - misspelt on purpose
