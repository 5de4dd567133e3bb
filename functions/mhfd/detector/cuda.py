"""CuPy and one CUDA device, or what to do where they are not: what both backends of the GPU open.

CuPy is imported when a device is opened, never before.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any

from mhfd.errors import DeviceUnavailable


@dataclass(frozen=True, slots=True, eq=False)
class OpenDevice:
    """A CUDA device that is there."""

    cupy: Any
    index: int
    name: str


def opened(index: int = 0) -> OpenDevice:
    """CUDA device number `index`; DeviceUnavailable where there is none."""
    try:
        cupy: Any = importlib.import_module("cupy")
    except ImportError as e:
        raise DeviceUnavailable(
            f"device: a GPU needs CuPy ({e}); install 'mhfd[cuda13]', or 'mhfd[cuda12]' for a CUDA 12 driver, or use "
            "device='cpu'"
        ) from None
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as e:
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        chosen = "" if named is None else f", with CUDA_VISIBLE_DEVICES {named!r}: see `nvidia-smi -L`"
        raise DeviceUnavailable(f"device: no CUDA device can be used ({e}){chosen}; use device='cpu'") from None
    if not 0 <= index < count:
        raise DeviceUnavailable(f"device: there is no CUDA device {index}, only 0 to {count - 1}")
    return OpenDevice(cupy, index, runtime.getDeviceProperties(index)["name"].decode())
