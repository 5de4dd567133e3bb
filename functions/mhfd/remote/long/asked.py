"""One request at its work's folder: has the work ended? Does another one have it? Else one turn of it.

Whatever is lost on the way, the same request asked again is the right thing to do. Must not know what any work is.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from mhfd.contract.focus_report import Provenance
from mhfd.contract.request import Code, Problem
from mhfd.contract.work import Progress, WorkAnswer, WorkRequest, WorkState
from mhfd.remote import alarm, worker
from mhfd.remote.ledger import Ledger
from mhfd.remote.long import block, checkpoints, lease
from mhfd.remote.long.checkpoints import Checkpoint
from mhfd.remote.long.claims import Claim, Claims, Numbered
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.lease import CancelHeard, LeaseLost, TurnOver, WorkLease
from mhfd.remote.long.machine import Holder, HostMachine
from mhfd.remote.long.turn import LongFailure, LongWork
from mhfd.remote.refusal import Refusal, problem
from mhfd.site import Site

R = TypeVar("R", bound=WorkRequest)

_NOT_THE_WORK: Final = {"turn_s", "client", "cancel", "schema_version"}
"""Fields that do not say what is to be done."""
_FOLDERS: Final = "files-"
_FOR_EVER_S: Final = 1e8


@dataclass(frozen=True, slots=True)
class LongVerb(Generic[R]):
    """A function of long work."""

    name: str
    request: type[R]
    work: Callable[[R, LongWork], Mapping[str, Any]]
    """Does it, and gives its result. Is called anew for each turn: `LongWork.saved` says where it was."""


@dataclass(slots=True)
class WorkSeen:
    """How a request found its work, and left it: for an answer that an error cut short, and for the log."""

    key: str | None
    began_ns: int
    taken_up: int = 0
    progress: Progress | None = None
    state: WorkState | None = None

    def answer(self, *, errors: tuple[Problem, ...] = (), **fields: Any) -> WorkAnswer:
        """What is said of it."""
        versions = worker.versions()
        provenance = Provenance(version=versions["mhfd"], backend="none", device="none", threads=0, versions=versions)
        return WorkAnswer(
            ok=not errors,
            errors=errors,
            key=self.key,
            state=self.state,
            taken_up=self.taken_up,
            progress=self.progress,
            provenance=provenance,
            began_ns=self.began_ns,
            ended_ns=time.time_ns(),
            **fields,
        )


class AskedWork(Generic[R]):
    """See the module."""

    def __init__(
        self,
        verb: LongVerb[R],
        request: R,
        site: Site,
        ledger: Ledger,
        disk: WorkDisk,
        named: str,
        seen: WorkSeen,
        claims: Claims,
        machine: HostMachine,
    ) -> None:
        self._verb, self._request, self._site, self._ledger = verb, request, site, ledger
        self._disk, self._named, self._seen, self._claims, self._machine = disk, named, seen, claims, machine
        self._digest = _digest(verb.name, request)
        self._notes: list[Problem] = []

    def answer(self) -> WorkAnswer:
        """What is to be said, after a turn if it is ours."""
        while True:
            last = self._claims.last()
            if last is not None:
                self._must_be_the_same(last)
                if (end := self._end_of(last)) is not None:
                    return end
                if not self._claims.over(last):
                    return self._elsewhere()
            number = 0 if last is None else last.number
            if self._request.cancel or self._disk.time_of(lease.CANCEL) is not None:
                self._begun(number)
                if (said := self._ended(WorkState.CANCELLED)) is not None:
                    return said
                continue
            with block.turn() as mine:
                if not mine:
                    return self._waits()
                holder = self._machine.begin()
                try:
                    if self._claims.add(number + 1, self._claim(holder)):
                        self._seen.taken_up = number + 1
                        return self._turn()
                finally:
                    self._machine.end(holder)

    def _begun(self, number: int) -> Checkpoint | None:
        """What there is to go on from after the turn of that number."""
        found = checkpoints.latest(self._disk, number)
        for name in found.damaged:
            self._damaged(name)
        if found.checkpoint is not None:
            self._seen.progress = found.checkpoint.progress
        return found.checkpoint

    def _end_of(self, last: Numbered) -> WorkAnswer | None:
        """The answer, where the work has ended; else how it is."""
        if last.said is not None and (end := last.said.end) is not None:
            self._seen.state, self._seen.taken_up, self._seen.progress = end.state, end.taken_up, end.progress
            return end
        self._seen.taken_up, self._seen.progress = last.number, lease.told(self._disk, last.number)
        return None

    def _must_be_the_same(self, last: Numbered) -> None:
        if last.said is None:
            self._damaged(f"claim {last.number}")
        elif last.said.request != self._digest:
            why = f"the key {self._request.key!r} is that of another request ({last.said.function})"
            remedy = "name another key, or ask for what was asked for with this one"
            raise Refusal(problem(Code.WRONG_KEY, why, remedy, field="key"))

    def _damaged(self, what: str) -> None:
        why = f"{what} of this work is damaged, and is not believed"
        self._notes.append(problem(Code.DAMAGED, why, "look at the disk; the work goes on from what is whole"))

    def _elsewhere(self) -> WorkAnswer:
        """Another one has it, and hears by a file that it is not wanted."""
        if self._request.cancel:
            self._disk.put(lease.CANCEL, b"")
        return self._said(WorkState.ELSEWHERE)

    def _waits(self) -> WorkAnswer:
        """Nobody has it, and it can't be worked on here before another one's turn is over."""
        why = "another work has the turn of this process, which does one at a time"
        self._notes.append(problem(Code.BUSY, why, "ask again: each gets its turns"))
        return self._said(WorkState.ELSEWHERE)

    def _claim(self, holder: Holder, end: WorkAnswer | None = None) -> Claim:
        return Claim(function=self._verb.name, request=self._digest, holder=holder, at_ns=time.time_ns(), end=end)

    def _said(self, state: WorkState, **fields: Any) -> WorkAnswer:
        self._seen.state = state
        return self._seen.answer(notes=tuple(self._notes), **fields)

    def _ended(self, state: WorkState, **fields: Any) -> WorkAnswer | None:
        """The work's end, after the last turn; None where another one was quicker."""
        said = self._said(state, **fields)
        most, size = self._site.max_response_bytes, len(json.dumps(said.model_dump(mode="json")))
        if size > most:
            why = f"the answer of {self._verb.name} has {size} bytes; this endpoint answers with {most} at most"
            raise Refusal(problem(Code.INTERNAL, why, "report it: what is as large is to be an artefact"))
        holder = self._machine.begin()
        self._machine.end(holder)
        return said if self._claims.add(self._seen.taken_up + 1, self._claim(holder, said)) else None

    # -- a turn

    def _turn(self) -> WorkAnswer:
        """It is ours."""
        held = WorkLease(self._disk, self._claims, self._machine, self._seen.taken_up)
        try:
            with held.kept(), ExitStack() as stack:
                begun = self._begun(held.number - 1)
                checkpoints.begin(self._disk, held.number, begun)
                held.progress = self._seen.progress
                folder, named = stack.enter_context(self._own_folder(held.number))
                held.must_hold()  # so it is what earlier turns kept: nobody has taken it from there yet
                turn = LongWork(
                    self._site,
                    self._ledger,
                    self._disk,
                    held,
                    folder,
                    named,
                    begun,
                    turn_s=self._request.turn_s,
                    most_s=self._site.max_seconds,
                    machine=self._machine,
                )
                return self._worked(turn)
        except LeaseLost:
            last = self._claims.last()
            end = None if last is None else self._end_of(last)
            return self._said(WorkState.ELSEWHERE) if end is None else end

    def _worked(self, turn: LongWork) -> WorkAnswer:
        try:
            result = self._called(turn)
        except TurnOver:
            return self._said(WorkState.MORE)
        except CancelHeard:
            return self._end(WorkState.CANCELLED)
        except LongFailure as e:
            return self._end(WorkState.FAILED, errors=tuple(e.problems))
        except alarm.Overdue:
            return self._overdue(turn)
        return self._end(WorkState.DONE, result=result, artefacts=tuple(turn.artefacts))

    def _called(self, turn: LongWork) -> dict[str, Any]:
        try:
            with self._ledger.working(), alarm.ended_after(self._site.max_seconds or _FOR_EVER_S):
                return dict(self._verb.work(self._request, turn))
        finally:
            self._seen.progress = turn.progress

    def _end(self, state: WorkState, **fields: Any) -> WorkAnswer:
        said = self._ended(state, **fields)
        if said is None:
            raise LeaseLost
        return said

    def _overdue(self, turn: LongWork) -> WorkAnswer:
        why = f"this turn was ended after {self._site.max_seconds:g} s, between two checkpoints"
        if turn.saves:
            self._notes.append(problem(Code.OUT_OF_TIME, why, "ask again: it goes on from the last checkpoint"))
            return self._said(WorkState.MORE)
        remedy = "ask the endpoint's administrator for more time: in so short a turn nothing is saved"
        raise Refusal(problem(Code.OUT_OF_TIME, why, remedy))

    @contextmanager
    def _own_folder(self, number: int) -> Iterator[tuple[int, str]]:
        """What earlier turns kept, as a folder of this turn alone.

        It is theirs by another name where they are over, and a copy where one might wake up and go on writing.
        """
        mine = f"{_FOLDERS}{number}"
        folders = {int(name.removeprefix(_FOLDERS)): name for name in self._disk.names() if _is_folder(name)}
        others = {turn: name for turn, name in folders.items() if turn < number}  # later ones: we were stopped
        if others:
            turn = max(others)
            claim = self._claims.numbered(turn)
            if claim is not None and self._claims.surely_over(claim):
                self._disk.move(others.pop(turn), mine)
            else:
                self._ledger.writes(self._disk.size(others[turn]))
                self._disk.copy(others[turn], mine)
        with self._disk.folder(mine) as folder:
            for name in others.values():
                self._disk.drop_folder(name)
            self._claims.tidy(number)
            yield folder, f"{self._named}/{mine}"


def _is_folder(name: str) -> bool:
    return name.startswith(_FOLDERS) and name.removeprefix(_FOLDERS).isdecimal()


def _digest(function: str, request: WorkRequest) -> str:
    """The hash of what is to be done. A field that a later mhfd adds, and nobody gives, changes nothing."""
    plain = {"function": function, **request.model_dump(exclude=_NOT_THE_WORK, exclude_defaults=True)}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()
