"""A few trials of `make demo-adjust` on OpenFIBSEM's demo microscope, as they are and with every sign turned around."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rigs.instruments import demo_trials
from tests.rigs.instruments.demo_rows import DemoRow, rows_of
from tests.rigs.instruments.demo_table import FINAL_UM, judged, right

pytestmark = pytest.mark.instruments


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_trials, "NEW", range(500, 502))
    monkeypatch.setattr(demo_trials, "TRIALS_EACH", 2)
    monkeypatch.setattr(demo_trials, "BLANKS", 1)
    monkeypatch.setattr(demo_trials, "FAR_UM", (30.0,))
    monkeypatch.setattr(demo_trials, "KILLED", 2)
    if "MHFD_TEST_MICROMANAGER" not in os.environ:
        pytest.skip("MHFD_TEST_MICROMANAGER: make test-instruments says it")


def played(into: Path, *more: str) -> tuple[int, list[DemoRow]]:
    from tests.rigs.instruments.demo_adjust import main

    code = main(["--only", "openfibsem", "--into", str(into), *more])
    return code, rows_of(into / "trials.csv")


def of(rows: list[DemoRow], part: str) -> list[DemoRow]:
    return [row for row in rows if (row.learner, row.part) == ("pca", part)]


@pytest.mark.usefixtures("few")
def test_what_was_learned_repairs_what_is_new(tmp_path: Path) -> None:
    code, rows = played(tmp_path / "demo")
    assert code == 1  # so few trials are no demonstration
    assert all(right(row) for row in of(rows, "sign"))
    assert all(row.final_um is not None and row.final_um <= FINAL_UM for row in of(rows, "step"))
    assert [row.refusal is not None for row in of(rows, "blank")] == [True]
    assert [(row.lens_off_nm or 0.0) <= 1 and not row.note for row in of(rows, "kill")] == [True, True]
    assert not any("wrong or refused" in words or "um away" in words for words in judged(rows).failed)


@pytest.mark.usefixtures("few")
def test_a_sign_that_is_turned_around_is_seen_and_does_no_harm(tmp_path: Path) -> None:
    code, rows = played(tmp_path / "demo", "--wrong-sign")
    assert code == 1
    assert not any(right(row) for row in of(rows, "sign"))
    assert any("4 signs of 4 are wrong or refused" in words for words in judged(rows).failed)
    for row in of(rows, "step"):
        assert row.final_um == pytest.approx(abs(row.truth_um or 0.0), abs=1e-3), row
