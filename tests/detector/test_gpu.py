"""The GPU kernel on a GPU: `make gpu-check` runs this on a machine that has one.

Needs CuPy, NumPy, SciPy and pytest, and no other package: it must import nothing that the bare machine lacks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray
from tests.detector import counting

from mhfd.contract.params import Params
from mhfd.detector import Features, gpu_plan
from mhfd.detector.gpu import GpuDetector
from mhfd.detector.gpu_device import CudaDevice
from mhfd.detector.paper import PaperDetector
from mhfd.rows import InMemory

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device() -> CudaDevice:
    return CudaDevice()


@pytest.fixture
def detector(device: CudaDevice) -> GpuDetector:
    return GpuDetector(machine=device)


def texture(shape: tuple[int, int], dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    """Structure at several sizes, with noise."""
    rng = np.random.default_rng(seed)
    canvas = sum(
        (
            w * s * scipy.ndimage.gaussian_filter(rng.normal(size=shape), s)
            for s, w in ((1, 1), (2.5, 2), (6, 3), (14, 4))
        ),
        start=np.zeros(shape),
    )
    canvas = np.clip(128 + 18 * canvas + rng.normal(0, 3, shape), 0, 255)
    factor = {"uint8": 1.0, "uint16": 257.0, "float32": 0.37}[dtype]
    pixels: NDArray[Any] = (canvas * factor).astype(dtype)
    return pixels


def places(found: Features) -> set[tuple[int, int]]:
    return set(zip(found.y.tolist(), found.x.tolist(), strict=True))


def assert_same(found: Features, expected: Features) -> None:
    one, other = places(found), places(expected)
    assert len(other) > 0
    assert found.limits == pytest.approx(expected.limits)
    assert len(one & other) >= 0.995 * len(one | other) or len(one ^ other) <= 2
    assert abs(len(one) - len(other)) <= max(1, 0.003 * len(other))


PARAMS = {
    "n16": {"n": 16},
    "n32": {"n": 32},
    "dark_text": {"n": 16, "ladder": "text", "polarity": "dark"},
    "absolute": {"n": 16, "gate": "absolute", "threshold": 0.05},
    "none": {"n": 12, "max_t": 30.0, "gate": "none", "threshold": 0},
}


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_detections_are_the_oracles(detector: GpuDetector, name: str, dtype: str) -> None:
    params = Params(**PARAMS[name])  # type: ignore[arg-type]  # one table of mixed fields
    pixels = texture((512, 480), dtype)
    expected = PaperDetector().detect(pixels, params, sigma_floor=1.0)
    assert_same(detector.detect(pixels, params, sigma_floor=1.0), expected)


@pytest.mark.parametrize("shape", [(1024, 1024), (64, 5000), (769, 1021), (257, 33), (16, 16)], ids=str)
def test_any_size(detector: GpuDetector, shape: tuple[int, int]) -> None:
    pixels = texture(shape)
    assert_same(detector.detect(pixels, Params()), PaperDetector().detect(pixels, Params()))


def test_the_graph_serves_every_image(detector: GpuDetector) -> None:
    for seed in range(4):
        pixels = texture((300, 420), "uint16", seed=seed)
        assert_same(detector.detect(pixels, Params()), PaperDetector().detect(pixels, Params()))


def test_the_same_image_gives_the_same_features(detector: GpuDetector) -> None:
    pixels = texture((640, 512))
    one, other = detector.detect(pixels, Params()), detector.detect(pixels, Params())
    for name in ("y", "x", "scale", "response"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_threads_may_share_a_detector(detector: GpuDetector) -> None:
    images = [texture((200 + 16 * (k % 3), 256), seed=k) for k in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pixels: places(detector.detect(pixels, Params())), images))
    assert together == [places(detector.detect(pixels, Params())) for pixels in images]


def test_no_peak_is_dropped_when_the_list_is_too_short(detector: GpuDetector) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (512, 512)).astype(np.uint8)
    params = Params(n=2, min_t=0.5, max_t=1, gate="none", threshold=0)
    expected = PaperDetector().detect(pixels, params)
    assert len(expected) > gpu_plan.build((512, 512), "uint8", params).capacity
    assert_same(detector.detect(pixels, params), expected)


@pytest.mark.parametrize("number", range(12))
def test_sees_and_counts_as_the_host_does(detector: GpuDetector, number: int) -> None:
    assert not counting.differences(detector, counting.picture(number), counting.PARAMS[number % 4])


def test_threads_see_and_count_together(detector: GpuDetector) -> None:
    images = [InMemory(texture((256, 320), seed=k)) for k in range(12)]

    def counts(rows: InMemory) -> Any:
        detector.survey(rows, Params())
        return detector.count(rows, Params(), None).by_block.tolist()

    alone = [counts(rows) for rows in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(counts, images)) == alone


def test_constant_image_has_no_features(detector: GpuDetector) -> None:
    assert len(detector.detect(np.full((100, 100), 7, np.uint8), Params(gate="none", threshold=0))) == 0


def test_memory_is_what_the_plan_says(device: CudaDevice) -> None:
    pool = device.cupy.get_default_memory_pool()
    before = pool.used_bytes()
    plan = gpu_plan.build((2048, 2048), "uint16", Params(n=64))
    loaded = device.load(plan)
    assert pool.used_bytes() - before <= 24 * 2048 * 2048
    assert loaded.arena.nbytes == plan.device_bytes


def test_kernels_keep_their_values_in_registers(device: CudaDevice) -> None:
    for name, kernel in device.kernels.items():
        assert kernel.local_size_bytes <= 64, name
