"""This rank among the others: mpi4py, started when a `MpiTeam` is made, and how ranks ask each other (`mhfd.team`).

Before every question the ranks ask whether one of them has met an error that ends the work of all: none waits for one
that has left. What a rank sends is counted. Nothing here knows images.
"""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class MpiTeam:
    """The ranks that mpiexec started; one, without it. A `mhfd.team.Team`."""

    def __init__(self, comm: Any = None) -> None:
        """`comm`: a communicator of mpi4py, if not of all ranks."""
        with needing_extra("mpi", "mpi: scoring over ranks needs mpi4py and an mpiexec", option=True):
            from mpi4py import MPI  # from here on the process is a rank
        self._comm: Any = comm or MPI.COMM_WORLD
        self._sum: Any = MPI.SUM
        self.size: int = self._comm.Get_size()
        self.number: int = self._comm.Get_rank()
        self.library: str = MPI.Get_library_version().partition("\n")[0].replace("\t", " ").strip("\0 ")
        self.sent = 0
        """Bytes that this rank has sent to others: of a sum, its own numbers once and the first's to all."""
        self._agreed: Exception | None = None
        if self.size > 1:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a rank that waits for others would not look at it

    @property
    def on_this_node(self) -> int:
        """Which of the ranks on its machine this one is."""
        from mpi4py import MPI

        node = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        try:
            return int(node.Get_rank())
        finally:
            node.Free()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What one rank meets in here that it cannot share ends every rank, with the words of that one."""
        try:
            yield
        except Exception as error:
            if self.size == 1 or error is self._agreed:
                raise
            self.end("".join(traceback.format_exc()))

    def end(self, why: str) -> NoReturn:
        """End every rank at once: the others may be waiting for this one."""
        sys.stdout.flush()
        print(f"mhfd: rank {self.number} of {self.size} failed: {why}", file=sys.stderr, flush=True)  # noqa: T201
        self._comm.Abort(1)
        os._exit(1)  # an MPI that returns from it

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """See `Team`."""
        self._all_well()
        out = np.empty_like(values)
        self._comm.Allreduce(np.ascontiguousarray(values), out, op=self._sum)
        self.sent += values.nbytes * (1 if self.number else self.size - 1)
        return out

    def everyones(self, own: T) -> list[T]:
        """See `Team`."""
        self._all_well()
        return self._all(own)

    def collected(self, own: T) -> list[T]:
        """See `Team`."""
        self._all_well()
        data = pickle.dumps(own, protocol=5)
        self.sent += len(data) if self.number else 0
        found: list[bytes] | None = self._comm.gather(data)
        return [pickle.loads(one) for one in found or ()]  # noqa: S301  of our own ranks

    def from_first(self, own: T) -> T:
        """See `Team`."""
        self._all_well()
        data = b"" if self.number else pickle.dumps(own, protocol=5)
        self.sent += len(data) * (self.size - 1)
        said: T = pickle.loads(self._comm.bcast(data))  # noqa: S301
        return said

    def dealt(self, parts: Sequence[T]) -> T:
        """See `Team`."""
        self._all_well()
        packed = [pickle.dumps(part, protocol=5) for part in parts]
        self.sent += sum(map(len, packed[1:]))
        own: T = pickle.loads(self._comm.scatter(packed or None))  # noqa: S301
        return own

    def agreed(self, error: E) -> E:
        """See `Team`."""
        if self._agreed is None:
            self._tell(error)
        told: Any = self._agreed
        return told  # type: ignore[no-any-return]

    def settled(self) -> None:
        """See `Team`."""
        if self._agreed is None:
            self._all_well()

    def to_all(self, values: NDArray[Any]) -> NDArray[Any]:
        """Numbers of the first, into everybody's array of that shape."""
        self._comm.Bcast(values)
        self.sent += 0 if self.number else values.nbytes * (self.size - 1)
        return values

    def to_first(self, values: NDArray[Any]) -> None:
        """Numbers that the first takes with `taken`."""
        self._comm.Send(values, 0)
        self.sent += values.nbytes

    def taken(self, values: NDArray[Any], rank: int) -> NDArray[Any]:
        """What a rank sends to the first, into an array of that shape."""
        self._comm.Recv(values, rank)
        return values

    def swapped(self, to: int, give: NDArray[Any], source: int, take: NDArray[Any]) -> None:
        """Give one rank an array while another gives one."""
        self._comm.Sendrecv(np.ascontiguousarray(give), to, 0, take, source, 0)
        self.sent += give.nbytes

    def _all(self, own: T) -> list[T]:
        data = pickle.dumps(own, protocol=5)
        self.sent += len(data) * (self.size - 1)
        return [pickle.loads(one) for one in self._comm.allgather(data)]  # noqa: S301

    def _all_well(self) -> None:
        if self._comm.allreduce(0):
            self._tell(None)
            assert self._agreed is not None  # noqa: S101  one rank has told it
            raise self._agreed

    def _tell(self, error: Exception | None) -> None:
        """The error of the lowest rank that has one is everybody's."""
        if error is not None:
            self._comm.allreduce(1)
        self._agreed = next(one for one in self._all(error) if one is not None)
