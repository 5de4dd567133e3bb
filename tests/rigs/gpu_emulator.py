"""kernels.cu as C++: a machine that carries the GPU's plans out on the CPU, thread by thread.

Buffers start as NaN and lie between guards, so that what reads too early or writes too far is seen. Shared memory is
NaN again for each block. The code says what it does that C++ leaves undefined: a shift too far, an overflow, an index
outside an array, an address that is not aligned.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import native
from mhfd.detector import gpu_plan
from mhfd.rows import Rows

GUARD = 4096
CODES = {np.int32: "i", np.uint32: "I", np.int64: "q"}

DRIVER = """
#include "cuda_on_cpu.h"
{source}
static void diverge(u32*) {{
    if (threadIdx.x) __syncthreads();
}}
static void shift(u32* by) {{
    by[0] = 1 << by[0];
}}
static void unset(u32* out) {{
    {unset}
    out[blockIdx.x] = left[0];
    left[0] = 7;
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
    cases = "\n".join(case.format(name) for name in (*gpu_plan.KERNELS, "diverge", "shift", "unset"))
    source, unset = with_poison(gpu_plan.source()), with_poison("__shared__ u32 left[1];")
    (folder / "driver.cpp").write_text(DRIVER.format(source=source, cases=cases, unset=unset), encoding="utf-8")
    flags = ["-std=c++17", "-O1", "-U_FORTIFY_SOURCE", "-w", "-fPIC", f"-I{Path(__file__).parent}"]
    flags += ["-fsanitize=undefined,float-cast-overflow", "-fno-sanitize=vptr"]
    flags += ["-ffp-contract=off"]  # as gpu_plan.compile_options: what is fused says so
    if native_fma():
        flags += ["-mfma"]  # fmaf as one instruction; without it the C library's gives the same bits, slowly
    # Linked without the sanitizer: its library would write to the screen, ours in cuda_on_cpu.h answers.
    for step in ([*flags, "-c", "-o", "driver.o", "driver.cpp"], ["-shared", "-o", "driver.so", "driver.o"]):
        built = subprocess.run([*command, *step], cwd=folder, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr[:4000]
    run: Callable[..., int] = ctypes.CDLL(str(folder / "driver.so")).run_kernel
    return run


def with_poison(source: str) -> str:
    """Shared memory as static memory that is filled with NaN where the first thread of a block declares it."""
    declared = re.compile(r"__shared__ (\w+ (\w+)(?:\[[^\]]+\])+);")
    poisoned, count = declared.subn(r"static \1; fibers::poison(\2, sizeof \2);", source)
    assert count == source.count("__shared__"), "shared memory that is declared in another way"
    return poisoned


def native_fma() -> bool:
    """Whether this is an x86 processor that has the instruction, which compilers must be told of."""
    return bool({"v3", "v4"} & set(native.levels()))


class Emulator:
    """A machine that carries plans out on the CPU."""

    name = "emulator"

    def __init__(
        self,
        run_kernel: Callable[..., int],
        *,
        backwards: bool = False,
        room: int | None = None,
        sets: int | None = None,
    ) -> None:
        self.run_kernel, self.backwards, self.room, self.sets = run_kernel, backwards, room, sets
        self.lock = threading.Lock()  # there is one set of fibers
        self.loads = self.releases = 0
        self.loaded: list[Emulated] = []

    def load(self, plan: gpu_plan.GpuPlan) -> Emulated:
        self.loads += 1
        full = self.sets is not None and len(self.loaded) >= self.sets
        if full or (self.room is not None and plan.device_bytes > self.room):
            raise MemoryError
        self.loaded.append(Emulated(self, plan))
        return self.loaded[-1]

    def release(self) -> None:
        self.releases += 1


class Emulated:
    def __init__(self, machine: Emulator, plan: gpu_plan.GpuPlan) -> None:
        self.machine, self.plan, self.looks = machine, plan, 0
        self.guarded: dict[str, NDArray[np.uint8]] = {}
        self.buffers: dict[str, Any] = {
            name: self._guarded(name, kind, size) for name, (kind, size) in plan.buffers.items()
        }
        for name, table in plan.tables.items():
            self.buffers[name] = self._guarded(name, table.dtype.name, table.size)
            self.buffers[name][:] = table.ravel()

    def look(self, rows: Rows) -> NDArray[Any]:
        pixels = rows.read(0, rows.shape[0])
        self.buffers["pixels"][: pixels.size] = pixels.ravel()
        self.launch((*self.plan.look, *self.plan.climb))
        self.looks += 1
        return pixels

    def seen(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.buffers["result"].copy(), self.buffers["counts"].copy()

    def find(self, tables: Mapping[str, NDArray[Any]], *, tally: bool, room: int | None = None) -> NDArray[np.uint32]:
        for name, table in tables.items():
            self.buffers[name][: table.size] = table
        plan = self.plan
        if room is not None:
            buffers, plan = plan.longer(room)
            for name, (kind, size) in buffers.items():
                self.buffers[name] = self._guarded(name, kind, size)
        self.launch((*plan.find, *(plan.tally if tally else ())))
        header = self.buffers["result"][: gpu_plan.HEADER]
        return np.concatenate([header, self.buffers["counted"]]) if tally else header.copy()

    def peaks(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        return self.buffers["entries"][: 2 * count].reshape(count, 2).copy(), self.buffers["entry_scales"][:count]

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
            with self.machine.lock:
                code = self.machine.run_kernel(
                    launch.kernel.encode(),
                    signature.encode(),
                    launch.blocks,
                    launch.threads,
                    packed,
                    self.machine.backwards,
                )
            what = {
                1: "other arguments",
                2: "threads diverged at a barrier",
                3: "no such kernel",
                4: "undefined behaviour",
            }
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
