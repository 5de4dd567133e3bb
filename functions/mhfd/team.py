"""Several processes that measure one image together, each in its own rows: what they may ask of each other.

Who measures asks a `Team` and need not know how many there are: `ALONE` answers for one process, MPI's ranks are
`mhfd.ranks`'s. Every member asks the same questions in the same order. Nothing here knows MPI or images.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, Protocol, TypeVar

from numpy.typing import NDArray

from mhfd.cells import BLOCK

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class Team(Protocol):
    """The processes that work on one image."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def number(self) -> int:
        """Which of them this one is, from 0 on. The first decides, and has the report in the end."""
        ...

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """The sum of everybody's, to everybody."""
        ...

    def everyones(self, own: T) -> list[T]:
        """What each has, in their order, to everybody."""
        ...

    def collected(self, own: T) -> list[T]:
        """The same, to the first; nothing to the others."""
        ...

    def from_first(self, own: T) -> T:
        """What the first has, to everybody."""
        ...

    def dealt(self, parts: Sequence[T]) -> T:
        """What the first has for each: the others give nothing."""
        ...

    def agreed(self, error: E) -> E:
        """What ends the work of one ends that of all. Who finds such an error asks which one all of them raise."""
        ...

    def settled(self) -> None:
        """Raise what ended the work of another, if anything did: the last that is asked."""
        ...


class Alone:
    """A team of one."""

    size: Final = 1
    number: Final = 0

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """See `Team`."""
        return values

    def everyones(self, own: T) -> list[T]:
        """See `Team`."""
        return [own]

    def collected(self, own: T) -> list[T]:
        """See `Team`."""
        return [own]

    def from_first(self, own: T) -> T:
        """See `Team`."""
        return own

    def dealt(self, parts: Sequence[T]) -> T:
        """See `Team`."""
        return parts[0]

    def agreed(self, error: E) -> E:
        """See `Team`."""
        return error

    def settled(self) -> None:
        """See `Team`."""


ALONE: Final = Alone()


def shares(height: int, size: int) -> list[tuple[int, int]]:
    """The rows [top, bottom) of each member: whole rows of blocks, and what is left over to the last; perhaps none."""
    blocks = max(1, height // BLOCK)
    edges = [BLOCK * (blocks * i // size) for i in range(size)] + [height]
    return list(pairwise(edges))


def own_rows(team: Team, height: int) -> tuple[int, int]:
    """The rows [top, bottom) that are this member's."""
    return shares(height, team.size)[team.number]


def block_rows(rows: tuple[int, int]) -> slice:
    """The rows of blocks that lie in somebody's rows."""
    return slice(rows[0] // BLOCK, rows[1] // BLOCK)
