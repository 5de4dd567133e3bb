"""NumPy in CuPy's place: arrays that live on a device, and the part of CuPy that computes with whole arrays.

Strict where CuPy is: an array of the host is no operand, nothing comes back to the host unasked, memory ends, and a
spectrum that may be destroyed is. Kernels of single elements are compiled from the source that CuPy would be given.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft

from tests.rigs.fake_cupy import CUDARuntimeError

MODULES = ("cupy", "cupyx.scipy.fft", "cupy.cuda.cufft")


class CompileException(Exception):
    pass


class CuFFTError(RuntimeError):
    pass


class OnDevice(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the device: another's kind of operand, and NumPy's own, are refused as CuPy refuses them."""

    def __init__(self, device: PretendGpu, values: Any) -> None:
        self.device, self.values = device, values
        self.shape, self.dtype, self.size, self.ndim = values.shape, values.dtype, values.size, values.ndim
        self.flags = values.flags

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        assert method == "__call__"
        made = function(*map(plain, inputs), out=tuple(map(plain, out)) or (None,) * function.nout, **options)
        return out[0] if out else self.device.owns(made)

    def __getitem__(self, key: Any) -> Any:
        return self.device.owns(self.values[plain(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[plain(key)] = plain(value)

    def __len__(self) -> int:
        return len(self.values)

    def astype(self, kind: Any, copy: bool = True) -> Any:
        return self if not copy and self.dtype == kind else self.device.owns(self.values.astype(kind))

    def copy(self) -> Any:
        return self.device.owns(self.values.copy())

    def ravel(self) -> Any:
        return self.device.owns(self.values.ravel())


def plain(value: Any) -> Any:
    """The values behind an operand. An array of the host is none."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value.values if isinstance(value, OnDevice) else value


class ElementKernel:
    """As CuPy's: names and types of what is read and written, and C++ for one element."""

    def __init__(self, device: PretendGpu, read: str, written: str, code: str, name: str) -> None:
        self.device, self.code, self.name = device, code, name
        self.read, self.written = ([tuple(each.split()) for each in part.split(",")] for part in (read, written))

    def __call__(self, *given: Any) -> Any:
        everything = [*self.read, *self.written]
        assert len(given) in (len(self.read), len(everything))
        kinds: dict[str, np.dtype[Any]] = {}
        for (kind, _), value in zip(everything, given, strict=False):
            if len(kind) == 1:  # a letter stands for one type, whichever
                assert kinds.setdefault(kind, value.dtype) == value.dtype, self.name
            else:
                assert value.dtype == kind, self.name
        plainly = [plain(value) for value in given]
        shape = np.broadcast_shapes(*(value.shape for value in plainly))
        types = [kinds[kind] if len(kind) == 1 else np.dtype(kind) for kind, _ in everything]
        if len(given) == len(self.read):
            plainly.append(np.empty(shape, types[-1]))
        # An operand that is written is its own, whole and in one piece or not; what is read is spread to its shape.
        copies = [np.array(np.broadcast_to(value, shape), order="C") for value in plainly]
        names = tuple(name for _, name in everything)
        compiled(names, tuple(t.name for t in types), self.code)(
            ctypes.c_int64(copies[0].size), (ctypes.c_void_p * len(copies))(*(c.ctypes.data for c in copies))
        )
        for to, values in list(zip(plainly, copies, strict=True))[len(self.read) :]:
            to[...] = values
        return self.device.owns(plainly[-1])


@functools.cache
def compiled(names: tuple[str, ...], types: tuple[str, ...], code: str) -> Any:
    """A loop over elements, by the compiler that is here."""
    spelled = {"complex64": "std::complex<float>", "complex128": "std::complex<double>", "uint8": "unsigned char"}
    spelled |= {"float32": "float", "float64": "double"}
    operands = "\n".join(
        f"auto& {name} = static_cast<{spelled[kind]}*>(operands[{place}])[i];"
        for place, (name, kind) in enumerate(zip(names, types, strict=True))
    )
    loop = f"for (long long i = 0; i < n; ++i) {{\n{operands}\n{code};\n}}"
    source = f'#include <complex>\nextern "C" void run(long long n, void** operands) {{\n{loop}\n}}\n'
    command = shlex.split(os.environ.get("CXX", "")) or [shutil.which("c++") or shutil.which("g++") or ""]
    if not command[0] and importlib.util.find_spec("ziglang"):  # `make test` installs it where there is no compiler
        command = [sys.executable, "-m", "ziglang", "c++"]
    if not command[0]:
        pytest.fail("no C++ compiler: install one (Debian: apt-get install g++; pip: ziglang), or name it in CXX")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kernel.cpp").write_text(source, encoding="utf-8")
        flags = ["-std=c++17", "-O1", "-w", "-fPIC", "-shared", "-o", "kernel.so", "kernel.cpp"]
        built = subprocess.run([*command, *flags], cwd=folder, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr[:4000]
        return ctypes.CDLL(str(folder / "kernel.so")).run


class PretendGpu:
    """A device with so many bytes of memory. Knows what was asked of it."""

    def __init__(self, *, room: int = 1 << 30, devices: int = 1, without: str = "") -> None:
        self.room, self.devices, self.without = room, devices, without
        self.used = self.most = self.releases = self.uploads = 0
        self.kinds: set[str] = set()
        self._counted: set[int] = set()
        self.transforms: list[tuple[int, ...]] = []

    def owns(self, values: Any) -> Any:
        """What was made on the device. Memory is what no view is."""
        if not isinstance(values, np.ndarray):
            return values if not isinstance(values, np.generic) else OnDevice(self, np.asarray(values))
        array = OnDevice(self, values)
        self.kinds.add(values.dtype.name)
        if values.base is None and id(values) not in self._counted:
            if self.used + values.nbytes > self.room:
                raise MemoryError(f"Out of memory allocating {values.nbytes} bytes")
            self.used += values.nbytes
            self.most = max(self.most, self.used)
            self._counted.add(id(values))
            weakref.finalize(values, self._freed, id(values), values.nbytes)
        return array

    def _freed(self, which: int, count: int) -> None:
        self._counted.remove(which)
        self.used -= count

    def _uploaded(self, values: Any) -> Any:
        self.uploads += 1
        return self.owns(np.array(values))

    def _released(self) -> None:
        self.releases += 1

    def _count(self) -> int:
        if not self.devices:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return self.devices

    def _transform(self, function: Callable[..., Any], x: OnDevice, **options: Any) -> Any:
        if self.without == "plans":
            raise CuFFTError("CUFFT_ALLOC_FAILED")
        assert x.flags.c_contiguous
        self.transforms.append(x.shape)
        destroyed = options.pop("overwrite_x", False)
        made = self.owns(np.ascontiguousarray(function(plain(x), **options)))
        if destroyed:
            x.values[...] = np.nan
        return made

    def _called(self, name: str) -> Callable[..., Any]:
        function = getattr(np, name)

        def call(*arguments: Any, **options: Any) -> Any:
            made = function(*map(plain, arguments), **{key: plain(value) for key, value in options.items()})
            if "out" in options:
                return options["out"]
            return tuple(map(self.owns, made)) if isinstance(made, tuple) else self.owns(made)

        return call

    def modules(self) -> Iterator[tuple[str, Any]]:
        """What is imported in place of CuPy."""

        def device(_: int) -> AbstractContextManager[None]:
            return nullcontext()

        runtime = SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=self._count,
            getDeviceProperties=lambda _: {"name": b"Pretended GPU"},
        )
        cuda = SimpleNamespace(
            runtime=runtime, compiler=SimpleNamespace(CompileException=CompileException), Device=device
        )
        names = ("full", "zeros", "maximum", "clip", "nonzero", "bincount", "sort", "ascontiguousarray")
        whole = {name: self._called(name) for name in names}
        cache = SimpleNamespace(clear=self._released)
        cupy = SimpleNamespace(
            **whole,
            cuda=cuda,
            fft=SimpleNamespace(config=SimpleNamespace(get_plan_cache=lambda: cache)),
            get_default_memory_pool=lambda: SimpleNamespace(
                free_all_blocks=lambda: None, total_bytes=lambda: self.most
            ),
            asarray=self._uploaded,
            asnumpy=lambda array: array.values.copy(),
            ElementwiseKernel=functools.partial(ElementKernel, self),
        )
        # SciPy would not destroy what it is given: here it is destroyed.
        transforms = SimpleNamespace(
            rfft2=functools.partial(self._transform, scipy.fft.rfft2),
            irfft2=functools.partial(self._transform, scipy.fft.irfft2),
        )
        found = (cupy, transforms, SimpleNamespace(CuFFTError=CuFFTError))
        for name, module in zip(MODULES, found, strict=True):
            yield name, None if self.without == name else module


def pretend(monkeypatch: pytest.MonkeyPatch, gpu: PretendGpu) -> PretendGpu:
    """`import cupy` gives this device's until the test is over."""
    for name, module in gpu.modules():
        monkeypatch.setitem(sys.modules, name, module)
    return gpu
