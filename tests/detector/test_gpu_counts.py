"""What the GPU sees and counts by itself, on the emulation: what the host sees and counts, bit for bit."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.detector.counting import DTYPES, PARAMS, differences, picture
from tests.rigs.gpu_emulator import Emulator

from mhfd import api, images
from mhfd.contract.params import Params
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.gpu import BUFFERS, GpuDetector
from mhfd.errors import UsageError
from mhfd.measure import measure as measuring
from mhfd.rows import InMemory
from mhfd.survey import survey


@pytest.fixture
def machine(emulated: Callable[..., int]) -> Emulator:
    return Emulator(emulated)


@pytest.fixture
def detector(machine: Emulator) -> GpuDetector:
    return GpuDetector(machine=machine)


@pytest.mark.parametrize("number", range(16))
def test_sees_and_counts_as_the_host_does(detector: GpuDetector, number: int) -> None:
    assert not differences(detector, picture(number), PARAMS[number % len(PARAMS)])


def clipped() -> NDArray[Any]:
    pixels = picture(1, least=60, most=70)
    low, high = np.quantile(pixels, [0.3, 0.8])
    inside: NDArray[Any] = np.clip(pixels, low, high).astype(pixels.dtype)
    return inside


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((40, 50), 9, np.uint8),
        np.full((33, 47), -2.5, np.float32),
        np.zeros((32, 32), np.uint16),
        np.where(np.indices((48, 48)).sum(axis=0) % 2, 65535, 0).astype(np.uint16),
        clipped(),
        clipped().astype(np.float32) - 3e4,
    ],
    ids=["constant", "constant_float", "black", "checks", "clipped", "clipped_float"],
)
def test_extremes_are_the_hosts(detector: GpuDetector, pixels: NDArray[Any]) -> None:
    assert not differences(detector, pixels, PARAMS[0])


def test_list_too_short_for_what_counts(detector: GpuDetector, machine: Emulator) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (160, 200)).astype(np.uint8)
    assert not differences(detector, pixels, PARAMS[-1])
    count = detector.count(InMemory(pixels), PARAMS[-1], None).by_scale.sum()
    assert count > machine.loaded[0].plan.capacity


def test_what_is_not_finite_is_counted_by_the_host(detector: GpuDetector) -> None:
    pixels = np.ones((32, 48), np.float32)
    pixels[3, 4], pixels[20, 20] = np.nan, -np.inf
    assert detector.survey(InMemory(pixels), PARAMS[0]).bad == 2


def test_small_images_are_looked_at_by_the_host(detector: GpuDetector, machine: Emulator) -> None:
    rows = InMemory(np.arange(150, dtype=np.uint8).reshape(15, 10))
    assert detector.survey(rows, PARAMS[0]).counts.sum() == survey(rows).counts.sum() == 150
    assert machine.loads == 0
    with pytest.raises(UsageError, match="15 x 10"):
        detector.count(rows, PARAMS[0], None)


def tissue(dtype: str, seed: int = 3) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:130, :170].astype(np.float64)
    canvas = 120 + rng.normal(0, 4, y.shape)
    for _ in range(160):
        sigma = rng.uniform(1, 6)
        place = rng.uniform(0, 130), rng.uniform(0, 170)
        canvas += rng.uniform(-60, 60) * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * sigma**2))
    factor = {"uint8": 1.0, "uint16": 201.0, "float32": 0.37}[dtype]
    pixels: NDArray[Any] = (np.clip(canvas, 0, 255).round() * factor).astype(dtype)
    return pixels


def small(number: int) -> list[InMemory]:
    """Images of one kind."""
    return [InMemory(tissue("uint8", seed)[:40, :50].copy()) for seed in range(number)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_report_is_the_same_with_a_list_and_without(detector: GpuDetector, machine: Emulator, dtype: str) -> None:
    """Without one the device has seen and counted; with one the host has, but for finding the maxima."""
    image = images.load(tissue(dtype))
    counted = measuring.measure(image, detector, Params(), keep=False).report
    listed = measuring.measure(image, detector, Params()).report
    assert counted.dof is not None
    assert counted.dof > 20
    left_out = {"timing_ms"}
    assert counted.model_dump(exclude=left_out) == listed.model_dump(exclude=left_out)


def test_report_is_the_cpus_but_for_ties(detector: GpuDetector) -> None:
    image = images.load(tissue("uint16"))
    mine = measuring.measure(image, detector, Params(), keep=False).report
    theirs = measuring.measure(image, CpuDetector(1), Params(), keep=False).report
    assert mine.dof is not None
    assert theirs.dof is not None
    assert abs(mine.dof - theirs.dof) <= max(1, 0.003 * theirs.dof)
    assert (mine.noise, mine.tissue, mine.cross_spectrum) == (theirs.noise, theirs.tissue, theirs.cross_spectrum)
    assert mine.cells is not None
    assert theirs.cells is not None
    assert (mine.cells.tissue, mine.cells.saturated) == (theirs.cells.tissue, theirs.cells.saturated)


def test_score_uploads_an_image_once(detector: GpuDetector, machine: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "choose", lambda *_, **__: detector)
    report = api.score(tissue("uint8"))
    assert report.provenance.backend == "gpu"
    assert report.dof is not None
    assert report.dof > 20
    assert [loaded.looks for loaded in machine.loaded] == [1]
    assert api.score(tissue("uint8", seed=4)).dof != report.dof
    assert [loaded.looks for loaded in machine.loaded] == [2]  # the same buffers: nobody holds the first image


def test_an_image_that_somebody_holds_stays_until_its_buffers_are_needed(
    detector: GpuDetector, machine: Emulator
) -> None:
    several = small(3)
    alone = [detector.count(rows, PARAMS[0], None).by_scale.tolist() for rows in several]
    for rows in several:
        detector.survey(rows, PARAMS[0])
    assert len(machine.loaded) == BUFFERS
    looks = sum(loaded.looks for loaded in machine.loaded)
    assert [detector.count(rows, PARAMS[0], None).by_scale.tolist() for rows in several[1:]] == alone[1:]
    assert sum(loaded.looks for loaded in machine.loaded) == looks
    assert detector.count(several[0], PARAMS[0], None).by_scale.tolist() == alone[0]
    assert sum(loaded.looks for loaded in machine.loaded) == looks + 1


def test_an_image_that_nobody_holds_gives_its_buffers_back(detector: GpuDetector, machine: Emulator) -> None:
    for seed in range(3):
        detector.survey(InMemory(tissue("uint8", seed)[:40, :50].copy()), PARAMS[0])
        gc.collect()
    assert len(machine.loaded) == 1


def test_without_room_for_second_buffers_there_is_one(emulated: Callable[..., int]) -> None:
    machine = Emulator(emulated, sets=1)
    detector = GpuDetector(machine=machine)
    held = small(2)
    for rows in held:
        detector.survey(rows, PARAMS[0])
    assert (machine.loads, len(machine.loaded), machine.releases) == (2, 1, 1)


def test_threads_share_a_detector(detector: GpuDetector, machine: Emulator) -> None:
    held = small(4)

    def counts(rows: InMemory) -> list[int]:
        detector.survey(rows, PARAMS[0])
        return list(detector.count(rows, PARAMS[0], None).by_scale.tolist())

    alone = [counts(rows) for rows in held]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(counts, held)) == alone
    assert len(machine.loaded) == BUFFERS
