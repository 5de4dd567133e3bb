"""The published algorithm through FFTs: every parameter as the oracle has it, in the memory that it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from benchmarks import _streaming
from tests.rigs.device_arrays import PretendGpu, pretend
from tests.rigs.facility import SHARP, Facility, asked, codes
from tests.rigs.pictures import params, picture, places
from tests.rigs.typed import typed_here

import mhfd
from mhfd import stretch
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.detector import Detector, Features, choose, stream
from mhfd.detector.paper import PaperDetector, local_maxima, resize_bilinear
from mhfd.detector.stream import PRECISIONS, StreamDetector, bytes_of, continued
from mhfd.detector.stream_arrays import OnCpu, OnGpu
from mhfd.errors import DeviceUnavailable, UsageError

TEXT, CODE = Params.preset("paper_text"), Params.preset("paper_code")
SMALL_CODE = CODE.model_copy(update={"resize": (200, 160)})
PUBLISHED = {
    "as printed": ((150, 131), TEXT, "uint16"),
    "the authors' script": ((230, 190), SMALL_CODE, "uint8"),
    "enlarged, float": ((70, 90), SMALL_CODE, "float32"),
    "circular, prime": ((127, 131), params(border="wrap", n=16, max_t=16), "uint8"),
    "circular, noise": ((96, 128), params(border="wrap", n=8, max_t=8, gate="noise", threshold=4), "uint16"),
    "wider than the image": ((40, 33), params(border="wrap", n=5, max_t=60, gate="none", threshold=0), "uint8"),
    "cut off": ((120, 140), params(truncate=2, n=12, max_t=12), "uint8"),
    "cut off, circular, dark": ((99, 140), params(truncate=3, border="wrap", polarity="dark", n=12), "float32"),
    "all beyond the fused kernel": ((90, 80), params(n=3, min_t=1, max_t=30, threshold=0.002), "uint16"),
}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendGpu]:
    """A device that is there, for `choose` too."""
    kept = (choose._gpu_arrays, choose._streaming, choose._gpu_works, choose._ffts_work)
    for function in kept:
        function.cache_clear()
    monkeypatch.delenv(stream.VARIABLE, raising=False)
    yield pretend(monkeypatch, PretendGpu())
    for function in kept:
        function.cache_clear()


def agree(found: Features, expected: Features, *, within: float = 5e-7) -> None:
    """The stated tolerance: the same places and scales but for ties, responses within .5e-6 of the stretched image."""
    assert len(expected) >= 8, "the case shows nothing"
    assert (found.shape, found.limits) == (expected.shape, expected.limits)
    one, other = places(found), places(expected)
    assert len(one ^ other) <= 0.001 * len(other)
    both = one & other

    def responses(features: Features) -> list[float]:
        three = (features.y.tolist(), features.x.tolist(), features.scale.tolist())
        return [r for *at, r in zip(*three, features.response.tolist(), strict=True) if tuple(at) in both]

    np.testing.assert_allclose(responses(found), responses(expected), rtol=0, atol=within)


@pytest.mark.parametrize("case", PUBLISHED)
def test_everything_is_as_the_oracle_has_it(case: str, gpu: PretendGpu) -> None:
    shape, asked_for, dtype = PUBLISHED[case]
    image = picture(shape, dtype, "texture")
    expected = PaperDetector().detect(image, asked_for, sigma_floor=0.5)
    on_gpu = choose.choose(asked_for, device="gpu")
    assert (on_gpu.name, on_gpu.device) == ("gpu-fft", "Pretended GPU, cuFFT")
    assert on_gpu.supports(asked_for)
    agree(on_gpu.detect(image, asked_for, sigma_floor=0.5), expected)
    agree(StreamDetector(OnCpu(1)).detect(image, asked_for, sigma_floor=0.5), expected)
    double = StreamDetector(OnCpu(1), precision="double").detect(image, asked_for, sigma_floor=0.5)
    agree(double, expected, within=1e-12)
    # What is computed on a device is of single precision; a resized image is not, until it is stretched.
    allowed = {"float64"} if asked_for.resize else set()
    assert {kind for kind in gpu.kinds if kind in ("float64", "complex128")} <= allowed


@pytest.mark.parametrize("asked_for", [TEXT, params(n=29, max_t=20)], ids=["wrap", "reflect"])
def test_result_does_not_depend_on_how_many_scales_pass_at_once(asked_for: Params) -> None:
    image = picture((96, 100), "uint8", "blobs")
    one = StreamDetector(OnCpu(1), fft_bytes=1)
    assert one.scales_a_pass(image.shape, asked_for) == 1  # a scale at least, however small the budget
    expected = one.detect(image, asked_for)
    for fft_bytes in (4_000_000, 9_000_000, 1 << 30):
        many = StreamDetector(OnCpu(1), fft_bytes=fft_bytes)
        assert many.scales_a_pass(image.shape, asked_for) > 1
        found = many.detect(image, asked_for)
        for name in ("y", "x", "scale", "response"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_steps_are_constant_while_the_scales_fit_the_budget(gpu: PretendGpu) -> None:
    """The paper's claim: as many steps for 5 scales as for 29."""
    arrays, image = OnGpu(), picture((96, 100), "uint8", "blobs")
    steps = []
    for n in (5, 29):
        gpu.transforms.clear()
        StreamDetector(arrays).detect(image, params(border="wrap", n=n))
        steps.append(len(gpu.transforms))
    assert steps == [2, 2]
    gpu.transforms.clear()
    few = StreamDetector(arrays, fft_bytes=1_500_000)
    few.detect(image, TEXT)
    assert 1 < few.scales_a_pass(image.shape, TEXT) < 10
    assert len(gpu.transforms) == 1 + -(-29 // few.scales_a_pass(image.shape, TEXT))


@pytest.mark.parametrize("together", [1, 3, 29])
@pytest.mark.parametrize("border", ["wrap", "reflect"])
def test_memory_keeps_to_the_budget_and_does_not_grow_with_the_scales(
    gpu: PretendGpu, together: int, border: str
) -> None:
    asked_for = TEXT.model_copy(update={"border": border})
    image = picture((125, 120), "float32", "blobs")
    rows, columns = (continued(side, asked_for, PRECISIONS["single"]) for side in image.shape)
    whole, scale = bytes_of(rows, columns, PRECISIONS["single"])
    detector = StreamDetector(OnGpu(), fft_bytes=whole + together * scale)
    assert detector.scales_a_pass(image.shape, asked_for) == together
    gpu.most = 0
    detector.detect(image, asked_for)
    tables = 29 * 2 * (rows.size + columns.size) * 4
    # A transform may take up to three fifths of what a scale adds for itself, which the stand-in does not count.
    assert (whole + together * scale) / 4 < gpu.most - tables < whole + together * scale * 2 / 5
    assert gpu.used <= tables


def test_threads_take_turns(gpu: PretendGpu) -> None:
    detector = StreamDetector(OnGpu())
    images = [picture((60 + seed, 70), "uint8", "blobs") for seed in range(4)]
    alone = [detector.detect(image, TEXT) for image in images]
    gpu.most = gpu.used
    detector.detect(images[-1], TEXT)
    most = gpu.most
    with ThreadPoolExecutor(3) as pool:
        for one, other in zip(pool.map(lambda image: detector.detect(image, TEXT), images * 2), alone * 2, strict=True):
            assert places(one) == places(other)
            np.testing.assert_array_equal(one.response, other.response)
    assert gpu.most <= most  # of one image, the largest


def test_a_full_device_takes_fewer_scales_at_once_and_then_says_so(gpu: PretendGpu) -> None:
    image = picture((125, 120), "float32", "blobs")
    detector = StreamDetector(OnGpu())
    assert detector.scales_a_pass(image.shape, TEXT) == 29
    expected = detector.detect(image, TEXT)
    gpu.room, gpu.releases = 1_500_000, 0
    gpu.transforms.clear()
    found = StreamDetector(OnGpu()).detect(image, TEXT)
    np.testing.assert_array_equal(found.response, expected.response)
    assert gpu.releases >= 1
    assert gpu.transforms[-1][0] < 29
    gpu.room = 250_000
    with pytest.raises(DeviceUnavailable, match=r"Pretended GPU, cuFFT has no room for an image of 125 x 120 and one"):
        detector.detect(image, TEXT)
    gpu.room = 1 << 30
    assert len(detector.detect(image, TEXT)) == len(expected)


def test_cufft_without_memory_for_a_plan_is_a_full_device(gpu: PretendGpu) -> None:
    detector = StreamDetector(OnGpu())
    gpu.without = "plans"
    with pytest.raises(DeviceUnavailable, match="has no room"):
        detector.detect(picture((64, 64), "uint8", "blobs"), TEXT)
    assert gpu.releases == 5  # 29, 14, 7, 3 and 1 at once


@pytest.mark.parametrize("missing", ["cupy.cuda.cufft", "cupyx.scipy.fft", "plans"])
def test_what_the_transforms_lack_is_named(gpu: PretendGpu, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """CuPy does without cuFFT until the first transform."""
    gpu.without = missing
    pretend(monkeypatch, gpu)
    with pytest.raises((DeviceUnavailable, MemoryError), match=r"cuFFT|ALLOC_FAILED") as raised:
        choose.choose(TEXT, device="gpu")
    assert missing == "plans" or "cupy-cuda13x[ctk]" in str(raised.value)
    monkeypatch.setattr(choose, "_gpu_works", lambda: True)
    if missing != "plans":
        assert choose.choose(TEXT, device="auto").name == "paper"


def test_auto_takes_the_gpu_for_every_parameter(gpu: PretendGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose.choose(TEXT, device="cpu").name == "paper"  # the oracle stays what computes the presets on the CPU
    monkeypatch.setattr(choose, "_gpu_works", lambda: True)
    for asked_for in (TEXT, CODE, Params(truncate=4), Params(n=3, max_t=30)):
        assert choose.choose(asked_for, device="auto").name == "gpu-fft"
    fused = object()
    monkeypatch.setattr(choose, "_gpu", lambda: fused)
    assert choose.choose(Params(), device="auto") is fused
    assert choose.choose(Params(), device="gpu") is fused
    monkeypatch.setattr(choose, "_gpu_works", lambda: False)
    assert choose.choose(TEXT, device="auto").name == "paper"


def test_budget_is_the_arguments_then_the_environments(gpu: PretendGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    def budget(**options: Any) -> int:
        detector: Detector = choose.choose(TEXT, device="gpu", **options)
        assert isinstance(detector, StreamDetector)
        return detector.fft_bytes

    assert budget() == 2 << 30
    monkeypatch.setenv(stream.VARIABLE, "123456")
    assert budget() == 123456
    assert budget(fft_bytes=7) == 7
    for wrong in ("many", "0", "-5"):
        monkeypatch.setenv(stream.VARIABLE, wrong)
        with pytest.raises(UsageError, match=f"MHFD_FFT_BYTES: must be a whole number of bytes.*'{wrong}'"):
            budget()
    with pytest.raises(UsageError, match="fft_bytes: must be at least 1, got 0"):
        budget(fft_bytes=0)
    for detector in ({"fft_bytes": 0}, {"precision": "half"}):
        with pytest.raises(UsageError, match=next(iter(detector))):
            StreamDetector(OnCpu(1), **detector)


def test_score_as_typed(gpu: PretendGpu, tmp_path: Path) -> None:
    path = tmp_path / "tile.tif"
    tifffile.imwrite(path, SHARP)
    code, said = typed_here(["score", str(path), "--device", "gpu", "--params", "paper_text", "--json"])
    assert code == 0, said
    told, expected = json.loads(said), mhfd.score(path, params="paper_text", device="cpu")
    assert (told["provenance"]["backend"], told["provenance"]["device"]) == ("gpu-fft", "Pretended GPU, cuFFT")
    assert expected.provenance.backend == "paper"
    assert expected.dof is not None
    assert told["dof"] == pytest.approx(expected.dof, rel=0.001)
    assert sum(scale["count"] for scale in told["scales"]) == told["dof"]


def test_endpoint_scores_so_too_and_counts_the_seconds_of_its_gpu(
    gpu: PretendGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facility = Facility(tmp_path, monkeypatch)
    path = facility.image("a.tif")
    facility.allow(device="gpu", fft_bytes=1_000_000)
    response = asked(paths=[path], params=TEXT.model_dump(mode="json"))
    assert response.ok, response.errors
    report, expected = FocusReport.model_validate(response.reports[0]), mhfd.score(path, params=TEXT, device="cpu")
    assert (report.provenance.backend, report.dof) == ("gpu-fft", expected.dof)
    assert facility.lines()[-1]["gpu_s"] > 0
    gpu.room = 100_000
    response = asked(paths=[path], params=TEXT.model_dump(mode="json"))
    assert codes(response) == [Code.OUT_OF_MEMORY]
    assert "has no room for an image of 192 x 192" in response.errors[0].why


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_limits_are_exact_order_statistics(gpu: PretendGpu, dtype: str) -> None:
    image = picture((83, 121), dtype, "texture")
    for low, high in ((0.0, 0.0), (3.0, 1.0), (49.0, 49.0)):
        asked_for = params(border="wrap", low_percent=low, high_percent=high)
        found = choose.choose(asked_for, device="gpu").detect(image, asked_for)
        assert found.limits == stretch.limits(image, asked_for)


def test_a_constant_image_has_no_features(gpu: PretendGpu) -> None:
    detector = choose.choose(TEXT, device="gpu")
    for pixels in (np.full((50, 70), 7, np.uint16), np.full((1, 1), 3, np.float32)):
        found = detector.detect(pixels, TEXT)
        assert len(found) == 0
        kinds = [a.dtype.name for a in (found.y, found.x, found.scale, found.response)]
        assert kinds == ["int32", "int32", "uint8", "float32"]
    with pytest.raises(UsageError, match="pixels: 0 x 5 is empty"):
        detector.detect(np.zeros((0, 5), np.uint8), TEXT)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2), (23, 31)], ids=str)
def test_every_pixel_of_a_plateau_counts(shape: tuple[int, int]) -> None:
    """Of few values there are many plateaus."""
    values = np.random.default_rng(shape).integers(0, 3, shape).astype(np.float32)
    around = stream.greatest_around(OnCpu(1), values)
    y, x = local_maxima(values, np.full(shape, -1, np.float32))
    np.testing.assert_array_equal(np.stack(np.nonzero(values == around)), np.stack([y, x]))


def test_the_lower_scale_wins_a_tie(gpu: PretendGpu) -> None:
    for arrays in (OnCpu(1), OnGpu()):
        maximum, scale = arrays.uploaded(np.zeros((1, 3), np.float32)), arrays.uploaded(np.zeros((1, 3), np.uint8))
        arrays.keep_greater(arrays.uploaded(np.array([[0, 1, 2]], np.float32)), 4, maximum, scale)
        arrays.keep_greater(arrays.uploaded(np.array([[1, 1, 2.5]], np.float32)), 9, maximum, scale)
        assert arrays.downloaded(scale).tolist() == [[9, 4, 9]]
        assert arrays.downloaded(maximum).tolist() == [[1, 1, 2.5]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(16, 200), (97, 53), (64, 64)], ids=str)
def test_resizing_is_the_oracles_bit_for_bit(gpu: PretendGpu, dtype: str, shape: tuple[int, int]) -> None:
    image = picture((64, 64), dtype, "texture")
    arrays = OnGpu()
    np.testing.assert_array_equal(
        arrays.downloaded(stream.resized(arrays, arrays.uploaded(image), shape)), resize_bilinear(image, shape)
    )


def test_a_reflecting_border_is_continued_no_further_than_it_is_seen() -> None:
    single, reflect = PRECISIONS["single"], Params()
    assert continued(509, TEXT, single) == stream.Continued(509, 509, 0)  # circular: as it is, prime or not
    wide = continued(1024, reflect, single)
    assert wide.before == 102  # 6 sigma of 17 pixels
    assert 1024 + 2 * 102 <= wide.size < 1300
    assert continued(1024, Params(truncate=2), single).before == 34
    small = continued(60, reflect, single)
    assert (small.size, small.before) == (120, 0)
    mirrored = np.pad(np.arange(60), (0, 60), mode="symmetric")
    np.testing.assert_array_equal(small.index(), mirrored)
    np.testing.assert_array_equal(wide.index()[:1228], np.pad(np.arange(1024), 102, mode="symmetric"))


def test_transfer_functions_of_the_last_few_shapes_are_kept(gpu: PretendGpu) -> None:
    detector = StreamDetector(OnGpu())

    def uploads(shape: tuple[int, int]) -> int:
        before = gpu.uploads
        detector.detect(picture(shape, "uint8", "blobs"), TEXT)
        return gpu.uploads - before

    first, again = uploads((40, 41)), uploads((40, 41))
    assert first == again + 4
    for side in range(42, 42 + stream.KEPT):
        uploads((40, side))
    assert uploads((40, 41)) == first


def test_gpu_check_has_a_row_for_it(gpu: PretendGpu) -> None:
    arrays, image = OnGpu(), picture((96, 100), "uint8", "blobs")
    gpu.most = 0
    row = _streaming.row(arrays, "paper_text", image, TEXT, times=1)
    assert row[:3] == ["96 x 100 uint8", "paper_text", "29"]
    assert row[-1] == "1.0000"
    assert 200 < float(row[4]) < 600  # bytes a pixel
    peer = _streaming.on_cpu()
    assert (peer.name, peer.threads, peer.scales_a_pass((96, 100), TEXT)) == ("fft", 1, 1)
    assert len(peer.detect(image, TEXT)) == len(PaperDetector().detect(image, TEXT))


def test_importing_it_loads_no_cupy() -> None:
    code = "import sys, mhfd.detector.stream, mhfd.detector.choose; assert not {'cupy', 'cupyx'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
