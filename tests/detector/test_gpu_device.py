"""How plans reach a CUDA device, with a stand-in for CuPy; and what is said where there is no device."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from benchmarks import gpu_check
from benchmarks._cufft import PaperChain
from tests.detector import counting
from tests.detector.counting import PARAMS, differences, picture
from tests.rigs import REPOSITORY
from tests.rigs.fake_cupy import fake_cupy

from mhfd.contract.params import PRESETS, Params
from mhfd.detector import gpu, gpu_device
from mhfd.detector.gpu import GpuDetector
from mhfd.detector.paper import PaperDetector
from mhfd.errors import DeviceUnavailable
from mhfd.rows import InMemory


@pytest.fixture
def detector(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> GpuDetector:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated))
    return GpuDetector()


def image(seed: int, shape: tuple[int, int] = (70, 90)) -> Any:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 60000, shape).astype(np.uint16)


def test_graph_finds_what_the_oracle_finds_image_after_image(detector: GpuDetector) -> None:
    assert detector.device == "Emulated GPU"
    for seed in (1, 2, 3):
        pixels = image(seed)
        found = detector.detect(pixels, Params(), sigma_floor=100.0)
        expected = PaperDetector().detect(pixels, Params(), sigma_floor=100.0)
        np.testing.assert_array_equal(found.y, expected.y)
        np.testing.assert_array_equal(found.x, expected.x)
        assert found.limits == expected.limits


def test_result_does_not_change_under_the_next_image(detector: GpuDetector) -> None:
    first, seen = detector.detect(image(1), Params()), detector.survey(InMemory(image(1)), Params())
    kept = first.response.copy(), seen.stats.mean.copy(), seen.counts.copy()
    for pixels in (image(2), image(3)):
        detector.survey(InMemory(pixels), Params())
        detector.detect(pixels, Params())
    np.testing.assert_array_equal(first.response, kept[0])
    np.testing.assert_array_equal(seen.stats.mean, kept[1])
    np.testing.assert_array_equal(seen.counts, kept[2])


@pytest.mark.parametrize("detectors", [1, 2])
def test_threads_share_a_device(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch, detectors: int) -> None:
    """Kinds of images come and go meanwhile, so that one thread loads a plan while another computes."""
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated))
    monkeypatch.setattr(gpu, "KEPT", 1)
    several = [GpuDetector() for _ in range(detectors)]
    images = [(InMemory(picture(number, kind=number % 2, most=24)), PARAMS[2]) for number in range(4)]

    def found(number: int) -> list[Any]:
        detector, (rows, params) = several[number % detectors], images[number]
        seen = detector.survey(rows, params)
        counted = detector.count(rows, params, None)
        listed = detector.detect(rows.pixels, params)  # in the other buffers, while somebody holds these
        return [seen.counts, *seen.stats, counted.by_scale, counted.by_block, listed.y, listed.x, listed.response]

    alone = [found(number) for number in range(len(images))]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(found, [*range(len(images))] * 2))
    for expected, mine in zip(alone * 2, together, strict=True):
        for one, other in zip(expected, mine, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("number", range(4))
def test_sees_and_counts_as_the_host_does(detector: GpuDetector, number: int) -> None:
    assert not differences(detector, picture(number), PARAMS[number % len(PARAMS)])


def test_longer_list_is_counted(detector: GpuDetector) -> None:
    assert not differences(detector, image(4, (150, 160)), PARAMS[-1])


def test_an_image_goes_up_in_parts(detector: GpuDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_device, "STAGED", 90 * 2 * 16)
    assert not differences(detector, image(6), Params())


def test_gpu_check_looks_at_random_images(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated))
    monkeypatch.setattr(gpu_check, "OF_A_KIND", 2)
    said, wrong = gpu_check.random_images(gpu_device.CudaDevice(), 4)
    assert (said, wrong) == ("survey and counts of 4 random images, device and host: the same", False)
    monkeypatch.setattr(counting, "differences", lambda *_: ["by_scale"])
    said, wrong = gpu_check.random_images(gpu_device.CudaDevice(), 2)
    assert wrong
    assert said.endswith("differ in 2: 0 (by_scale); 1 (by_scale)")


def test_longer_list_is_fetched(detector: GpuDetector) -> None:
    params = Params(n=2, min_t=0.5, max_t=1, gate="none", threshold=0)
    pixels = image(4, (150, 160))
    expected = PaperDetector().detect(pixels, params)
    assert len(expected) > 150 * 160 // 16
    assert abs(len(detector.detect(pixels, params)) - len(expected)) <= 1


def test_full_device_is_named(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated, room=1000))
    with pytest.raises(DeviceUnavailable, match="Emulated GPU has no room"):
        GpuDetector().detect(image(0), Params())


def test_missing_device_is_named(emulated: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated, devices=0))
    with pytest.raises(DeviceUnavailable, match=r"cudaErrorNoDevice.*device='cpu'"):
        GpuDetector()
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(emulated, devices=2))
    with pytest.raises(DeviceUnavailable, match="no CUDA device 2, only 0 to 1"):
        GpuDetector(2)


def test_without_cupy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceUnavailable, match=r"mhfd\[cuda13\]"):
        GpuDetector()


def test_importing_it_loads_no_cupy() -> None:
    code = "import sys, mhfd.detector.gpu, mhfd.detector.gpu_device; assert 'cupy' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def python(*arguments: str, first: str = "") -> subprocess.CompletedProcess[str]:
    paths = [first, str(REPOSITORY / "functions"), str(REPOSITORY)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=REPOSITORY
    )


def test_gpu_check_without_a_gpu_fails_and_says_so() -> None:
    ran = python("benchmarks/gpu_check.py")
    assert ran.returncode == 1
    assert ran.stdout.startswith("gpu-check: device: no CUDA device can be used")
    assert not ran.stderr


BARE = """
import sys
for name in ("imagecodecs", "tifffile", "click", "PIL", "rich", "pydantic_core"):
    sys.modules[name] = None
