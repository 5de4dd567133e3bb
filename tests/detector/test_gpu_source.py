"""The GPU kernel without a GPU: its source compiles with NVRTC, and its arithmetic, run on the CPU, is the oracle's.

kernels.cu itself is compiled as C++ behind `cuda_on_cpu.h`, and the very plans that `gpu_device` hands to CUDA are
carried out there, thread by thread (`gpu_emulator`).
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cupy.cuda import nvrtc
from numpy.typing import NDArray
from tests.rigs.gpu_emulator import Emulated, Emulator

from mhfd import stretch
from mhfd.contract.params import Params
from mhfd.detector import Features, gpu_plan
from mhfd.detector.gpu import GpuDetector
from mhfd.detector.paper import PaperDetector, local_maxima
from mhfd.errors import DeviceUnavailable, UsageError


@dataclass(frozen=True)
class Case:
    name: str
    shape: tuple[int, int]
    dtype: str
    params: Params


CASES = (
    Case("square", (64, 64), "uint8", Params(n=16)),
    Case("prime", (97, 61), "uint16", Params(n=4, gate="none", threshold=0)),
    Case("low", (40, 130), "float32", Params(n=16, gate="absolute", threshold=0.02)),
    Case("dark", (67, 90), "uint8", Params(n=9, ladder="text", polarity="dark")),
    Case("tiny", (17, 21), "uint16", Params(n=6, max_t=12)),
    Case("coarse", (96, 50), "uint8", Params(n=8, min_t=5, max_t=40)),
    Case("dense", (50, 70), "float32", Params(n=48, min_t=0.5, max_t=24)),
    Case("fine", (33, 128), "uint8", Params(n=6, max_t=3)),
    Case("high", (150, 200), "uint8", Params(n=8, min_t=17, max_t=80, gate="none", threshold=0)),
    Case("wide", (20, 300), "uint8", Params(n=12, max_t=9)),
)


def image(shape: tuple[int, int], dtype: str, seed: int = 0) -> NDArray[Any]:
    """Blobs of several sizes on a gradient, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    canvas = 90 + 0.2 * x + rng.normal(0, 4, shape)
    for _ in range(max(shape[0] * shape[1] // 120, 6)):
        sigma = rng.uniform(1, 7)
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        canvas += rng.uniform(-50, 50) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2))
    canvas = np.clip(canvas, 0, 255)
    if dtype == "uint8":
        canvas = canvas.round()
    elif dtype == "uint16":
        canvas = canvas * 201 + 7
    else:
        canvas = canvas * 0.37 - 30
    pixels: NDArray[Any] = canvas.astype(dtype)
    return pixels


def places(found: Features) -> set[tuple[int, int, int]]:
    return set(zip(found.y.tolist(), found.x.tolist(), found.scale.tolist(), strict=True))


