"""A run's blur by what people said of it: `mhfd tolerance`; and in um: `verdict.calibration`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tests.rigs import focus_reports
from tests.rigs.calibrations import calibration
from tests.rigs.focus_series import blurred_profile
from tests.rigs.runs import Run

from mhfd.contract.focus_report import FocusReport
from mhfd_client.calibration.kept import save
from mhfd_client.cli import main
from mhfd_client.journal.view import JournalView
from mhfd_client.verdicts.from_journal import verdict_of
from mhfd_client.verdicts.verdict import Verdict

BLURRED = {12: 2.0, 17: 2.6, 22: 3.1, 25: 0.6}
"""Sections and their px."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """30 sections, of which a few are blurred."""
    made = Run(tmp_path)
    rng = np.random.default_rng(1)

    def report(**of_report: Any) -> FocusReport:
        px = BLURRED.get(of_report.pop("number", 0), 0.0)
        return focus_reports.report(**of_report).model_copy(update={"profile": blurred_profile(px, 0.04, rng)})

    monkeypatch.setattr("tests.rigs.runs.report", report)
    for section in range(30):
        made.image(section, number=section)
    yield made
    made.close()


def tolerance(run: Run, *words: str) -> Result:
    told = ["tolerance", str(run.root), "--state", str(run.state), *words]
    return CliRunner().invoke(main, told, catch_exceptions=False)


def say(run: Run, *sections: int, sharp: bool) -> None:
    for section in sections:
        run.journal.labelled(section + 1, sharp=sharp)


def test_it_parts_what_people_called_sharp_from_what_they_did_not(run: Run) -> None:
    say(run, 3, 8, 14, 25, sharp=True)
    say(run, 12, 17, 22, sharp=False)
    told = tolerance(run, "--json")
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert (found["sharp"], found["blurred"], found["wrong_sharp"], found["wrong_blurred"]) == (4, 3, 0, 0)
    assert 0.6 < found["px"] < 2.0
    assert found["low"] <= found["px"] <= found["high"]
    assert found["set"] == 1.15
    lines = tolerance(run).stdout.splitlines()
    assert lines[0].startswith("called sharp: 4 images, blurred by ")
    assert lines[-1].startswith("to judge by it: mhfd rejudge ")
    assert f"verdict.blur_px={found['px']:.2f}" in lines[-1]


def test_too_few_labels_propose_nothing(run: Run) -> None:
    say(run, 3, 8, 14, sharp=True)
    say(run, 12, sharp=False)
    told = tolerance(run)
    assert told.exit_code == 1
    assert "people called 1 images not sharp of which the blur is known, at least 3 are needed" in told.output


def test_labels_that_blur_does_not_part_propose_nothing(run: Run) -> None:
    say(run, 3, 12, 8, 17, sharp=True)
    say(run, 5, 22, 9, sharp=False)
    told = tolerance(run)
    assert told.exit_code == 1
    assert "blur does not part what people called sharp from what they did not" in told.output


def rejudged(run: Run, file: Path) -> Verdict:
    """Of the image of section 17, which is blurred by 2.6 px."""
    told = ["rejudge", str(run.root), "--state", str(run.state), "--set", f"verdict.calibration={file}"]
    assert CliRunner().invoke(main, told, catch_exceptions=False).exit_code == 0
    with JournalView.read(run.state) as journal:
        row = journal.image(18)
        assert row.verdict is not None
        return verdict_of(journal.verdict(row.verdict))


def test_a_calibration_says_how_far_out_of_focus_that_is(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    unnamed = calibration(um=2.0, low=1.9, high=2.1).model_copy(update={"instrument": None, "dwell_ns": None})
    save(unnamed, file)
    run.close()
    told = rejudged(run, file)
    assert told.blur is not None
    assert told.blur.um == pytest.approx(2 * told.blur.px)
    assert told.blur.um_low is not None
    assert told.blur.um_high is not None
    assert told.blur.um_low < 5.2 < told.blur.um_high
    assert "out of focus by about 5" in told.sentence


def test_where_it_does_not_apply_there_is_no_um(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    save(calibration(), file)
    run.close()
    told = rejudged(run, file)
    assert told.blur is not None
    assert told.blur.um is None
    assert " um " not in told.sentence
