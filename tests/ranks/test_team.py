"""Measured by any number of processes together, an image has the same report, and so has what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.thread_team import together

from mhfd import api, images, native
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.detector.cpu import CpuDetector
from mhfd.measure import measure
from mhfd.team import ALONE, Team, block_rows, shares

pytestmark = pytest.mark.skipif(not native.kernel_info().available, reason="no compiled kernel was built")


def picture(path: Path, dtype: str, shape: tuple[int, int] = (505, 264)) -> Path:
    chance = np.random.default_rng(5)
    coarse = chance.normal(size=(shape[0] // 8 + 1, shape[1] // 8 + 1)).repeat(8, axis=0).repeat(8, axis=1)
    values = 120 + 45 * coarse[: shape[0], : shape[1]] + 5 * chance.normal(size=shape)
    values[40:90, 60:200] = 0  # clipped: counted at the extreme in some rows only
    scale = {"uint8": 1, "uint16": 200, "float32": 1e-3}[dtype]
    tifffile.imwrite(path, (values.clip(0, 255) * scale).astype(dtype))
    return path


def report(path: Path, team: Team = ALONE) -> FocusReport:
    return api.measured_by(CpuDetector(1), path, Params(), None, team=team).report.model_copy(update={"timing_ms": {}})


def read_from_the_file(path: Path, team: Team = ALONE) -> FocusReport:
    """As it is with an image that is too large to be held."""
    with images.opened(path, team=team, in_memory=0) as image:
        made = measure.measure(image, CpuDetector(1), Params(), keep=False, team=team).report
    return made.model_copy(update={"timing_ms": {}})


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("scored", [report, read_from_the_file])
def test_any_number_of_processes_make_the_same_report(
    tmp_path: Path, dtype: str, scored: Callable[..., FocusReport]
) -> None:
    path = picture(tmp_path / "a.tif", dtype)
    alone = scored(path)
    assert alone.finding is Finding.OK
    assert alone.dof
    assert alone.dof > 50
    for size in (2, 3, 7):
        made = together(size, lambda team: scored(path, team))
        assert made[0] == alone
        assert all(other.dof is None and other.finding is Finding.OK for other in made[1:])


def test_more_processes_than_rows_of_blocks_do_too(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.tif", "uint8", (47, 300))
    assert together(5, lambda team: report(path, team))[0] == report(path)


@pytest.mark.parametrize("height", [1, 15, 16, 47, 160, 505])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
def test_shares_are_all_rows_once_and_whole_blocks(height: int, size: int) -> None:
    found = shares(height, size)
    assert len(found) == size
    assert (found[0][0], found[-1][1]) == (0, height)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(top % 16 == 0 or top == bottom == height for top, bottom in found)
    blocks = [row for rows in found for row in range(height // 16)[block_rows(rows)]]
    assert blocks == list(range(height // 16))


@pytest.mark.parametrize("bad", [0, 300, 504])
def test_what_is_wrong_in_the_rows_of_one_is_said_by_all(tmp_path: Path, bad: int) -> None:
    path = picture(tmp_path / "a.tif", "float32")
    pixels = tifffile.imread(path)
    pixels[bad, 10] = np.nan
    tifffile.imwrite(path, pixels)
    alone = report(path)
    assert alone.finding is Finding.INVALID
    assert all(made == alone for made in together(3, lambda team: report(path, team))[:1])


def test_values_that_are_none_are_left_out_by_all(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.tif", "float32")
    pixels = tifffile.imread(path)
    pixels[100:104, 30] = -9999
    tifffile.imwrite(path, pixels)
    alone = report(path)
    assert alone.image.tags["left_out"]
    assert together(3, lambda team: report(path, team))[0] == alone


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_file_that_one_process_does_not_see_is_what_the_report_says(tmp_path: Path, missing: int) -> None:
    path = picture(tmp_path / "a.tif", "uint8")
    elsewhere = tmp_path / "not_mounted.tif"
    made = together(3, lambda team: report(elsewhere if team.number == missing else path, team))
    assert {one.finding for one in made} == {Finding.UNREADABLE}
    assert {one.finding_detail for one in made} == {"no such file (moved or deleted?); check the path"}


def test_another_revision_on_one_node_is_a_file_that_changes(tmp_path: Path) -> None:
    path, other = picture(tmp_path / "a.tif", "uint8"), picture(tmp_path / "b.tif", "uint8")
    os.utime(other, ns=(1, 1))
    made = together(2, lambda team: report(other if team.number else path, team))
    assert {one.finding for one in made} == {Finding.INCOMPLETE}
