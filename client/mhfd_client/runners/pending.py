"""What a runner was asked and has not answered yet: images and works. A table; it decides nothing."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mhfd_client.runners import Job
from mhfd_client.runners.work import Work


@dataclass(slots=True, eq=False, kw_only=True)
class Pending(ABC):
    """One question that is not answered yet."""

    token: str
    failures: int = 0
    tries: int = 0  # how often it was out in vain
    due: float = 0.0
    began: bool = False
    open: bool = True

    @property
    @abstractmethod
    def id(self) -> int:
        """What its batch calls it."""


@dataclass(slots=True, eq=False, kw_only=True)
class PendingImage(Pending):
    """An image that has no report yet."""

    job: Job
    proof: int = 0  # how much had gone well when it failed last

    @property
    def id(self) -> int:
        return self.job.id


@dataclass(slots=True, eq=False, kw_only=True)
class PendingWork(Pending):
    """Work that has not come to its end."""

    work: Work
    asked: bool = False  # somebody may have begun with it
    cancels: bool = False
    pauses: int = 0  # in a row that somebody else had it

    @property
    def id(self) -> int:
        return self.work.id

    @property
    def request(self) -> Mapping[str, Any]:
        """What its function is called with: the same each time, until it is to end."""
        return {**self.work.request, "cancel": True} if self.cancels else self.work.request


PendingT = TypeVar("PendingT", bound=Pending)


class PendingTable(Generic[PendingT]):
    """Those that are not answered yet, and those of them that wait to be handed over."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], PendingT] = {}
        self.waiting: list[PendingT] = []

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[PendingT]:
        return iter(list(self._open.values()))

    def of(self, token: str) -> list[PendingT]:
        """Those of a batch."""
        return [one for one in self if one.token == token]

    def add(self, one: PendingT, *, wait: bool = True) -> None:
        """It is to be answered. `wait`: it is handed over to nobody yet."""
        self._open[one.token, one.id] = one
        if wait:
            self.waiting.append(one)

    def again(self, some: Iterable[PendingT], *, last: bool = False) -> None:
        """They wait again, first in the line or last."""
        place = len(self.waiting) if last else 0
        self.waiting[place:place] = [one for one in some if one.open and one not in self.waiting]

    def due(self) -> float:
        """When the first of the waiting may go."""
        return min((one.due for one in self.waiting), default=float("inf"))

    def close(self, one: PendingT) -> bool:
        """It is answered. False: it was before."""
        if not one.open:
            return False
        one.open = False
        self._open.pop((one.token, one.id), None)
        if one in self.waiting:
            self.waiting.remove(one)
        return True