def assert_same(found: Features, expected: Features, *, differ: int = 2) -> None:
    """The same detections but for ties that rounding breaks."""
    assert found.limits == pytest.approx(expected.limits)
    assert found.shape == expected.shape
    assert len(expected) > 0
    assert len(places(found) ^ places(expected)) <= max(differ, 0.005 * len(expected))
    assert abs(len(found) - len(expected)) <= max(1, 0.003 * len(expected))
    order = found.y.astype(np.int64) * found.shape[1] + found.x
    assert (np.diff(order) > 0).all()
    mine = dict(zip(zip(found.y.tolist(), found.x.tolist(), strict=True), found.response.tolist(), strict=True))
    theirs = dict(
        zip(zip(expected.y.tolist(), expected.x.tolist(), strict=True), expected.response.tolist(), strict=True)
    )
    for place in mine.keys() & theirs.keys():
        assert mine[place] == pytest.approx(theirs[place], rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_arithmetic_is_the_oracles(emulated: Callable[..., int], case: Case) -> None:
    pixels = image(case.shape, case.dtype)
    expected = PaperDetector().detect(pixels, case.params, sigma_floor=0.5)
    found = GpuDetector(machine=Emulator(emulated)).detect(pixels, case.params, sigma_floor=0.5)
    assert_same(found, expected)


def test_order_of_threads_does_not_matter(emulated: Callable[..., int]) -> None:
    """A missing barrier shows when the threads and blocks run the other way round."""
    case = CASES[2]
    pixels = image(case.shape, case.dtype)
    one, other = (GpuDetector(machine=Emulator(emulated, backwards=way)) for way in (False, True))
    forwards, backwards = one.detect(pixels, case.params), other.detect(pixels, case.params)
    assert places(forwards) == places(backwards)
    np.testing.assert_array_equal(forwards.response, backwards.response)


@pytest.mark.parametrize("shape", [(16, 16), (50, 70), (1, 40), (33, 1)], ids=str)
def test_any_size(emulated: Callable[..., int], shape: tuple[int, int]) -> None:
    params = Params(n=10, max_t=10, gate="none", threshold=0)
    pixels = image(shape, "uint8", seed=3)
    assert_same(GpuDetector(machine=Emulator(emulated)).detect(pixels, params), PaperDetector().detect(pixels, params))


def test_the_same_plan_serves_every_image(emulated: Callable[..., int]) -> None:
    """Nothing of the last image stays in the buffers."""
    machine = Emulator(emulated)
    detector = GpuDetector(machine=machine)
    for seed in (1, 2):
        pixels = image((48, 64), "uint16", seed=seed)
        assert_same(detector.detect(pixels, Params()), PaperDetector().detect(pixels, Params()))
    assert machine.loads == 1


def test_plans_kept_are_bounded(emulated: Callable[..., int]) -> None:
    machine = Emulator(emulated)
    detector = GpuDetector(machine=machine)
    params = Params(n=4, max_t=4)
    for width in (16, 17, 18, 19, 20, 20, 16):
        detector.detect(image((16, width), "uint8"), params)
    assert machine.loads == 6


@pytest.mark.parametrize("value", [0, 200])
def test_constant_image_has_no_features(emulated: Callable[..., int], value: int) -> None:
    pixels = np.full((40, 40), value, np.uint8)
    found = GpuDetector(machine=Emulator(emulated)).detect(pixels, Params(gate="none", threshold=0))
    assert len(found) == 0
    assert found.limits == (value, value)


@pytest.mark.parametrize("percent", [(0.0, 0.0), (0.175, 3.0), (49.0, 49.0)], ids=str)
def test_limits_are_exact(emulated: Callable[..., int], percent: tuple[float, float]) -> None:
    params = Params(n=4, max_t=4, low_percent=percent[0], high_percent=percent[1])
    for dtype in ("uint8", "uint16", "float32"):
        pixels = image((37, 41), dtype)
        found = GpuDetector(machine=Emulator(emulated)).detect(pixels, params)
        assert found.limits == stretch.limits(pixels, params)


def test_no_peak_is_dropped_when_the_list_is_too_short(emulated: Callable[..., int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (160, 200)).astype(np.uint8)
    params = Params(n=2, min_t=0.5, max_t=1, gate="none", threshold=0)
    expected = PaperDetector().detect(pixels, params)
    capacity = gpu_plan.build((160, 200), "uint8", params).capacity
    assert len(expected) > capacity
    assert_same(GpuDetector(machine=Emulator(emulated)).detect(pixels, params), expected)


def test_every_pixel_of_a_plateau_counts(emulated: Callable[..., int]) -> None:
    """The last kernel alone, on a maximum over scale with plateaus inside, at a corner and across two blocks."""
    params = Params(n=4, max_t=2, gate="none", threshold=0)
    plan = gpu_plan.build((40, 160), "uint8", params)
    machine = Emulated(Emulator(emulated), plan)
    maximum = np.random.default_rng(0).uniform(0, 1, plan.shape).astype(np.float32)
    for rows, columns in (
        (slice(5, 8), slice(9, 11)),
        (slice(38, 40), slice(158, 160)),
        (slice(15, 17), slice(119, 122)),
    ):
        maximum[rows, columns] = 2
    machine.buffers["maximum"][:] = maximum.ravel()
    machine.buffers["scale"][:] = np.arange(maximum.size) % 4
    machine.buffers["result"][:] = 0
    machine.buffers["floors"][:] = [0.1, 0.2, 0.3, 1.5, 0, 0, 0, 0]
    machine.launch(plan.find)
    entries, scale = machine.peaks(int(machine.buffers["result"][0]))
    floors = np.array([0.1, 0.2, 0.3, 1.5], np.float32)[np.arange(maximum.size).reshape(plan.shape) % 4]
    y, x = local_maxima(maximum.astype(np.float64), floors)
    assert set(entries[:, 0].tolist()) == set((y * 160 + x).tolist())
    assert len(entries) == len(y)
    np.testing.assert_array_equal(scale, entries[:, 0] % 4)
    np.testing.assert_array_equal(entries[:, 1].copy().view(np.float32), maximum.ravel()[entries[:, 0]])


def test_noise_gate_follows_the_stretch(emulated: Callable[..., int]) -> None:
    pixels = image((64, 80), "uint16")
    detector = GpuDetector(machine=Emulator(emulated))
    counts = []
    for sigma in (0.0, 500.0, 2000.0):
        found = detector.detect(pixels, Params(), sigma_floor=sigma)
        assert_same(found, PaperDetector().detect(pixels, Params(), sigma_floor=sigma))
        counts.append(len(found))
    assert counts[0] > counts[1] > counts[2]


def test_memory_is_bounded_whatever_the_number_of_scales() -> None:
    for shape in ((1024, 1024), (4096, 4096), (2047, 3001)):
        for dtype in ("uint8", "uint16", "float32"):
            for n in (4, 16, 32, 64, 255):
                plan = gpu_plan.build(shape, dtype, Params(n=n))
                assert plan.device_bytes <= 24 * shape[0] * shape[1]


def test_full_device_is_emptied_then_named(emulated: Callable[..., int]) -> None:
    machine = Emulator(emulated, room=1000)
    with pytest.raises(DeviceUnavailable, match=r"emulator has no room for .* 64 x 64"):
        GpuDetector(machine=machine).detect(image((64, 64), "uint8"), Params())
    assert (machine.loads, machine.releases) == (2, 1)


@pytest.mark.parametrize(
    "changes", [{"border": "wrap"}, {"truncate": 4.0}, {"resize": (64, 64)}, {"n": 2, "max_t": 30.0}], ids=str
)
def test_what_it_cannot_compute_is_refused(emulated: Callable[..., int], changes: dict[str, Any]) -> None:
    detector = GpuDetector(machine=Emulator(emulated))
    params = Params(**changes)
    assert not detector.supports(params)
    with pytest.raises(UsageError, match="device='cpu'"):
        detector.detect(image((32, 32), "uint8"), params)


def test_wrong_pixels_are_refused(emulated: Callable[..., int]) -> None:
    detector = GpuDetector(machine=Emulator(emulated))
    for pixels in (np.zeros((4, 4)), np.zeros((2, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(UsageError, match="pixels"):
            detector.detect(pixels, Params())


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_source_compiles_without_spilling(architecture: str) -> None:
    added = ("--device-as-default-execution-space",)  # by CuPy
    program = nvrtc.createProgram(gpu_plan.source(), "kernels.cu", (), ())
    options = (*gpu_plan.compile_options(), f"-arch={architecture}", "--ptxas-options=-v", *added)
    try:
        nvrtc.compileProgram(program, options)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    log = nvrtc.getProgramLog(program)
    assert "warning" not in log
    assert set(re.findall(r"entry function '(\w+)'", log)) == set(gpu_plan.KERNELS)
    spilled = [int(n) for n in re.findall(r"(\d+) bytes spill stores", log)]
    assert len(spilled) == len(gpu_plan.KERNELS)
    assert max(spilled) <= 32
    nvrtc.destroyProgram(program)


@pytest.mark.parametrize("shape", [(4097, 4099), (65000, 66000)], ids=str)
def test_every_launch_names_a_kernel_and_fits_its_buffers(shape: tuple[int, int]) -> None:
    plan = gpu_plan.build(shape, "uint16", Params(n=32))
    known = {**{name: size for name, (_, size) in plan.buffers.items()}, **{k: v.size for k, v in plan.tables.items()}}
    for launch in plan.launches:
        assert launch.kernel in gpu_plan.KERNELS
        assert 0 < launch.blocks < 2**31
        for argument in launch.arguments:
            if not isinstance(argument, np.generic):
                name, place = (argument, 0) if isinstance(argument, str) else argument
                assert 0 <= place < known[name]


def test_the_emulator_sees_what_cuda_would_not_forgive(emulated: Callable[..., int]) -> None:
    packed = (ctypes.c_void_p * 1)(np.zeros(1, np.uint64).ctypes.data)
    assert emulated(b"recount", b"pp", 1, 32, packed, 0) == 1
    assert emulated(b"diverge", b"p", 1, 32, packed, 0) == 2
    assert emulated(b"nothing", b"p", 1, 32, packed, 0) == 3
    by = np.array([40], np.uint32)
    held = np.array([by.ctypes.data], np.uint64)
    packed = (ctypes.c_void_p * 1)(held.ctypes.data)
    assert emulated(b"shift", b"p", 1, 32, packed, 0) == 4
    out = np.zeros(2, np.uint32)
    held = np.array([out.ctypes.data], np.uint64)
    packed = (ctypes.c_void_p * 1)(held.ctypes.data)
    assert emulated(b"unset", b"p", 2, 1, packed, 0) == 0
    assert out.tolist() == [0xFFFFFFFF] * 2  # nothing of the block before
