"""What the end of a run means: what of it has its answer and what not, and what a person is told."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.work import WorkAnswer
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.run_words import Explained, Surroundings, ended, ending
from mhfd_client.flow.service import Run
from mhfd_client.runners.pending import PendingT


@dataclass(frozen=True, slots=True)
class Reported:
    """The report of an image has come. `moments` as of `runners.Scored`."""

    report: FocusReport
    ended_ns: int | None
    moments: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """It goes back to whoever handed it over. `blame`: it need not be asked for again."""

    why: str
    blame: bool = False


Fate = Reported | GivenBack | WorkAnswer
"""What becomes of something that a run has carried: a report, nothing, or what its function says."""


@dataclass(frozen=True, slots=True)
class RunEnd(ABC, Generic[PendingT]):
    """A run that is over."""

    own: OwnRun[PendingT]
    run: Run
    go_again: ClassVar[str]

    @property
    @abstractmethod
    def lacking(self) -> str:
        """What is wrong with a run that went well, and has not all."""

    @property
    @abstractmethod
    def answered(self) -> bool:
        """Something of it has its answer."""

    @property
    @abstractmethod
    def left(self) -> list[PendingT]:
        """What nothing was heard of."""

    @property
    @abstractmethod
    def may_come_late(self) -> bool:
        """It went well, and what it brought is not there: a share may show it late."""

    @abstractmethod
    def fates(self, *, now_ns: int) -> Iterator[tuple[PendingT, Fate]]:
        """What something was heard of."""

    @property
    def alone(self) -> bool:
        """What is left goes again in smaller runs: one of it may be at fault."""
        return False

    @property
    def aside(self) -> list[str]:
        """Files that came back, and belong to nothing of it."""
        return []

    @property
    def leftover(self) -> bool:
        """Something of it is or may be left in the staging area."""
        words = ending(self.run.error)
        return self.run.status != "SUCCEEDED" and not (words is not None and words.cleaned)

    def words(self, around: Surroundings, again: int) -> str:
        """What was the matter, and what to do; empty when all went well. `again`: so many of it go again."""
        told = ended(self.run, around)
        if told is None and not again:
            return ""
        if told is None:
            told = Explained(self.lacking)
        elif self.run.status == "ENDED" and not self.own.open:
            told = Explained("was cancelled", told.do)  # by us: it was given back before
        parts = (f"run {self.run.id} {told.what}", told.do, self.go_again.format(again) if again else "")
        return "; ".join(filter(None, parts))
