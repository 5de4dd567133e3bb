"""Memory that the compiled kernel works in, kept from one image to the next.

The system maps and clears fresh memory page by page, which was a fifth of the kernel's time on a small image. What is
kept is bounded, and follows the images: after a much smaller one it is given back. What it holds means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 64 << 20
"""Bytes that are kept at most while no image is there."""
_LINE: Final = 64
"""Bytes of a cache line: every buffer begins with one."""
_LEAST: Final = 1 << 20
_ROOM: Final = 2
"""An image leaves at most so many times what it took itself, or `_LEAST` bytes."""
Buffer = NDArray[np.uint8]


class Buffers:
    """What several images take in turn, or threads at the same time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._free: list[Buffer] = []

    @property
    def kept(self) -> int:
        """Bytes that nobody has taken."""
        return sum(buffer.nbytes for buffer in self._free)

    def free(self) -> tuple[Buffer, ...]:
        """Those that nobody has taken."""
        return tuple(self._free)

    @contextmanager
    def lend(self) -> Iterator[Loan]:
        """For one image. All that it took comes back at its end."""
        loan = Loan(self)
        try:
            yield loan
        finally:
            loan.close()

    def take(self, size: int) -> Buffer:
        """The smallest that is large enough, or a new one."""
        with self._lock:
            fit = [i for i, buffer in enumerate(self._free) if buffer.nbytes >= size]
            if fit:
                return self._free.pop(min(fit, key=lambda i: self._free[i].nbytes))
        return np.empty(size, np.uint8)

    def give(self, buffer: Buffer) -> None:
        """It may be taken again."""
        with self._lock:
            self._free.append(buffer)

    def trim(self, most: int) -> None:
        """Keep no more than `most` bytes; the largest are given up first."""
        with self._lock:
            self._free.sort(key=lambda buffer: buffer.nbytes)
            while self._free and self.kept > min(most, self._most):
                self._free.pop()


class Loan:
    """What one image has taken."""

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._lock = Lock()
        self._taken: list[Buffer] = []
        self._now = self._peak = 0

    def take(self, size: int) -> int:
        """The address of `size` bytes, until the end of the image."""
        buffer = self._take(size)
        with self._lock:
            self._taken.append(buffer)
        return _address(buffer)

    @contextmanager
    def of(self, size: int) -> Iterator[int]:
        """The address of `size` bytes, for as long as it is entered."""
        buffer = self._take(size)
        try:
            yield _address(buffer)
        finally:
            self._buffers.give(buffer)
            with self._lock:
                self._now -= size

    def close(self) -> None:
        """Give everything back."""
        while self._taken:
            self._buffers.give(self._taken.pop())
        self._buffers.trim(max(_LEAST, _ROOM * self._peak))

    def _take(self, size: int) -> Buffer:
        buffer = self._buffers.take(size + _LINE)
        with self._lock:
            self._now += size
            self._peak = max(self._peak, self._now)
        return buffer


def _address(buffer: NDArray[Any]) -> int:
    start: int = buffer.ctypes.data
    return start + -start % _LINE
