"""Which detector computes these parameters on this machine.

The fastest one that computes them exactly: the GPU, the compiled CPU kernel, SciPy, and the oracle for what only it
can do (the paper's presets). Detectors are kept, so that their buffers stay warm.
"""

import ctypes
import importlib.util
import sys
from functools import cache

from mhfd import native
from mhfd.contract.params import Params
from mhfd.detector import Detector
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.dct import DctDetector
from mhfd.detector.gpu import GpuDetector
from mhfd.detector.paper import PaperDetector
from mhfd.errors import DeviceUnavailable, UsageError

DEVICES = ("auto", "cpu", "gpu")


def choose(params: Params, *, device: str = "auto", threads: int | None = None) -> Detector:
    """The detector for `params` on `device`, with at most `threads` CPU threads."""
    if device not in DEVICES:
        raise UsageError(f"device: {device!r} is not one of {', '.join(DEVICES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads: must be at least 1, got {threads}")
    if device == "gpu":
        gpu = _gpu()
        if not gpu.supports(params):
            raise UsageError(
                f"device: the GPU kernel does not compute these parameters (border {params.border!r}, truncate "
                f"{params.truncate}, resize {params.resize}, n={params.n} from {params.min_t:g} to {params.max_t:g}): "
                "it takes a reflect border, no truncation, no resize, and scales not too far apart; use device='cpu'"
            )
        return gpu
    candidates = [_fast(threads)]
    if device == "auto" and _gpu_works():
        candidates.insert(0, _gpu())
    return next((detector for detector in candidates if detector.supports(params)), PaperDetector())


@cache
def _fast(threads: int | None) -> Detector:
    return CpuDetector(threads) if native.kernel_info().available else DctDetector(threads)


@cache
def _gpu() -> Detector:
    return GpuDetector()


@cache
def _gpu_works() -> bool:
    """Whether there is a GPU to use. Looks for the driver first: importing CuPy costs a second on other machines."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        _gpu()
    except (OSError, DeviceUnavailable):
        return False
    return True
