"""What the benchmark of verdicts counts: right places, right bounds, and reports that are never stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks._coloured_noise import auc
from benchmarks._first_verdicts import first_verdicts, with_one_kind
from benchmarks._real_runs import MANY, fields, real
from benchmarks._simulated_runs import FAULTS
from benchmarks._taken import Run, Section, Taken, kept
from benchmarks._verdict_tables import upper
from benchmarks.verdicts import _as_anywhere
from PIL import Image
from scipy.special import bdtr

from mhfd import simulate


@pytest.fixture(scope="module")
def run() -> Run:
    """Sections that all show the same: what happens to them is the benchmark's doing."""
    sharp = Taken.of("sharp", 0.0, 200.0, simulate.section((128, 128), seed=1))
    bad = tuple(Taken(kind, 2.0, 200.0, sharp.report, sharp.classical) for kind in FAULTS)
    return tuple(Section(number, sharp, bad) for number in range(1, 31))


def test_every_image_is_changed_once_and_none_before_there_is_a_baseline(run: Run) -> None:
    changed = [
        section.number
        for offset in range(5)
        for section in with_one_kind(run, "vibration", 5, offset)
        if section.taken.kind == "vibration"
    ]
    assert sorted(changed) == list(range(11, 31))


def test_a_good_run_rings_nowhere_and_what_is_not_changed_is_not_found(run: Run) -> None:
    good, bad = first_verdicts("a", run, confirm=3)
    assert len(bad) == len(FAULTS) * len(run)
    assert not any(one.found for one in good)
    assert {one.ratio["Tenengrad"] for one in good if one.number > 6} == {1.0}


def test_reports_are_kept_and_read_back(run: Run, tmp_path: Path) -> None:
    assert kept(tmp_path, "run", lambda: run) == run
    again = kept(tmp_path, "run", lambda: pytest.fail("it was kept"))
    assert again == run


def test_real_sections_are_taken_badly_in_every_way(tmp_path: Path) -> None:
    for z in range(2):
        Image.fromarray(simulate.section((96, 96), seed=2, z=z)).save(tmp_path / f"{z}.png")
    ((name, part),) = fields(tmp_path).items()
    assert name == tmp_path.name
    assert len(list(tmp_path.iterdir())) < MANY
    found = real(tmp_path, part, seed=3)
    assert [section.number for section in found] == [1, 2]
    assert [taken.kind for taken in found[0].otherwise] == list(FAULTS)


@pytest.mark.parametrize(("count", "of"), [(0, 3000), (1, 500), (7, 40)])
def test_the_bound_holds_as_often_as_it_says(count: int, of: int) -> None:
    assert bdtr(count, of, upper(count, of)) == pytest.approx(0.05)


def test_auc() -> None:
    assert auc([2.0, 3.0], [0.0, 1.0]) == 1
    assert auc([1.0], [1.0, np.nan]) == 0.5


def test_a_page_names_no_folder_of_this_machine() -> None:
    typed = ["--cache", "/there/kept", "--runs", "2", "--data", "/there/run", "--data", "/there/stack", "--cost"]
    assert _as_anywhere(typed) == ["--runs", "2", "--data", "run", "--data", "stack", "--cost"]
