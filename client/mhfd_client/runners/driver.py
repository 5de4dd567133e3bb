"""Many images or works through one runner for somebody who waits: handed over as it has room, given back as they end.

A station waits for ever; a person is told what is waited for, and in the end why it is no use. Nothing here knows who
does it.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, overload

from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Runner, Scored, Started, Trouble, set_aside
from mhfd_client.runners.work import Ended, Going, Work, undone

FAR_PATIENCE_S: Final = {
    Trouble.REFUSED: 0.0,
    Trouble.FAILING: 10.0,  # a few tries
    Trouble.OFFLINE: 120.0,  # several looks
    Trouble.QUEUED: 3600.0,  # a node may take as long
}

Asked = Job | Work
Heard = Scored | Going | Ended


class Driver:
    """Feeds a runner, and listens to it.

    Args:
        runner: Who does it.
        token: Of every batch.
        tries: How often one is handed over that comes back for no fault of its own.
        patience_s: How long each trouble is waited out before it is raised; those that are left out, for ever.
        say: Told in words what is being waited for.
        left: Told what a person has to put away, though all goes on.
        begun: Told what whoever does it has taken.
        clock: In seconds, from anywhere.
    """

    def __init__(
        self,
        runner: Runner,
        token: str,
        *,
        tries: int = 1,
        patience_s: Mapping[Trouble, float] | None = None,
        say: Callable[[str], object] = lambda _: None,
        left: Callable[[str], object] = lambda _: None,
        begun: Callable[[Started], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner, self._token, self._most_tries = runner, token, tries
        self._patience, self._say, self._left, self._clock = patience_s or {}, say, left, clock
        self._begun = begun
        self._flying: dict[int, Asked] = {}
        self._again: deque[Asked] = deque()
        self._tries: Counter[int] = Counter()
        self._wrong: dict[Trouble, tuple[float, Health]] = {}  # and since when
        self._ended = False

    @overload
    def results(self, work: Iterable[Job | Scored], *, taken: Iterable[Job] = ()) -> Iterator[list[Scored]]: ...

    @overload
    def results(self, work: Iterable[Work], *, taken: Iterable[Work] = ()) -> Iterator[list[Going | Ended]]: ...

    @overload
    def results(self, work: Iterable[Asked | Scored], *, taken: Iterable[Asked] = ()) -> Iterator[list[Heard]]: ...

    def results(self, work: Iterable[Any], *, taken: Iterable[Any] = ()) -> Iterator[list[Any]]:
        """Answers, as many as have come at once. RunnerError; what was wrong for too long.

        Args:
            work: Images and works; or the answer where there is nothing to score.
            taken: Those that the runner has already.
        """
        rest = iter(work)
        self._flying = {job.id: job for job in taken}
        while True:
            if known := self.hand_over(rest):
                yield known
            if self._ended and not self._flying and not self._again:
                return
            if done := self.listen(1.0):
                yield done
            self.lose_patience()

    def resumed(self, work: Sequence[Any]) -> Iterator[list[Any]]:
        """As `results`, of what may have been handed over before, by a process that is gone."""
        asked = [one for one in work if not isinstance(one, Scored)]
        taken = bool(asked) and self._runner.reattach(Batch(self._token, tuple(asked)))
        rest = [one for one in work if isinstance(one, Scored)] if taken else work
        return self.results(rest, taken=asked if taken else ())

    def hand_over(self, rest: Iterator[Asked | Scored]) -> list[Heard]:
        """As many as the runner has room for; the answers of those that need none. It may be asked again for
        what came meanwhile, when there was nothing left.
        """
        jobs: list[Asked] = []
        known: list[Heard] = []
        free = self._runner.capacity - len(self._flying)
        while len(jobs) < free:
            match self._again.popleft() if self._again else next(rest, None):
                case None:
                    self._ended = True
                    break
                case Scored() as answer:
                    known.append(answer)
                case job:
                    jobs.append(job)
        if jobs:
            self._flying |= {job.id: job for job in jobs}
            self._runner.submit(Batch(self._token, tuple(jobs)))
        return known

    def listen(self, timeout: float) -> list[Heard]:
        """The answers that have come; waits so long for one."""
        return self._heard(self._runner.events(timeout))

    def _heard(self, events: Sequence[Event]) -> list[Heard]:
        done: list[Heard] = []
        for event in events:
            match event:
                case Going() if event.id in self._flying:
                    done.append(event)
                case Scored() | Ended() if self._flying.pop(event.id, None) is not None:
                    done.append(event)
                case Started():
                    self._begun(event)
                case Returned():
                    returned = [job for id_ in event.ids if (job := self._flying.pop(id_, None)) is not None]
                    done += [answer for job in returned if (answer := self._came_back(job, event)) is not None]
                case Health(ok=True):
                    self._wrong.pop(event.kind, None)
                case Health(kind=Trouble.LEFTOVER):
                    self._left(event.detail)
                case Health():
                    self._say(event.detail)
                    since = self._wrong[event.kind][0] if event.kind in self._wrong else self._clock()
                    self._wrong[event.kind] = (since, event)
        return done

    def _came_back(self, job: Asked, event: Returned) -> Heard | None:
        self._tries[job.id] += 1
        if not event.blame and self._tries[job.id] < self._most_tries:
            self._again.append(job)
            return None
        if isinstance(job, Work):
            return Ended(self._token, job.id, undone(job.key, event.why, event.code), time.time_ns())
        report = set_aside(job.path, job.params, f"could not be scored: {event.why}", code=event.code)
        return Scored(self._token, job.id, report, time.time_ns())

    def lose_patience(self) -> None:
        """RunnerError, or what was wrong, when that has been so for too long."""
        for since, health in self._wrong.values():
            if self._clock() - since >= self._patience.get(health.kind, float("inf")):
                raise health.error or RunnerError(health.detail)
