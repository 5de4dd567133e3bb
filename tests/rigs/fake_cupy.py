"""The part of CuPy that `gpu_device` uses, with the emulator behind it: real buffers, pointers, copies and captures.

Strict where CUDA is: memory comes uninitialised, a capture records and does not run, nothing may be allocated or waited
for inside one, copies have the sizes they were given, and kernels get the packed arguments. A stream is one thread's at
a time. A capture forbids nothing to other threads: that is CuPy's default (relaxed).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import numpy as np

from tests.rigs.gpu_emulator import CODES


class CUDARuntimeError(RuntimeError):
    pass


class Context:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        return None


class Array:
    """Device memory: NumPy's, but only what CuPy's has of it."""

    def __init__(self, fake: Fake, values: Any) -> None:
        self._fake, self._values = fake, values
        self.data = SimpleNamespace(ptr=values.ctypes.data)
        self.nbytes = values.nbytes

    def __getitem__(self, key: slice) -> Array:
        return Array(self._fake, self._values[key])

    def view(self, kind: str) -> Array:
        return Array(self._fake, self._values.view(kind))

    def set(self, values: Any) -> None:
        self._fake.outside_capture()
        assert values.shape == self._values.shape
        assert values.dtype == self._values.dtype
        self._values[...] = values

    def get(self, stream: Any) -> Any:
        self._fake.outside_capture()
        return self._values.copy()


class Stream(Context):
    ptr = 1

    def __init__(self, fake: Fake) -> None:
        self._fake, self._users = fake, threading.Lock()

    def __enter__(self) -> Self:
        assert self._users.acquire(blocking=False), "two threads use a stream at once"
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._users.release()

    def synchronize(self) -> None:
        self._fake.outside_capture()

    def begin_capture(self) -> None:
        self._fake.outside_capture()
        self._fake.captured = []

    def end_capture(self) -> Any:
        work, self._fake.captured = self._fake.captured, None
        assert work is not None

        def launch(_: Any) -> None:
            for step in work:
                step()

        return SimpleNamespace(launch=launch, upload=lambda _: None)


class Event:
    """Everything has happened by the time that anybody asks; waiting inside a capture is an error."""

    def __init__(self, fake: Fake) -> None:
        self._fake, self._recorded = fake, False

    def record(self, stream: Stream) -> None:
        self._fake.outside_capture()
        self._recorded = True

    def synchronize(self) -> None:
        self._fake.outside_capture()
        assert self._recorded, "nobody recorded it"


class Fake(threading.local):
    """What is captured is each thread's own; all else is the same for all."""

    captured: list[Callable[[], None]] | None = None

    def __init__(self, run_kernel: Callable[..., int], devices: int, room: int, lock: Any) -> None:
        self.run_kernel, self.devices, self.room = run_kernel, devices, room
        self.lock = lock  # the emulation has one set of fibers

    def outside_capture(self) -> None:
        assert self.captured is None, "not allowed while a stream is captured"

    def empty(self, size: int, kind: Any) -> Array:
        self.outside_capture()
        count = np.dtype(kind).itemsize * size
        if count > self.room:
            raise MemoryError
        raw = np.full(count + 256, 0xFF, np.uint8)
        start = -raw.ctypes.data % 256
        return Array(self, raw[start : start + count].view(kind))

    def zeros(self, size: int, kind: Any) -> Array:
        array = self.empty(size, kind)
        array.set(np.zeros(size, kind))
        return array

    def copy(self, to: int, frm: int, size: int, direction: int, stream: int) -> None:
        assert direction in (1, 2)
        ctypes.memmove(to, frm, size)

    def count(self) -> int:
        if not self.devices:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return self.devices

    def function(self, name: str) -> Callable[..., None]:
        def launch(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
            held = [np.array([a.data.ptr], np.uint64) if isinstance(a, Array) else np.array([a]) for a in arguments]
            signature = "".join("p" if isinstance(a, Array) else CODES[type(a)] for a in arguments)

            def run() -> None:
                packed = (ctypes.c_void_p * len(held))(*(value.ctypes.data for value in held))
                with self.lock:
                    code = self.run_kernel(name.encode(), signature.encode(), grid[0], block[0], packed, 0)
                assert code == 0, name

            if self.captured is None:
                run()
            else:
                self.captured.append(run)

        return launch


def fake_cupy(run_kernel: Callable[..., int], *, devices: int = 1, room: int = 1 << 30) -> Any:
    fake = Fake(run_kernel, devices, room, threading.Lock())

    def module(*, code: str, options: tuple[str, ...]) -> Any:
        return SimpleNamespace(get_function=fake.function)

    pool = SimpleNamespace(free_all_blocks=lambda: None)
    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDeviceCount=fake.count,
        getDeviceProperties=lambda _: {"name": b"Emulated GPU"},
        memcpyAsync=fake.copy,
    )
    cuda = SimpleNamespace(
        runtime=runtime,
        compiler=SimpleNamespace(CompileException=RuntimeError),
        Device=lambda _: Context(),
        Stream=lambda non_blocking: Stream(fake),
        Event=lambda block, disable_timing: Event(fake),
        alloc_pinned_memory=bytearray,
    )
    return SimpleNamespace(
        cuda=cuda,
        RawModule=module,
        empty=fake.empty,
        zeros=fake.zeros,
        get_default_memory_pool=lambda: pool,
        get_default_pinned_memory_pool=lambda: pool,
    )
