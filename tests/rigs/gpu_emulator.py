"""kernels.cu as C++: a machine that carries the GPU's plans out on the CPU, thread by thread.

Buffers start as NaN and lie between guards, so that what reads too early or writes too far is seen.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd.detector import gpu_plan

GUARD = 4096
CODES = {np.int32: "i", np.uint32: "I", np.int64: "q"}

DRIVER = """
#include "cuda_on_cpu.h"
{source}
static void diverge(u32*) {{
    if (threadIdx.x) __syncthreads();
}}
extern "C" int run_kernel(const char* name, const char* signature, unsigned blocks, unsigned threads, void** arguments,
                          int backwards) {{
{cases}
    return 3;
}}
"""


def build_kernels(folder: Path) -> Callable[..., int]:
    """run_kernel(name, signature, blocks, threads, packed arguments, backwards) -> 0, or what went wrong."""
    command = shlex.split(os.environ.get("CXX", "")) or [shutil.which("c++") or shutil.which("g++") or ""]
    if not command[0] and importlib.util.find_spec("ziglang"):  # `make test` installs it where there is no compiler
        command = [sys.executable, "-m", "ziglang", "c++"]
    if not command[0]:
        pytest.fail("no C++ compiler: install one (Debian: apt-get install g++; pip: ziglang), or name it in CXX")
    case = '    if (!strcmp(name, "{0}")) return call::launch({0}, signature, blocks, threads, arguments, backwards);'
    cases = "\n".join(case.format(name) for name in (*gpu_plan.KERNELS, "diverge"))
    (folder / "driver.cpp").write_text(DRIVER.format(source=gpu_plan.source(), cases=cases), encoding="utf-8")
    flags = ["-std=c++17", "-O2", "-U_FORTIFY_SOURCE", "-w", "-fPIC", "-shared", f"-I{Path(__file__).parent}"]
    built = subprocess.run(
        [*command, *flags, "-o", "driver.so", "driver.cpp"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[:4000]
    run: Callable[..., int] = ctypes.CDLL(str(folder / "driver.so")).run_kernel
    return run


class Emulator:
    """A machine that carries plans out on the CPU."""

    name = "emulator"

    def __init__(self, run_kernel: Callable[..., int], *, backwards: bool = False, room: int | None = None) -> None:
        self.run_kernel, self.backwards, self.room = run_kernel, backwards, room
        self.loads = self.releases = 0

    def load(self, plan: gpu_plan.GpuPlan) -> Emulated:
        self.loads += 1
        if self.room is not None and plan.device_bytes > self.room:
            raise MemoryError
        return Emulated(self, plan)

    def release(self) -> None:
        self.releases += 1


class Emulated:
    def __init__(self, machine: Emulator, plan: gpu_plan.GpuPlan) -> None:
        self.machine, self.plan = machine, plan
        self.guarded: dict[str, NDArray[np.uint8]] = {}
        self.buffers: dict[str, Any] = {
            name: self._guarded(name, kind, size) for name, (kind, size) in plan.buffers.items()
        }
        for name, table in plan.tables.items():
            self.buffers[name] = self._guarded(name, table.dtype.name, table.size)
            self.buffers[name][:] = table.ravel()

    def run(self, pixels: NDArray[Any], floors: NDArray[np.float32]) -> NDArray[np.uint32]:
        self.buffers["pixels"][: pixels.size] = pixels.ravel()
        self.buffers["floors"][:] = floors
        self.launch(self.plan.launches)
        result: NDArray[np.uint32] = self.buffers["result"].copy()
        return result

    def peaks(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        return self.buffers["entries"][: 2 * count].reshape(count, 2).copy(), self.buffers["entry_scales"][:count]

    def relist(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        buffers, launches = self.plan.relist(count)
        for name, (kind, size) in buffers.items():
            self.buffers[name] = self._guarded(name, kind, size)
        self.launch(launches)
        return self.peaks(count)

    def launch(self, launches: tuple[gpu_plan.Launch, ...]) -> None:
        for launch in launches:
            held, signature = [], ""
            for argument in launch.arguments:
                if isinstance(argument, np.generic):
                    held.append(np.array([argument]))
                    signature += CODES[type(argument)]
                else:
                    name, place = (argument, 0) if isinstance(argument, str) else argument
                    buffer = self.buffers[name]
                    held.append(np.array([buffer.ctypes.data + place * buffer.itemsize], np.uint64))
                    signature += "p"
            packed = (ctypes.c_void_p * len(held))(*(value.ctypes.data for value in held))
            code = self.machine.run_kernel(
                launch.kernel.encode(),
                signature.encode(),
                launch.blocks,
                launch.threads,
                packed,
                self.machine.backwards,
            )
            what = {1: "other arguments", 2: "threads diverged at a barrier", 3: "no such kernel"}
            assert code == 0, f"{launch.kernel}: {what[code]}"
            for name, whole in self.guarded.items():
                ends = np.concatenate([whole[:GUARD], whole[-GUARD:]])
                assert (ends == 0xA5).all(), f"{launch.kernel} wrote outside {name}"

    def _guarded(self, name: str, kind: str, size: int) -> Any:
        count = np.dtype(kind).itemsize * size
        raw = np.full(count + 2 * GUARD + 256, 0xFF, np.uint8)
        start = -raw.ctypes.data % 256
        whole = raw[start : start + count + 2 * GUARD]
        whole[:GUARD] = whole[-GUARD:] = 0xA5
        self.guarded[name] = whole
        return whole[GUARD:-GUARD].view(kind)
