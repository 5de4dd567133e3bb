"""Where nobody insists on a GPU, an image that is too large for it is computed on the CPU, and the report says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.fake_cupy import fake_cupy

import mhfd
from mhfd import api, images, simulate
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.detector import choose
from mhfd.detector.gpu import GpuDetector
from mhfd.errors import DeviceUnavailable
from mhfd.limits import Limits

SIDES = (200, 160)
FEWER = Limits(max_held_pixels=SIDES[0] * SIDES[1] - 1)
TOO_LARGE = f"; no GPU: an image of more than {FEWER.held} pixels does not go there"


@pytest.fixture
def with_gpu(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def of(room: int) -> None:
        monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated, room=room))
        detector = GpuDetector()
        monkeypatch.setattr(choose, "_gpu", lambda: detector)
        monkeypatch.setattr(choose, "_gpu_works", lambda: True)

    monkeypatch.setattr(images, "ROWS_TOGETHER", 64)  # of a test's image that is few
    return of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, simulate.section(SIDES, seed=1, z=0).astype(np.uint8), rowsperstrip=16)
    return path


def but_for_who(report: FocusReport) -> dict[str, object]:
    return report.model_dump(exclude={"timing_ms": True, "provenance": {"device"}})


def test_an_image_that_the_gpu_takes_is_its(with_gpu: Callable[[int], None], path: Path) -> None:
    with_gpu(1 << 30)
    report = mhfd.score(path)
    assert (report.provenance.backend, report.provenance.device) == ("gpu", "Emulated GPU")
    assert report.dof


def test_a_larger_one_goes_to_the_cpu(with_gpu: Callable[[int], None], path: Path) -> None:
    with_gpu(1 << 30)
    report, alone = mhfd.score(path, limits=FEWER, threads=1), mhfd.score(path, device="cpu", threads=1)
    assert but_for_who(report) == but_for_who(alone)
    assert report.provenance.device == alone.provenance.device + TOO_LARGE
    assert "no GPU" not in mhfd.score(path, limits=FEWER, device="cpu").provenance.device


def test_who_insists_is_told(with_gpu: Callable[[int], None], path: Path) -> None:
    with_gpu(1 << 30)
    refused = mhfd.score(path, limits=FEWER, device="gpu")
    assert refused.finding is Finding.UNREADABLE
    assert "the backend 'gpu' takes all of it at once; use device cpu" in str(refused.finding_detail)
    assert api.measure(path, limits=FEWER).report.finding is Finding.UNREADABLE


def test_one_for_which_the_gpu_has_no_room_goes_to_the_cpu(with_gpu: Callable[[int], None], path: Path) -> None:
    with_gpu(1000)
    alone, told = mhfd.score(path, device="cpu", threads=1), []
    file = os.open(path, os.O_RDONLY)
    try:
        opened = images.OpenFile("named otherwise.tif", file)
        report = mhfd.score(opened, threads=1, look=lambda rows: told.append(rows.shape))
    finally:
        os.close(file)
    assert report.image.path == "named otherwise.tif"
    assert report.image.sha256 == alone.image.sha256
    assert (report.dof, report.cells, report.profile) == (alone.dof, alone.cells, alone.profile)
    assert told == [SIDES]
    device = report.provenance.device.removeprefix(alone.provenance.device)
    assert device.startswith("; no GPU: Emulated GPU has no room for the ")
    with pytest.raises(DeviceUnavailable, match="has no room"):
        mhfd.score(path, device="gpu")
