"""What runners whose work is done elsewhere have in common: an inbox for what other threads hear, and the answers.

State is touched only inside `submit`, `events`, `cancel` and `reattach`: other threads put what is to be done into the
inbox. It knows no service, and of failures decides only what becomes of works, which are asked for again until they
are over; an image's are `runners.compute`'s and `runners.flow`'s, and its answers `runners.far_images`'s.
"""

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from mhfd.contract.request import Code
from mhfd.contract.work import ENDS, WorkAnswer, WorkState
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Event, Returned, Started, Trouble
from mhfd_client.runners.background import Background, News
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.pending import Pending, PendingTable, PendingWork
from mhfd_client.runners.work import AT_FAULT, Ended, Going

HELD: Final = {Code.QUOTA, Code.NO_SITE, Code.NO_DEVICE}  # nobody's work is done there now
_PAUSE_S: Final = 5.0  # somebody else has the work: how it goes is asked again, less and less often
_PAUSE_MOST_S: Final = 60.0
_WAIT_MOST_S: Final = 300.0


class FarRunner(ABC):
    """Works elsewhere.

    Args:
        images: Those that it has.
        condition: How it is there.
        clock: In seconds, from anywhere.
        background: The time of day, and whose threads wait and ask.
    """

    name: ClassVar[str]
    outlives = True
    _attempts: int
    _backoff: float

    def __init__(
        self,
        images: PendingTable[Any],
        condition: Condition,
        clock: Callable[[], float],
        background: Background,
    ) -> None:
        self._pending, self._condition, self._clock = images, condition, clock
        self._works: PendingTable[PendingWork] = PendingTable()
        self._now_ns = background.now_ns
        self._inbox: News = background.news()
        self._out: list[Event] = []
        self._closed = False

    @property
    def capacity(self) -> int:
        """None while there is no point in handing over more."""
        return 0 if self._condition.worst in (Trouble.OFFLINE, Trouble.REFUSED) else self._room

    @property
    def held(self) -> int:
        """Images that are here, out or waiting."""
        return len(self._pending)

    @property
    @abstractmethod
    def _room(self) -> int:
        """Images that it takes when all is well."""

    @abstractmethod
    def _accept(self, batch: Batch) -> None:
        """Take these."""

    @abstractmethod
    def _tend(self) -> None:
        """Everything that time brings."""

    @abstractmethod
    def _alarm(self) -> float:
        """In how many seconds something must be done though nothing happens."""

    def submit(self, batch: Batch) -> None:
        if self._closed:
            raise RunnerError(f"{self.name} runner: it is closed and takes no more work")
        free = max(0, self.capacity - self.held)
        if len(batch.images) > free:
            raise RunnerError(
                f"{self.name} runner: {len(batch.images)} images for {free} free of {self.capacity} places"
            )
        self._accept(batch)
        self._tend()

    def events(self, timeout: float) -> Sequence[Event]:
        self._hear(0.0)
        self._tend()
        if not self._out and not self._closed:
            self._hear(timeout)
            self._tend()
        found, self._out = self._out, []
        return found

    def wake(self) -> None:
        self._inbox.put(None)

    def _hear(self, timeout: float) -> None:
        """Do what other threads left to do; wait for it, at most until the next alarm."""
        try:
            do = self._inbox.get(timeout=max(0.0, min(timeout, self._alarm())))
            while True:
                if do is not None:
                    do()
                do = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _begun(self, one: Pending) -> None:
        if not one.began:
            one.began = True
            self._out.append(Started(one.token, one.id, self._now_ns()))

    def _table(self, one: Pending) -> PendingTable[Any]:
        """Where it is."""
        return self._works if isinstance(one, PendingWork) else self._pending

    def _give_back(self, some: Sequence[Pending], why: str, *, blame: bool = False, code: str | None = None) -> None:
        ids: dict[str, list[int]] = {}
        for one in some:
            if self._table(one).close(one):
                ids.setdefault(one.token, []).append(one.id)
        self._out.extend(Returned(token, tuple(ids), why, blame, code) for token, ids in ids.items())

    # -- works

    def _heard(self, one: PendingWork, answer: WorkAnswer, endpoint: str) -> None:
        """What its function says: it is over, or it is asked again."""
        if answer.state is None:
            self._not_taken(one, answer, endpoint)
            return
        if not one.open:
            return
        self._begun(one)
        there = answer.provenance.model_copy(update={"endpoint": endpoint})
        answer, now_ns = answer.model_copy(update={"provenance": there}), self._now_ns()
        if answer.state in ENDS:
            self._works.close(one)
            self._out.append(Ended(one.token, one.id, answer, now_ns))
            return
        self._out.append(Going(one.token, one.id, answer, now_ns))
        one.failures = one.tries = 0
        one.pauses = one.pauses + 1 if answer.state is WorkState.ELSEWHERE else 0
        pause = min(_PAUSE_MOST_S, _PAUSE_S * 2.0 ** (one.pauses - 1)) if one.pauses else 0.0
        one.due = self._clock() + pause
        self._works.again([one])

    def _not_taken(self, one: PendingWork, answer: WorkAnswer, endpoint: str) -> None:
        code, said = "", ["it answered without a state and without a reason"]
        for error in answer.errors[:1]:
            code, said = error.code, [part for part in (error.field, error.why, error.remedy) if part]
        why = ": ".join([f"endpoint {endpoint}", one.work.function, *said])
        if code in HELD:
            self._refused(why, used_up=code == Code.QUOTA)
            self._works.again([one])
        elif code in AT_FAULT:
            self._give_back([one], why, blame=True, code=code)
        else:
            self._in_vain(one, why, code=code or None)

    def _in_vain(self, one: PendingWork, why: str, *, code: str | None = None) -> None:
        """It was asked for, and nothing came of it: again, but not for ever."""
        one.failures += 1
        if one.failures >= self._attempts:
            self._give_back([one], f"given up after {one.failures} tries: {why}", blame=True, code=code)
            return
        one.due = self._clock() + min(_WAIT_MOST_S, self._backoff * 2.0 ** (one.failures - 1))
        self._works.again([one])

    def _cancel_works(self, token: str) -> None:
        """What nobody can have begun comes back; the rest is to end, and is asked until it has."""
        for one in self._works.of(token):
            if not one.asked:
                self._give_back([one], "cancelled")
            elif not one.cancels:
                one.cancels, one.due, one.pauses = True, 0.0, 0
                self._works.again([one])

    @abstractmethod
    def _refused(self, why: str, *, used_up: bool) -> None:
        """Nothing is done there for us now. `used_up`: of a day's quota."""
