"""Carries a plan out on a CUDA device with CuPy.

A loaded plan has a stream of its own, a graph for each part of the plan, captured once, one arena of device memory and
pinned staging both ways: two of them overlap. Whoever waits sleeps: several workers may share a device and have few
cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.detector import gpu_plan
from mhfd.detector.cuda import opened
from mhfd.detector.gpu_plan import HEADER, Argument, GpuPlan, Launch
from mhfd.errors import KernelError
from mhfd.rows import Pixels, Rows, spans

ALIGNMENT: Final = 256
TO_DEVICE: Final = 1  # cudaMemcpyHostToDevice
TO_HOST: Final = 2
TABLES: Final = ("floors", "rule", "need", "sigma", "mask")
"""Buffers that the host fills before peaks are found."""
STAGED: Final = 64 << 20
"""Bytes of an image that are asked for at once on their way to the device."""


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

    def load(self, plan: GpuPlan) -> LoadedPlan:
        """Raises MemoryError (CuPy's is one) when the buffers do not fit."""
        return LoadedPlan(self, plan)

    def release(self) -> None:
        """Give back what no plan uses."""
        with self.cupy.cuda.Device(self.index):
            self.cupy.get_default_memory_pool().free_all_blocks()
            self.cupy.get_default_pinned_memory_pool().free_all_blocks()


class LoadedPlan:
    """A plan's buffers, its stream and graphs, and the staging on the host."""

    def __init__(self, device: CudaDevice, plan: GpuPlan) -> None:
        self._device, self._plan, self._cupy = device, plan, device.cupy
        with self._cupy.cuda.Device(device.index):
            self.stream: Any = self._cupy.cuda.Stream(non_blocking=True)
            self._done: Any = self._cupy.cuda.Event(block=True, disable_timing=True)
        with self._cupy.cuda.Device(device.index), self.stream:
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
            self._longer: dict[str, Any] = {}
            self._staged = {
                name: self._pinned(*plan.buffers[name])
                for name in (*TABLES, "result", "counts", "counted", "entries", "entry_scales")
            }
            self._pixels = self._pinned(plan.dtype, plan.shape[0] * plan.shape[1]).reshape(plan.shape)
            self._launch(plan.launches)  # loads the kernels, which a capture may not
            self.stream.synchronize()
            self._look, self._climb, self._find, self._tally = (
                self._captured(part) for part in (plan.look, plan.climb, plan.find, plan.tally)
            )
            self.stream.synchronize()

    def look(self, rows: Rows) -> Pixels:
        """Upload, and launch all that waits for nobody."""
        with self._cupy.cuda.Device(self._device.index), self.stream:
            height, width = self._plan.shape
            step = max(1, STAGED // (width * self._pixels.itemsize))
            for top, bottom in spans(height, step):  # the last part is read while the first ones go up
                self._pixels[top:bottom] = rows.read(top, bottom)
                self._upload("pixels", self._pixels[top:bottom], top * width)
            self._look.launch(self.stream)
            self._download("result")
            self._download("counts")
            self._done.record(self.stream)
            self._climb.launch(self.stream)
        return self._pixels

    def seen(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Wait until the image was looked at."""
        self._done.synchronize()
        return self._staged["result"].copy(), self._staged["counts"].copy()

    def find(self, tables: Mapping[str, NDArray[Any]], *, tally: bool, room: int | None = None) -> NDArray[np.uint32]:
        """Launch the rest, and wait."""
        with self._cupy.cuda.Device(self._device.index), self.stream:
            for name, table in tables.items():
                self._staged[name][: table.size] = table
                self._upload(name, self._staged[name][: table.size])
            self._longer = {}
            if room is None:
                self._find.launch(self.stream)
                if tally:
                    self._tally.launch(self.stream)
            else:
                buffers, plan = self._plan.longer(room)
                self._longer = {name: self._cupy.empty(size, kind) for name, (kind, size) in buffers.items()}
                self._launch((*plan.find, *(plan.tally if tally else ())))
            self._download("result", HEADER)
            if tally:
                self._download("counted")
            self._wait()
        header: NDArray[np.uint32] = self._staged["result"][:HEADER]
        return np.concatenate([header, self._staged["counted"]]) if tally else header.copy()

    def peaks(self, count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """The list that was found last."""
        with self._cupy.cuda.Device(self._device.index), self.stream:
            if self._longer:
                entries, scales = (self._longer[name].get(stream=self.stream) for name in ("entries", "entry_scales"))
                return entries[: 2 * count].reshape(count, 2), scales[:count]
            self._download("entries", 2 * count)
            self._download("entry_scales", count)
            self._wait()
        entries, scales = self._staged["entries"][: 2 * count], self._staged["entry_scales"][:count]
        return entries.reshape(count, 2).copy(), scales.copy()

    def replay(self, times: int) -> float:
        """Device milliseconds of counting one image that is already there, over `times` of them: for benchmarks."""
        with self._cupy.cuda.Device(self._device.index), self.stream:
            begin, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            begin.record(self.stream)
            for _ in range(times):
                for graph in (self._look, self._climb, self._find, self._tally):
                    graph.launch(self.stream)
            end.record(self.stream)
            end.synchronize()
            return float(self._cupy.cuda.get_elapsed_time(begin, end)) / times

    def _captured(self, launches: tuple[Launch, ...]) -> Any:
        self.stream.begin_capture()
        try:
            self._launch(launches)
        finally:
            graph = self.stream.end_capture()
        graph.upload(self.stream)
        return graph

    def _launch(self, launches: tuple[Launch, ...]) -> None:
        buffers = {**self._buffers, **self._longer}

        def resolved(argument: Argument) -> Any:
            if isinstance(argument, str):
                return buffers[argument]
            if isinstance(argument, tuple):
                return buffers[argument[0]][argument[1] :]
            return argument

        for launch in launches:
            kernel = self._device.kernels[launch.kernel]
            kernel((launch.blocks,), (launch.threads,), tuple(resolved(a) for a in launch.arguments))

    def _wait(self) -> None:
        self._done.record(self.stream)
        self._done.synchronize()

    def _upload(self, name: str, host: NDArray[Any], first: int = 0) -> None:
        if host.nbytes:
            to = self._buffers[name].data.ptr + first * host.itemsize
            self._copy(to, host.ctypes.data, host.nbytes, TO_DEVICE, self.stream.ptr)

    def _download(self, name: str, count: int | None = None) -> None:
        host = self._staged[name][:count]
        if host.nbytes:
            self._copy(host.ctypes.data, self._buffers[name].data.ptr, host.nbytes, TO_HOST, self.stream.ptr)

    @property
    def _copy(self) -> Callable[[int, int, int, int, int], None]:
        copy: Callable[[int, int, int, int, int], None] = self._cupy.cuda.runtime.memcpyAsync
        return copy

    def _pinned(self, dtype: str, count: int) -> NDArray[Any]:
        memory = self._cupy.cuda.alloc_pinned_memory(max(np.dtype(dtype).itemsize * count, 1))
        return np.frombuffer(memory, dtype, count)
