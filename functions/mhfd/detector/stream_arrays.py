"""Whose arrays the streaming FFTs compute with: NumPy's on the CPU, CuPy's on a device.

What is the same call in both is called through `xp`; what is not has a method here. Nothing here knows what a scale is.
CuPy is imported when a device is opened, never before.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd import native
from mhfd.detector import cuda
from mhfd.errors import DeviceUnavailable, UsageError
from mhfd.threads import cpu_name, thread_count

WEIGH: Final = (
    "C spectrum, T row_step, T column, T row, T column_step",
    "C weighed",
    "weighed = spectrum * (row_step * column + row * column_step)",
    "mhfd_weigh",
)
"""One step between two transforms is one kernel of CuPy: what it reads, what it writes, what it does, its name."""
KEEP_GREATER: Final = (
    "T response, uint8 index",
    "T maximum, uint8 scale",
    "if (response > maximum) { maximum = response; scale = index; }",
    "mhfd_keep_greater",
)


class Arrays(Protocol):
    """An array module, and where it computes."""

    xp: Any
    backend: str  # "fft", "gpu-fft": the detector's name
    device: str
    threads: int

    def used(self) -> AbstractContextManager[object]:
        """While this lasts it is this device that computes. A device that is full raises MemoryError."""
        ...

    def release(self) -> None:
        """Give back memory that nothing uses."""
        ...

    def held(self) -> int:
        """Bytes of the device that are taken now, in use or kept for the next image; 0 where nobody counts."""
        ...

    def uploaded(self, values: NDArray[Any]) -> Any:
        """Where the module computes."""
        ...

    def downloaded(self, values: Any) -> NDArray[Any]:
        """Back in NumPy's."""
        ...

    def histogram(self, pixels: Any) -> Any:
        """Counts of each grey value of 8 or 16 bits."""
        ...

    def ranked(self, pixels: Any, ranks: tuple[int, int]) -> Any:
        """The values of these ranks."""
        ...

    def forward(self, image: Any) -> Any:
        """Its spectrum, without a factor. The image may be destroyed."""
        ...

    def backward(self, spectra: Any, shape: tuple[int, int]) -> Any:
        """The images of this shape with these spectra, without a factor. The spectra may be destroyed."""
        ...

    def weighed(self, spectrum: Any, row_steps: Any, columns: Any, rows: Any, column_steps: Any) -> Any:
        """spectrum (row_steps columns + rows column_steps), of each scale."""
        ...

    def keep_greater(self, response: Any, index: int, maximum: Any, scale: Any) -> None:
        """Where `response` exceeds `maximum` it replaces it, and `index` the scale."""
        ...


class OnCpu:
    """NumPy, with the threads of SciPy's FFT: a peer in benchmarks, and what the tests compare."""

    backend = "fft"
    xp: Any = np

    def __init__(self, threads: int | None = None) -> None:
        """`threads`: nothing for as many as this process may use."""
        if threads is not None and threads < 1:
            raise UsageError(f"threads: must be at least 1, got {threads}")
        self.threads = thread_count() if threads is None else threads
        self.device = f"{cpu_name()}, {self.threads} threads, SciPy FFT"

    def used(self) -> AbstractContextManager[object]:
        """See `Arrays`."""
        return nullcontext()

    def release(self) -> None:
        """See `Arrays`: what nothing refers to is given back already."""

    def held(self) -> int:
        """See `Arrays`."""
        return 0

    def uploaded(self, values: NDArray[Any]) -> Any:
        """See `Arrays`."""
        return values

    def downloaded(self, values: Any) -> NDArray[Any]:
        """See `Arrays`."""
        return np.asarray(values)

    def histogram(self, pixels: Any) -> Any:
        """See `Arrays`."""
        return native.histogram(pixels, threads=self.threads)

    def ranked(self, pixels: Any, ranks: tuple[int, int]) -> Any:
        """See `Arrays`."""
        return np.partition(pixels.ravel(), ranks)[list(ranks)]

    def forward(self, image: Any) -> Any:
        """See `Arrays`."""
        return scipy.fft.rfft2(image, overwrite_x=True, workers=self.threads)

    def backward(self, spectra: Any, shape: tuple[int, int]) -> Any:
        """See `Arrays`."""
        return scipy.fft.irfft2(spectra, s=shape, norm="forward", overwrite_x=True, workers=self.threads)

    def weighed(self, spectrum: Any, row_steps: Any, columns: Any, rows: Any, column_steps: Any) -> Any:
        """See `Arrays`."""
        weights = row_steps * columns
        weights += rows * column_steps
        return spectrum * weights

    def keep_greater(self, response: Any, index: int, maximum: Any, scale: Any) -> None:
        """See `Arrays`."""
        better = response > maximum
        np.copyto(maximum, response, where=better)
        scale[better] = index