import mhfd.detector.gpu, mhfd.detector.gpu_device, mhfd.detector.paper, mhfd.native
from benchmarks import _streaming, gpu_check
from benchmarks._cufft import PaperChain
from mhfd.contract import PRESETS, Params
from tests.detector import counting
from mhfd.api import score
assert score(gpu_check.texture((128, 128), "uint16"), device="cpu").dof > 10
for params in (*PRESETS.values(), Params(n=7, gate="none", threshold=0)):
    print(sorted(vars(params).items()))
"""


def test_stand_in_for_pydantic_keeps_the_same_parameters() -> None:
    """A bare GPU machine has no pydantic: what gpu-check needs imports there, and means the same."""
    ran = python("-c", BARE, first=str(REPOSITORY / "benchmarks" / "bare"))
    assert ran.returncode == 0, ran.stderr
    real = (*PRESETS.values(), Params(n=7, gate="none", threshold=0))
    assert [ast.literal_eval(line) for line in ran.stdout.splitlines()] == [sorted(vars(p).items()) for p in real]


def test_gpu_tests_are_collected_as_gpu_check_runs_them() -> None:
    sys_path = os.pathsep.join(
        [str(REPOSITORY / "benchmarks" / "bare"), str(REPOSITORY / "functions"), str(REPOSITORY)]
    )
    options = [
        "-c",
        os.devnull,
        "--rootdir",
        str(REPOSITORY),
        "--import-mode=importlib",
        "--noconftest",
        "--collect-only",
    ]
    files = [f"tests/detector/{name}" for name in gpu_check.TESTS]
    ran = python("-m", "pytest", *options, "-q", "-p", "no:cacheprovider", *files, first=sys_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("test_detections_are_the_oracles", "test_gpu_stream.py::test_finds_what_the_oracle_finds"):
        assert name in ran.stdout


@pytest.mark.parametrize(
    ("status", "said", "clean"), [(0, "ran; ERROR SUMMARY: 0", True), (9, "FOUND ERRORS", False), (1, "exit 1", True)]
)
def test_sanitizer_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str, clean: bool
) -> None:
    program = tmp_path / "compute-sanitizer"
    program.write_text(f"#!/bin/sh\necho '========= ERROR SUMMARY: 0 errors'\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    lines, found_clean = gpu_check.sanitize()
    assert len(lines) == len(gpu_check.TOOLS)
    assert all(said in line for line in lines)
    assert found_clean is clean


def test_the_peer_computes_the_papers_chain() -> None:
    """With NumPy in CuPy's place: the same maxima as the oracle with a circular border."""
    params = Params(n=8, max_t=8, gate="absolute", threshold=0.05)
    pixels = np.clip(image(5, (96, 128)) >> 8, 0, 255).astype(np.uint8)
    names = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    chain = PaperChain(SimpleNamespace(**{**names, "asnumpy": np.asarray}), pixels.shape, params)
    expected = PaperDetector().detect(pixels, params.model_copy(update={"border": "wrap"}))
    assert len(expected) > 100
    assert chain.count(pixels) == pytest.approx(len(expected), rel=0.01)
