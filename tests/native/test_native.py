"""The compiled library: it is here, it is the best one, and its raw-pixel functions equal their NumPy twins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import native, stretch
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd.threads import cpu_name, thread_count

DTYPES = ("uint8", "uint16", "float32")


def image(dtype: str, shape: tuple[int, int] = (301, 277)) -> NDArray[Any]:
    values = np.random.default_rng(1).normal(0.5, 0.2, shape)
    if dtype == "float32":
        return values.astype(np.float32)
    return (values.clip(0, 1) * np.iinfo(dtype).max).astype(dtype)


def in_a_process(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(native.__file__).parents[2])
    path = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_kernel_is_built_and_the_best_is_loaded() -> None:
    """An install without it is only made on purpose (MHFD_NO_KERNEL=1), and not where tests run."""
    info = native.kernel_info()
    assert info.available, info.reason
    assert info.level == native.levels()[0]
    assert info.path is not None
    assert Path(info.path).exists()


def test_every_level_loads_in_its_own_process() -> None:
    code = "from mhfd import native; print(native.kernel_info().level, native.library() is not None)"
    for level in native.levels():
        assert in_a_process(code, MHFD_KERNEL=level).stdout.split() == [level, "True"]


def test_without_a_kernel_everything_still_answers() -> None:
    code = (
        "import numpy as np; from mhfd import native; a = np.arange(256, dtype=np.uint8).reshape(16, 16)\n"
        "print(native.kernel_info().level, native.histogram(a).sum(), float(native.block_stats(a)[0][0, 0]))"
    )
    done = in_a_process(code, MHFD_KERNEL="none")
    assert done.stdout.split() == ["None", "256", "127.5"], done.stderr


@pytest.mark.parametrize("call", ["kernel_info()", "library('v9')"])
def test_a_level_that_is_not_here_is_refused_by_name(call: str) -> None:
    environ = {"MHFD_KERNEL": "v9"} if call == "kernel_info()" else {}
    done = in_a_process(f"from mhfd import native; native.{call}", **environ)
    assert "UsageError" in done.stderr
    assert "'v9' is not one of those built here" in done.stderr


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (301, 277), (1024, 2050)], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
def test_histogram_counts_every_pixel(dtype: str, shape: tuple[int, int], threads: int) -> None:
    pixels = image(dtype, shape)
    size = 256 if dtype == "uint8" else 65536
    np.testing.assert_array_equal(
        native.histogram(pixels, threads=threads), np.bincount(pixels.ravel(), minlength=size)
    )


def test_histogram_of_a_view_and_of_the_wrong_type() -> None:
    pixels = image("uint8")
    np.testing.assert_array_equal(native.histogram(pixels[3:, 5:]), np.bincount(pixels[3:, 5:].ravel(), minlength=256))
    with pytest.raises(UsageError, match="float32"):
        native.histogram(image("float32"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [2, 7, 16, 128])
def test_block_statistics_equal_numpy(dtype: str, block: int) -> None:
    pixels = image(dtype, (1100, 1037))
    one = native.block_stats(pixels, block=block, threads=1)
    two = native.block_stats(pixels, block=block, threads=2)
    twin = native._block_stats_numpy(pixels, block)
    for a, b, c in zip(one, two, twin, strict=True):
        assert a.shape == (1100 // block, 1037 // block)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=0 if dtype != "float32" else 1e-6)


def test_block_statistics_say_what_they_say() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:640, :640]
    pixels = (1000 + 3 * y + 2 * x + rng.normal(0, 5, y.shape)).astype(np.float32)  # a plane, with noise
    mean, diagonal, low, high = native.block_stats(pixels)
    assert mean[0, 0] == pytest.approx(pixels[:16, :16].mean(), rel=1e-6)
    assert diagonal.mean() == pytest.approx(25, rel=0.03)
    assert (low[3, 5], high[3, 5]) == (pixels[48:64, 80:96].min(), pixels[48:64, 80:96].max())


def test_block_statistics_of_less_than_a_block_and_of_wrong_arguments() -> None:
    assert native.block_stats(image("uint8", (15, 90)))[0].shape == (0, 5)
    with pytest.raises(UsageError, match="block"):
        native.block_stats(image("uint8"), block=1)
    with pytest.raises(UsageError, match="pixels"):
        native.block_stats(np.zeros((32, 32)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_are_order_statistics(dtype: str) -> None:
    pixels = image(dtype)
    ordered = np.sort(pixels.ravel())
    lo, hi = stretch.limits(pixels, Params(low_percent=2, high_percent=5))
    assert (lo, hi) == (ordered[round(0.02 * pixels.size)], ordered[pixels.size - 1 - round(0.05 * pixels.size)])


PEAK = """
import sys
import numpy as np
from mhfd.contract import Params
from mhfd.detector.cpu import CpuDetector
tile = np.random.default_rng(0).integers(0, 256, (128, 128)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
pixels = np.tile(tile, (8, 8))
params = Params(n=int(sys.argv[1]), min_t=1, max_t=16, gate="absolute", threshold=float(sys.argv[2]))
assert len(CpuDetector(1).detect(pixels, params)) > 1000
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux's /proc")
def test_memory_is_small_and_flat_in_the_number_of_scales() -> None:
    """4096 x 4096: a peak of 450 MB at most, within 5% from 16 scales to 64, with as many features: they are kept."""
    peak = {n: int(in_a_process(PEAK, str(n), at).stdout) / 1024 for n, at in ((16, "0.3"), (64, "0.4"))}
    assert max(peak.values()) < 450
    assert peak[64] < 1.05 * peak[16]


def cgroup(root: Path, line: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(line + "\n")
    for name, content in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("0::/", {}, 8),
        ("0::/", {"cpu.max": "max 100000"}, 8),
        ("0::/", {"cpu.max": "350000 100000"}, 3),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/job/step", {"job/cpu.max": "200000 100000", "job/step/cpu.max": "max 100000"}, 2),
        ("0::/host/path", {"cpu.max": "400000 100000"}, 4),
        ("4:cpu,cpuacct:/job", {"cpu,cpuacct/job/cpu.cfs_quota_us": "500000",
                                "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, 5),
        ("4:cpu:/job", {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"}, 8),
        ("3:memory:/job", {"cpu/cpu.cfs_quota_us": "100000"}, 8),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("eight")
def test_threads_obey_the_cgroup(tmp_path: Path, line: str, files: dict[str, str], expected: int) -> None:
    assert thread_count(environ={}, root=cgroup(tmp_path, line, files)) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SLURM_CPUS_PER_TASK": "4"}, 4),
        ({"SLURM_CPUS_PER_TASK": "64"}, 8),
        ({"MHFD_THREADS": "2"}, 2),
        ({"MHFD_THREADS": "99"}, 8),
        ({"SLURM_CPUS_PER_TASK": "3", "MHFD_THREADS": "6"}, 3),
        ({"MHFD_THREADS": " "}, 8),
    ],
)
@pytest.mark.usefixtures("eight")
def test_threads_obey_slurm_and_the_user(tmp_path: Path, environ: dict[str, str], expected: int) -> None:
    assert thread_count(environ=environ, root=tmp_path) == expected


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_wrong_thread_count_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError, match="MHFD_THREADS"):
        thread_count(environ={"MHFD_THREADS": value}, root=tmp_path)


def test_the_processor_has_a_name() -> None:
    assert cpu_name()