class OnGpu:
    """CuPy on one device: cuFFT, and each step between two transforms in one kernel."""

    backend = "gpu-fft"
    threads = 1

    def __init__(self, device: int = 0) -> None:
        opened = cuda.opened(device)
        self._index = device
        self.xp: Any = opened.cupy
        self.device = f"{opened.name}, cuFFT"
        try:
            # SciPy's names, which CuPy's own module has not: transforms that may destroy what they are given.
            self._fft: Any = importlib.import_module("cupyx.scipy.fft")
            self._cufft: Any = importlib.import_module("cupy.cuda.cufft")
            self._weigh: Any = self.xp.ElementwiseKernel(*WEIGH)
            self._keep: Any = self.xp.ElementwiseKernel(*KEEP_GREATER)
            self._try()
        except (ImportError, OSError, RuntimeError, self.xp.cuda.compiler.CompileException) as e:
            raise DeviceUnavailable(
                f"device: the FFTs of {opened.name} need cuFFT and CUDA's headers ({e}); install a CUDA toolkit or "
                "CuPy's own with pip, 'cupy-cuda13x[ctk]' or 'cupy-cuda12x[ctk]', or use device='cpu'"
            ) from None

    @contextmanager
    def used(self) -> Iterator[None]:
        """See `Arrays`."""
        with self.xp.cuda.Device(self._index):
            yield

    def release(self) -> None:
        """See `Arrays`. Plans of transforms hold memory, too."""
        with self.xp.cuda.Device(self._index):
            self.xp.fft.config.get_plan_cache().clear()
            self.xp.get_default_memory_pool().free_all_blocks()

    def held(self) -> int:
        """See `Arrays`."""
        with self.used():
            return int(self.xp.get_default_memory_pool().total_bytes())

    def uploaded(self, values: NDArray[Any]) -> Any:
        """See `Arrays`."""
        return self.xp.asarray(values)

    def downloaded(self, values: Any) -> NDArray[Any]:
        """See `Arrays`."""
        found: NDArray[Any] = self.xp.asnumpy(values)
        return found

    def histogram(self, pixels: Any) -> Any:
        """See `Arrays`."""
        return self.xp.bincount(pixels.ravel(), minlength=256 if pixels.dtype == np.uint8 else 65536)

    def ranked(self, pixels: Any, ranks: tuple[int, int]) -> Any:
        """See `Arrays`."""
        return self.xp.sort(pixels.ravel())[self.xp.asarray(ranks)]

    def forward(self, image: Any) -> Any:
        """See `Arrays`."""
        with self._no_room():
            return self._fft.rfft2(image, overwrite_x=True)

    def backward(self, spectra: Any, shape: tuple[int, int]) -> Any:
        """See `Arrays`."""
        with self._no_room():
            return self._fft.irfft2(spectra, s=shape, norm="forward", overwrite_x=True)

    def weighed(self, spectrum: Any, row_steps: Any, columns: Any, rows: Any, column_steps: Any) -> Any:
        """See `Arrays`."""
        return self._weigh(spectrum, row_steps, columns, rows, column_steps)

    def keep_greater(self, response: Any, index: int, maximum: Any, scale: Any) -> None:
        """See `Arrays`."""
        self._keep(response, np.uint8(index), maximum, scale)

    def _try(self) -> None:
        """All that is loaded or compiled on first use, once: what is missing is said when the device is opened."""
        with self.used():
            spectrum = self.forward(self.xp.zeros((2, 2), np.float32))
            one = self.xp.zeros((1, 1, 1), np.float32)
            response = self.backward(self.weighed(spectrum, one, one, one, one), (2, 2))
            self.keep_greater(response[0], 0, self.xp.zeros((2, 2), np.float32), self.xp.zeros((2, 2), np.uint8))

    @contextmanager
    def _no_room(self) -> Iterator[None]:
        """cuFFT says in its own way that there is no memory for a plan; everything else of CuPy by a MemoryError."""
        try:
            yield
        except self._cufft.CuFFTError as e:
            if "ALLOC_FAILED" in str(e):
                raise MemoryError(str(e)) from None
            raise
