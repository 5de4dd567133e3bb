"""Carries a plan out on a CUDA device with CuPy.

One graph a plan, captured once; one arena of device memory; pinned staging both ways. Nothing is read back before the
result words.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.detector import gpu_plan
from mhfd.detector.cuda import opened
from mhfd.detector.gpu_plan import Argument, GpuPlan, Launch
from mhfd.errors import KernelError
from mhfd.rows import Pixels

ALIGNMENT: Final = 256
TO_DEVICE: Final = 1  # cudaMemcpyHostToDevice
TO_HOST: Final = 2


class CudaDevice:
    """A CUDA device with the kernels compiled for it."""

    def __init__(self, index: int = 0) -> None:
        device = opened(index)
        self.cupy: Any = device.cupy
        self.index = index
        self.name = device.name
        with self.cupy.cuda.Device(index):
            module = self.cupy.RawModule(code=gpu_plan.source(), options=gpu_plan.compile_options())
            try:
                self.kernels = {name: module.get_function(name) for name in gpu_plan.KERNELS}
            except self.cupy.cuda.compiler.CompileException as e:
                raise KernelError(f"the CUDA source does not compile for {self.name}: {e}") from e
            self.stream: Any = self.cupy.cuda.Stream(non_blocking=True)

    def load(self, plan: GpuPlan) -> LoadedPlan:
        """Raises MemoryError (CuPy's is one) when the buffers do not fit."""
        return LoadedPlan(self, plan)

    def release(self) -> None:
        """Give back what no plan uses."""
        with self.cupy.cuda.Device(self.index):
            self.cupy.get_default_memory_pool().free_all_blocks()
            self.cupy.get_default_pinned_memory_pool().free_all_blocks()


class LoadedPlan:
    """A plan's buffers, its graph, and the staging on the host."""

    def __init__(self, device: CudaDevice, plan: GpuPlan) -> None:
        self._device, self._plan, self._cupy = device, plan, device.cupy
        with self._cupy.cuda.Device(device.index), device.stream:
            self.arena: Any = self._cupy.zeros(plan.device_bytes, np.uint8)
            self._buffers: dict[str, Any] = {}
            used = 0
            kinds = {**plan.buffers, **{name: (t.dtype.name, t.size) for name, t in plan.tables.items()}}
            for name, (kind, count) in kinds.items():
                size = np.dtype(kind).itemsize * count
                self._buffers[name] = self.arena[used : used + size].view(kind)
                used += -(-size // ALIGNMENT) * ALIGNMENT
            for name, table in plan.tables.items():
                self._buffers[name].set(table.ravel())
            self._pixels = self._pinned(plan.dtype, plan.shape[0] * plan.shape[1])
            self._floors = self._pinned("float32", 2 * plan.scales)
            self._result = self._pinned("uint32", plan.buffers["result"][1])
            self._entries = self._pinned("uint32", 2 * plan.capacity)
            self._scales = self._pinned("uint8", plan.capacity)
            self._launch(plan.launches)  # loads the kernels, which a capture may not
            device.stream.synchronize()
            device.stream.begin_capture()
            try:
                self._launch(plan.launches)
            finally:
                self.graph: Any = device.stream.end_capture()
            self.graph.upload(device.stream)
            device.stream.synchronize()

    def run(self, pixels: Pixels, floors: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Upload, launch the graph, wait: the result words."""
        with self._cupy.cuda.Device(self._device.index), self._device.stream:
            self._pixels[:] = pixels.ravel()
            self._floors[:] = floors
            self._copy(self._buffers["pixels"].data.ptr, self._pixels, TO_DEVICE)
            self._copy(self._buffers["floors"].data.ptr, self._floors, TO_DEVICE)
            self.graph.launch(self._device.stream)
            self._copy(self._buffers["result"].data.ptr, self._result, TO_HOST)
            self._device.stream.synchronize()
        return self._result.copy()

    def peaks(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """The list of the last run."""
        entries, scales = self._entries[: 2 * count], self._scales[:count]
        if count:
            with self._cupy.cuda.Device(self._device.index), self._device.stream:
                self._copy(self._buffers["entries"].data.ptr, entries, TO_HOST)
                self._copy(self._buffers["entry_scales"].data.ptr, scales, TO_HOST)
                self._device.stream.synchronize()
        return entries.reshape(count, 2).copy(), scales.copy()

    def relist(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """The same from the last kernel again, with room for `count`."""
        buffers, launches = self._plan.relist(count)
        with self._cupy.cuda.Device(self._device.index), self._device.stream:
            longer = {name: self._cupy.empty(size, kind) for name, (kind, size) in buffers.items()}
            self._launch(launches, longer)
            entries = longer["entries"].get(stream=self._device.stream)
            scales = longer["entry_scales"].get(stream=self._device.stream)
        return entries.reshape(count, 2), scales

    def replay(self, times: int) -> float:
        """Device milliseconds of one image that is already there, over `times` replays of the graph: for benchmarks."""
        with self._cupy.cuda.Device(self._device.index), self._device.stream:
            begin, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            begin.record(self._device.stream)
            for _ in range(times):
                self.graph.launch(self._device.stream)
            end.record(self._device.stream)
            end.synchronize()
            return float(self._cupy.cuda.get_elapsed_time(begin, end)) / times

    def _launch(self, launches: tuple[Launch, ...], instead: dict[str, Any] | None = None) -> None:
        buffers = {**self._buffers, **(instead or {})}

        def resolved(argument: Argument) -> Any:
            if isinstance(argument, str):
                return buffers[argument]
            if isinstance(argument, tuple):
                return buffers[argument[0]][argument[1] :]
            return argument

        for launch in launches:
            kernel = self._device.kernels[launch.kernel]
            kernel((launch.blocks,), (launch.threads,), tuple(resolved(a) for a in launch.arguments))

    def _copy(self, device: int, host: NDArray[Any], direction: int) -> None:
        to, frm = (device, host.ctypes.data) if direction == TO_DEVICE else (host.ctypes.data, device)
        self._cupy.cuda.runtime.memcpyAsync(to, frm, host.nbytes, direction, self._device.stream.ptr)

    def _pinned(self, dtype: str, count: int) -> NDArray[Any]:
        memory = self._cupy.cuda.alloc_pinned_memory(max(np.dtype(dtype).itemsize * count, 1))
        return np.frombuffer(memory, dtype, count)
