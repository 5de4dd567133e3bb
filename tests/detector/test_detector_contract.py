"""One suite over every backend: the same detections as the oracle, whatever the image, the ladder and the processor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from tests.rigs.pictures import params, picture, places

from mhfd import native, scales, stretch
from mhfd.contract.params import Params
from mhfd.detector import Detector, Features
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.dct import DctDetector
from mhfd.detector.paper import PaperDetector
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import OnCpu
from mhfd.errors import UsageError

REFLECTING: dict[str, Callable[[], Detector]] = {
    "dct": lambda: DctDetector(threads=1),
    **{f"cpu-{level}": functools.partial(CpuDetector, 1, level=level) for level in native.levels()},
}
BACKENDS: dict[str, Callable[[], Detector]] = {**REFLECTING, "fft": lambda: StreamDetector(OnCpu(1))}
ALL = {"paper": PaperDetector, **BACKENDS}
LEVELS = native.levels()


@dataclass(frozen=True)
class Case:
    """One image and one set of parameters, named for what it is hard for."""

    name: str
    shape: tuple[int, int]
    params: Params
    dtype: str = "uint8"
    content: str = "blobs"

    def __str__(self) -> str:
        return self.name


CASES = (
    Case("n16", (384, 352), params(n=16, min_t=1, max_t=16)),
    Case("n32_wide", (320, 384), params(n=32, min_t=1, max_t=32)),
    Case("n32_dense", (256, 320), params(n=32, min_t=1, max_t=16)),
    Case("no_gate", (256, 256), params(n=16, min_t=1, max_t=16, gate="none", threshold=0)),
    Case("noise_gate", (256, 256), params(n=16, min_t=1, max_t=16, gate="noise", threshold=4)),
    Case("dark_text", (256, 272), params(n=16, min_t=1, max_t=16, polarity="dark", ladder="text"), "uint16"),
    Case("float", (240, 320), params(n=16, min_t=1, max_t=16, polarity="dark"), "float32"),
    Case("odd", (301, 255), params(n=16, min_t=1, max_t=16)),
    Case("prime", (257, 263), params(n=32, min_t=1, max_t=32), "uint16"),
    Case("strip", (64, 5000), params(n=16, min_t=1, max_t=16)),
    Case("pole", (1999, 33), params(n=16, min_t=1, max_t=16), "float32"),
    Case("smaller_than_the_scale", (37, 41), params(n=32, min_t=1, max_t=32, gate="none", threshold=0)),
    Case("multiple_of_4_only", (252, 244), params(n=16, min_t=1, max_t=16)),
    Case("finest", (200, 200), params(n=6, min_t=0.5, max_t=2)),
    Case("one_scale", (200, 216), params(n=1, min_t=2, max_t=5, ladder="text")),
    Case("ends_on_a_base_plane", (200, 216), params(n=3, min_t=1, max_t=2.5, ladder="code")),
    Case("coarse_only", (256, 320), params(n=8, min_t=24, max_t=60, gate="none", threshold=0)),
    Case("great_steps", (256, 256), params(n=3, min_t=1, max_t=21, threshold=0.002), content="texture"),
    Case("small_steps", (160, 192), params(n=100, min_t=1, max_t=16)),
    Case("texture", (384, 320), params(n=16, min_t=1, max_t=16), content="texture"),
    Case("steps_and_saturation", (256, 320), params(n=16, min_t=1, max_t=16), content="boxes"),
    Case("more_than_one_tile", (560, 2100), params(n=6, min_t=1, max_t=4)),
)


@functools.cache
def truth(case: Case) -> Features:
    return PaperDetector().detect(picture(case.shape, case.dtype, case.content), case.params, sigma_floor=0.5)


def iou(a: Features, b: Features) -> float:
    one, other = places(a), places(b)
    return len(one & other) / max(1, len(one | other))


def ordered(found: Features) -> bool:
    place = found.y.astype(np.int64) * found.shape[1] + found.x
    return bool((np.diff(place) > 0).all())


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_finds_what_the_oracle_finds(backend: str, case: Case) -> None:
    image = picture(case.shape, case.dtype, case.content)
    found, expected = BACKENDS[backend]().detect(image, case.params, sigma_floor=0.5), truth(case)
    assert len(expected) >= 8, "the case shows nothing"
    assert found.shape == expected.shape == case.shape
    assert found.limits == expected.limits
    assert ordered(found)
    few = 1 / len(expected)  # a single near-tie may fall either way
    assert abs(len(found) / len(expected) - 1) <= max(0.003, few)
    assert iou(found, expected) >= min(0.995, 1 - 2 * few)
    both = sorted(places(found) & places(expected))
    response = {(y, x): r for y, x, r in zip(expected.y.tolist(), expected.x.tolist(), expected.response, strict=True)}
    mine = {(y, x): r for y, x, r in zip(found.y.tolist(), found.x.tolist(), found.response, strict=True)}
    np.testing.assert_allclose([mine[p[:2]] for p in both], [response[p[:2]] for p in both], rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 40), (3, 5), (7, 8), (16, 17), (8, 9)], ids=str)
def test_tiny_images(backend: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(shape).integers(0, 256, shape).astype(np.uint8)
    ladder = params(n=16, min_t=1, max_t=16)
    found, expected = BACKENDS[backend]().detect(image, ladder), PaperDetector().detect(image, ladder)
    assert places(found) == places(expected)


@pytest.mark.parametrize("backend", ALL)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_has_no_features(backend: str, dtype: str, value: int) -> None:
    found = ALL[backend]().detect(np.full((50, 70), value, dtype), params(gate="none", threshold=0))
    assert len(found) == 0
    assert found.limits == (value, value)
    assert found.shape == (50, 70)
    assert [a.dtype.name for a in (found.y, found.x, found.scale, found.response)] == [
        "int32",
        "int32",
        "uint8",
        "float32",
    ]


@pytest.mark.parametrize("backend", ALL)
def test_a_flat_background_has_no_features(backend: str) -> None:
    """Saturated and empty parts are plateaus of rounding, not of response."""
    image = np.zeros((200, 240), np.uint8)
    image[60:80, 60:90] = 200
    found = ALL[backend]().detect(image, params(n=8, min_t=1, max_t=8, gate="none", threshold=0))
    assert 0 < len(found) < 200
    assert found.y.max() < 160
    assert found.x.max() < 170


@pytest.mark.parametrize("level", LEVELS)
def test_every_pixel_of_a_plateau_counts(level: str) -> None:
    """A line two pixels wide: every pixel of it equals its neighbours, bit for bit, at full resolution."""
    image = np.zeros((48, 40), np.uint8)
    image[:, 17:19] = 255
    ladder = params(n=1, min_t=1, max_t=2, ladder="text", low_percent=0, high_percent=0)
    found = CpuDetector(1, level=level).detect(image, ladder)
    assert set(found.x.tolist()) == {17, 18}
    assert len(found) == 2 * 48


@pytest.mark.parametrize("backend", ALL)
def test_floors_are_respected(backend: str) -> None:
    image = picture((256, 256), "uint8", "blobs")
    detector = ALL[backend]()
    for gated in (params(threshold=0.2), params(gate="noise", threshold=5)):
        found = detector.detect(image, gated, sigma_floor=3.0)
        lo, hi = found.limits
        floor = scales.floors(gated, 3.0 / (hi - lo))
        assert len(found) > 0
        assert (found.response > floor[found.scale]).all()
        free = detector.detect(image, params(gate="none", threshold=0))
        kept = free.response > floor[free.scale]
        assert set(zip(free.y[kept].tolist(), free.x[kept].tolist(), strict=True)) == {p[:2] for p in places(found)}


@pytest.mark.parametrize("backend", ALL)
def test_limits_are_those_of_the_stretch(backend: str) -> None:
    image = picture((256, 256), "uint16", "blobs")
    p = params(low_percent=3, high_percent=1)
    assert ALL[backend]().detect(image, p).limits == stretch.limits(image, p)


@pytest.mark.parametrize("backend", REFLECTING)
def test_what_is_not_supported_is_refused(backend: str) -> None:
    detector = REFLECTING[backend]()
    for wrong in (params(border="wrap"), params(truncate=4), params(resize=(64, 64))):
        assert not detector.supports(wrong)
        with pytest.raises(UsageError, match="use 'paper'"):
            detector.detect(picture((256, 256), "uint8", "blobs"), wrong)
    with pytest.raises(UsageError, match="threads"):
        DctDetector(threads=0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [(560, 2100), (301, 255)], ids=str)
def test_the_result_does_not_depend_on_the_threads(level: str, shape: tuple[int, int]) -> None:
    """Bit for bit: other threads mean other tiles."""
    image = picture(shape, "uint8", "blobs")
    p = params(n=16, min_t=1, max_t=16, gate="none", threshold=0)
    one = CpuDetector(1, level=level).detect(image, p)
    for threads in (2, 5, 16):
        many = CpuDetector(threads, level=level).detect(image, p)
        for field in ("y", "x", "scale", "response"):
            np.testing.assert_array_equal(getattr(one, field), getattr(many, field))
    assert ordered(one)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_instruction_levels_agree(level: str) -> None:
    image = picture((384, 320), "uint8", "texture")
    p = params(n=16, min_t=1, max_t=16, gate="none", threshold=0)
    best, other = (CpuDetector(1, level=each).detect(image, p) for each in (LEVELS[0], level))
    assert iou(best, other) >= 0.999


def test_a_view_is_scored_like_its_copy() -> None:
    whole = picture((384, 352), "uint8", "blobs")
    view = whole[30:300:1, 11:300]
    for backend in BACKENDS.values():
        assert places(backend().detect(view, params())) == places(backend().detect(view.copy(), params()))


def test_wrong_pixels_are_refused() -> None:
    for wrong in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float64), np.zeros((0, 4), np.uint8)):
        with pytest.raises(UsageError, match="pixels"):
            CpuDetector(1).detect(wrong, params())
    with pytest.raises(UsageError, match="threads"):
        CpuDetector(0)
