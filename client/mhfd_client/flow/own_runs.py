"""The runs of ours that are under way, with what they carry. A table and its arithmetic."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Generic

from mhfd.contract.work import WorkAnswer
from mhfd_client.flow.runs_out import NotedRun, RunsFile
from mhfd_client.flow.service import Run
from mhfd_client.runners.pending import PendingT, PendingWork


class Stage(Enum):
    """How far a run is, seen from here."""

    CHECKING = "what it carries is looked at"
    ASKING = "it is noted, and asked for next"
    ASKED = "it is being asked for"
    LOST = "nobody knows whether it was made"
    OUT = "it was made"
    ENDED = "it is over, and what it brought back is looked for"


@dataclass(slots=True, eq=False)
class OwnRun(Generic[PendingT]):
    """What goes in one run: images, or a work."""

    carried: list[PendingT]
    names: list[str]
    answered: list[str] = field(default_factory=list)
    """Names of those that had their answer before a restart."""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    stage: Stage = Stage.CHECKING
    run: str | None = None
    asked_ns: int = 0
    sent: float = 0.0
    offset: float = 0.0  # of this machine's clock to the service's, seconds
    due: float = 0.0
    every: float = 1.0
    looks: int = 0
    collects: int = 0
    heard: WorkAnswer | None = None  # of its function, last
    again: bool = False  # taken up after a restart
    unwanted: bool = False  # it is to be cancelled
    state: str = ""
    state_since: float = 0.0
    ending: Run | None = None

    @property
    def open(self) -> list[PendingT]:
        """What of it is not answered yet."""
        return [one for one in self.carried if one.open]

    @property
    def wanted(self) -> bool:
        """Somebody waits for something of it."""
        return any(not (isinstance(one, PendingWork) and one.cancels) for one in self.open)

    @property
    def asked(self) -> bool:
        """It may have been made."""
        return self.stage not in (Stage.CHECKING, Stage.ASKING)

    def in_state_for(self, state: str, now: float, every: float) -> float:
        """How long it is in this state, in seconds; in a new one it is looked at often again."""
        if state != self.state:
            self.state, self.state_since, self.every = state, now, every
        return now - self.state_since

    @property
    def waits(self) -> bool:
        """Something is to be done when it is due."""
        return self.stage not in (Stage.CHECKING, Stage.ASKED)


class OwnRuns(Generic[PendingT]):
    """The runs that are under way, and the file that remembers them.

    Args:
        file: That file; nothing to keep none.
        flow: Whose runs.
    """

    def __init__(self, file: Path | None, flow: str) -> None:
        self.noted = RunsFile(file, flow)
        self._runs: dict[str, OwnRun[PendingT]] = {}
        self._adopted = False

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[OwnRun[PendingT]]:
        return iter(list(self._runs.values()))

    def get(self, key: str) -> OwnRun[PendingT] | None:
        """The run that we called so, while it is under way."""
        return self._runs.get(key)

    def add(self, own: OwnRun[PendingT]) -> None:
        """It is prepared."""
        self._runs[own.key] = own

    def over(self, own: OwnRun[PendingT]) -> None:
        """What it carried is answered; the file forgets it when the station has taken that."""
        self._runs.pop(own.key, None)

    def dissolve(self, own: OwnRun[PendingT]) -> None:
        """It was not made, and will not be."""
        self.over(own)
        self.noted.done(own.key)

    def asking(self, own: OwnRun[PendingT], now_ns: int) -> None:
        """It is asked for next. OSError when that cannot be noted: then it must not be."""
        own.asked_ns = now_ns
        self.noted.asking(own.key, [(one.token, one.id) for one in own.carried], own.names, own.asked_ns)
        own.stage = Stage.ASKING

    def lost(self, own: OwnRun[PendingT]) -> None:
        """Nobody knows whether it was made."""
        own.stage = Stage.LOST
        self.noted.seen(own.key, "LOST", "")

    def to_look_up(self, now: float, again_s: float) -> list[str]:
        """Those of which nobody knows whether they were made, when that is due; not again before so long."""
        lost = [own for own in self if own.stage is Stage.LOST]
        if not lost or min(own.due for own in lost) > now:
            return []
        for own in lost:
            own.due = now + again_s
        return [own.key for own in lost]

    def looked_up(self, keys: Collection[str]) -> list[OwnRun[PendingT]]:
        """Those of these of which that is still unknown."""
        return [own for own in self if own.stage is Stage.LOST and own.key in keys]

    def reattach(self, token: str, pending: Mapping[tuple[str, int], PendingT]) -> set[tuple[str, int]]:
        """Take up the noted runs that carry something of a token; which of these they have."""
        seen: set[tuple[str, int]] = set()
        for noted in self.noted.of(token):
            own = self._taken_up(noted)
            for one, name in zip(noted.images, noted.names, strict=True):
                if one in pending:
                    own.carried.append(pending[one])
                    own.names.append(name)
                    seen.add(one)
        return seen

    def adopt(self) -> None:
        """Once everything is reattached: what nobody waits for had its answer before the station died. Runs of nothing
        else are cleared up, too.
        """
        for noted in () if self._adopted else self.noted.all():
            own = self._taken_up(noted)
            own.answered = [name for name in noted.names if name not in own.names]
        self._adopted = True

    def _taken_up(self, noted: NotedRun) -> OwnRun[PendingT]:
        own = self._runs.get(noted.key)
        if own is None:
            own = OwnRun[PendingT]([], [], key=noted.key, run=noted.run, asked_ns=noted.asked_ns, again=True)
            own.stage = Stage.OUT
            self._runs[noted.key] = own
            if noted.run is None:
                self.lost(own)
        return own
