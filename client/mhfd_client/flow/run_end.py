"""What the end of a run means: what of it has its answer and what not, and what a person is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd(Generic[PendingT]):
    """A run that is over, and what it means for what it carried.

    Attributes:
        fates: Of what something was heard of.
        left: What nothing was heard of.
        answered: Something of it has its answer.
        may_come_late: It went well, and what it brought is not there: a share may show it late.
        lacking: What is wrong with a run that went well, and has not all.
        goes_again: What is said of what is left.
        alone: What is left goes again in smaller runs: one of it may be at fault.
        kept: In words, what stays of it so that another run goes on there; empty: nothing is meant to.
        aside: Files that came back, and belong to nothing of it.
    """

    own: OwnRun[PendingT]
    run: Run
    fates: Sequence[tuple[PendingT, Fate]]
    left: Sequence[PendingT]
    answered: bool
    may_come_late: bool
    lacking: str
    goes_again: str
    alone: bool = False
    kept: str = ""
    aside: Sequence[str] = ()

    @property
    def leftover(self) -> bool:
        """Something of it is or may be left in the staging area, and nobody wants it."""
        if self.kept:
            return False
        words = ending(self.run.error)
        return self.run.status != "SUCCEEDED" and not (words is not None and words.cleaned)

    def words(self, around: Surroundings) -> str:
        """What was the matter, and what to do; empty when all went well."""
        told = ended(self.run, around)
        if told is None and not self.left:
            return ""
        if told is None:
            told = Explained(self.lacking)
        elif self.run.status == "ENDED" and not self.own.open:
            told = Explained("was cancelled", told.do)  # by us: it was given back before
        parts = (f"run {self.run.id} {told.what}", told.do, self.kept, self.goes_again if self.left else "")
        return "; ".join(filter(None, parts))
