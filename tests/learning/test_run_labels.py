"""What people said of a run becomes rows; what was taken back, changed or cannot be measured does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import focus_reports
from tests.rigs.runs import Run

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.learning.dataset import Origin, SourceGroup
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd_client.learning.datasets import built
from mhfd_client.learning.run_labels import RunLabels, labels_of


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Six sections with their files; the reports know the files' bytes."""
    made = Run(tmp_path)

    def report(**of_report: Any) -> FocusReport:
        number = of_report.pop("number", 0)
        plain = focus_reports.report(**of_report)
        known = {"sha256": sha256_of(file(made, number)), "focus_m": 0.004, "dwell_ns": 800.0}
        tags: dict[str, str | float | int] = {"pixel_from": "Zeiss AP_IMAGE_PIXEL_SIZE"}
        return plain.model_copy(update={"image": plain.image.model_copy(update={**known, "tags": tags})})

    monkeypatch.setattr("tests.rigs.runs.report", report)
    for section in range(6):
        path = file(made, section)
        path.parent.mkdir()
        path.write_bytes(f"image {section}".encode())
        made.image(section, number=section, whole_at=1e9)
    yield made
    made.close()


def file(run: Run, section: int) -> Path:
    return run.root / f"S_{section:03d}" / "tile_r1-c1.tif"


def said(found: RunLabels) -> set[tuple[int | None, bool | None, str | None]]:
    return {(row.section, row.target.bad, row.said_by) for row in found.rows}


def test_each_person_has_a_row_of_each_image(run: Run) -> None:
    run.journal.labelled(1, sharp=True, who="ann")
    run.journal.labelled(2, sharp=False, who="ann")
    run.journal.labelled(2, sharp=True, who="ben")
    run.journal.labelled(3, sharp=True, who="ann")
    run.journal.labelled(3, sharp=False, who="ann")
    found = labels_of(run.state)
    assert said(found) == {(0, False, "ann"), (1, True, "ann"), (1, False, "ben"), (2, True, "ann")}
    assert {row.origin for row in found.rows if row.target.bad} == {Origin.REJECTED}
    assert {row.origin for row in found.rows if not row.target.bad} == {Origin.CONFIRMED}
    assert found.left_out == []


def test_it_knows_where_an_image_comes_from(run: Run) -> None:
    run.journal.labelled(1, sharp=True)
    (row,) = labels_of(run.state).rows
    assert row.group == SourceGroup(instrument="Zeiss", specimen="wafer7", session="2001-09-09")
    assert (row.pixel_nm, row.covariates) == (8.0, {"focus_um": pytest.approx(4000), "dwell_ns": 800})
    assert Path(row.path) == file(run, 0)
    mine = SourceGroup.of("scope 2/mouse/monday")
    assert labels_of(run.state, group=mine).rows[0].group == mine


def test_what_was_taken_back_or_is_no_word_on_focus_is_no_row(run: Run) -> None:
    run.journal.labelled(1, sharp=False, who="ann")
    run.journal.labelled(1, sharp=None, who="ben")
    run.journal.labelled(2, sharp=None, again=True, who="ann")
    run.journal.labelled(3, sharp=True, who="ann")
    run.journal.labelled(3, sharp=None, fine=True, who="ben")
    assert said(labels_of(run.state)) == {(2, False, "ann")}


def test_a_file_that_changed_is_gone_or_shows_nothing_is_left_out_with_why(run: Run, tmp_path: Path) -> None:
    for image in (1, 2, 3):
        run.journal.labelled(image, sharp=True)
    file(run, 0).write_bytes(b"another")
    file(run, 1).unlink()
    found = labels_of(run.state)
    assert said(found) == {(2, False, None)}
    assert "another file than the one that was labelled" in found.left_out[0]
    assert "no such file" in found.left_out[1]
    made = built([run.state], tmp_path / "set")
    assert made.left_out == found.left_out
    assert len(made.dataset.rows) == 1


def test_an_image_of_which_nothing_was_measured_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = focus_reports.report(finding=Finding.BLANK, detail="one grey value")
    monkeypatch.setattr("tests.rigs.runs.report", lambda **_: blank)
    path = file(run, 9)
    path.parent.mkdir()
    path.write_bytes(b"blank")
    image = run.image(9, number=9)
    run.journal.labelled(image, sharp=False)
    found = labels_of(run.state)
    assert found.rows == []
    assert "neither sharp nor blurred: one grey value" in found.left_out[0]
