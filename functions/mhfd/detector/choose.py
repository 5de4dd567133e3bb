"""Which detector computes these parameters on this machine.

A GPU computes everything: its fused kernel what that is made for, FFTs the rest (the paper's presets). On the CPU it is
the compiled kernel, SciPy, and the oracle for what only it does exactly. Detectors are kept, so that their buffers stay
warm. What loads SciPy is imported where it is chosen: that takes longer than an image.
"""

import ctypes
import importlib.util
import sys
from functools import cache
from typing import TYPE_CHECKING

from mhfd import native
from mhfd.contract.params import Params
from mhfd.detector import Detector, cuda, gpu_pyramid
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.gpu import GpuDetector
from mhfd.errors import DeviceUnavailable, UsageError

if TYPE_CHECKING:
    from mhfd.detector.stream_arrays import OnGpu

DEVICES = ("auto", "cpu", "gpu")


def choose(
    params: Params, *, device: str = "auto", threads: int | None = None, fft_bytes: int | None = None
) -> Detector:
    """The detector for `params` on `device`.

    Args:
        params: What is to be computed.
        device: One of `DEVICES`.
        threads: Of the CPU, at most.
        fft_bytes: Device memory for an image and the scales that pass at once through FFTs; nothing for what
            MHFD_FFT_BYTES says.
    """
    if device not in DEVICES:
        raise UsageError(f"device: {device!r} is not one of {', '.join(DEVICES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads: must be at least 1, got {threads}")
    if fft_bytes is not None and fft_bytes < 1:
        raise UsageError(f"fft_bytes: must be at least 1, got {fft_bytes}")
    fused = gpu_pyramid.computes(params)
    if device == "gpu":
        return _gpu() if fused else _gpu_fft(fft_bytes)
    if device == "auto" and _gpu_works() and (fused or _ffts_work()):
        return _gpu() if fused else _gpu_fft(fft_bytes)
    fast = _fast(threads)
    return fast if fast.supports(params) else _oracle()


@cache
def _fast(threads: int | None) -> Detector:
    if native.kernel_info().available:
        return CpuDetector(threads)
    from mhfd.detector.dct import DctDetector

    return DctDetector(threads)


def _oracle() -> Detector:
    from mhfd.detector.paper import PaperDetector

    return PaperDetector()


@cache
def _gpu() -> Detector:
    return GpuDetector()


def _gpu_fft(fft_bytes: int | None) -> Detector:
    from mhfd.detector.stream import pass_bytes

    return _streaming(fft_bytes or pass_bytes())


@cache
def _streaming(fft_bytes: int) -> Detector:
    from mhfd.detector.stream import StreamDetector

    return StreamDetector(_gpu_arrays(), fft_bytes=fft_bytes)


@cache
def _gpu_arrays() -> "OnGpu":
    from mhfd.detector.stream_arrays import OnGpu

    return OnGpu()


@cache
def _gpu_works() -> bool:
    """Whether there is a GPU to use. Looks for the driver first: importing CuPy costs a second on other machines."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        cuda.opened()
    except (OSError, DeviceUnavailable):
        return False
    return True


@cache
def _ffts_work() -> bool:
    """Whether the GPU can transform, too: cuFFT is a library of its own."""
    try:
        _gpu_arrays()
    except DeviceUnavailable:
        return False
    return True
