"""The station: one loop that joins arrival, journal, runner, verdict and record.

Every step takes its work from the journal and leaves its result there, so it can be killed anywhere and goes on where
it was; starting after a crash and going on after a pause are the same code. The loop never touches the watched
folder: a share that hangs blocks arrival's thread and the workers, not the heartbeat.

It decides nothing about images: what is whole, what a score is, what is in focus and what a sidecar holds are its
collaborators' business.
"""

import logging
import os
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.arrival.events import NOT_IN_THE_WAY, FolderTrouble, Recovered, Unchanged, Whole
from mhfd_client.errors import NamingError, RowDamaged, StateError
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, Outcome, State, VerdictRow
from mhfd_client.naming import NOWHERE, Place
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Runner, Scored, SeatsTaken, Started, set_aside
from mhfd_client.station import drawn_bar, older_endpoint, who_is_asked
from mhfd_client.station.again import Again, JudgesAgain
from mhfd_client.station.feeder import Feeder, News, Watcher
from mhfd_client.station.inbox import GivenLabel, Inbox
from mhfd_client.station.patience import Patience
from mhfd_client.station.recording import Recording, SidecarWriter

log = logging.getLogger("mhfd.station")
T = TypeVar("T")

BEAT_S: Final = 1.0
LAST_TRIES: Final = 3  # how often what is still to be written at the end is tried when the folder refuses it
CHUNK: Final = 50  # images a step takes at once: bounds memory, and how long a step keeps the others waiting


class Judge(JudgesAgain, Protocol):
    """Verdicts. May remember what it saw, and must make itself at home in the journal when it is made."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        """The verdict on this image, then those of earlier images that it changes, each with the image's id.

        Called once for each report, unless this process dies before the journal has the answer.
        """

    def withdraw(self, row: ImageRow) -> Sequence[tuple[int, VerdictRow]]:
        """This revision has come: what is said of earlier ones from now on. May be called again for the same one."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run of the loop ended."""

    counts: dict[State, int]
    scored: int  # by this run
    seconds: float
    by_itself: bool = False  # nothing came any more; nobody stopped it

    @property
    def left(self) -> int:
        """Images that the next run goes on with."""
        return sum(n for state, n in self.counts.items() if state not in (State.RECORDED, State.REPLACED))


class Station:
    """A running watch.

    Args:
        place: Section and tile from a relative path.
        attempts: How often an image may come back for a fault of its own before it is set aside.
        backoff_s: Wait before an image that came back is tried again; doubled each time. Also for the disk.
        grace_s: How long a stop waits for what is being scored.
        until_idle: End by itself when nothing has happened for so many seconds.
        unsettled_s: How much longer that is now: while files are there that are not whole yet, or were not looked for.
        people: What people say of images, and what they are asked.
        look: Called after verdicts and at every beat, for whoever raises alerts. Must return at once.
        trouble: Told what is wrong with the station's own folder, and None when it is over. Likewise.
        nearby: What learned packages are shown of the sharp images near one, by package.
        turns: Called again and again as long as the loop lives, whatever it waits for: for who supervises it. Likewise.
    """

    def __init__(
        self,
        journal: Journal,
        watcher: Watcher,
        runner: Runner,
        judge: Judge,
        recorder: SidecarWriter,
        *,
        root: str | os.PathLike[str],
        params: Params,
        place: Callable[[str], Place],
        attempts: int = 4,
        backoff_s: float = 1.0,
        grace_s: float = 30.0,
        until_idle: float | None = None,
        unsettled_s: Callable[[], float] = lambda: 0.0,
        people: Inbox | None = None,
        look: Callable[[], None] = lambda: None,
        trouble: Callable[[str | None], None] = lambda _: None,
        turns: Callable[[], None] = lambda: None,
        nearby: Callable[[ImageRow], Mapping[str, Sequence[float]]] = lambda _: {},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal, self.runner = journal, runner
        self._judge, self._people = judge, people
        self._root, self._params, self._place = os.path.abspath(root), params, place  # noqa: PTH100 - no UTF-8 needed
        self._attempts, self._backoff, self._grace = attempts, backoff_s, grace_s
        self._until_idle, self._unsettled_s, self._clock, self._look = until_idle, unsettled_s, clock, look
        self._turns, self._nearby = turns, nearby
        self._stopping = self._more = False  # more: judging or recording has more to do at once
        self._in_flight: dict[int, str] = {}
        self._started: dict[int, int] = {}
        self._news: deque[News] = deque()  # not yet in the journal
        self._events: deque[Event] = deque()  # likewise
        self._later: dict[int, float] = {}  # images that wait for their next try
        self._verdicts: list[tuple[int, VerdictRow]] = []  # of one image or label, not yet in the journal
        self._label: tuple[Path, GivenLabel] | None = None  # likewise, with its file
        self._notes: dict[str, str] = {}
        self._patience = Patience(journal, backoff_s=backoff_s, say=trouble)
        self._recording = Recording(journal, recorder, self._patience, backoff_s=backoff_s, clock=clock)
        self._notices: dict[str, drawn_bar.DrawnBar | older_endpoint.OlderEndpoint] = {
            drawn_bar.KIND: drawn_bar.DrawnBar(),
            older_endpoint.KIND: older_endpoint.OlderEndpoint(),
        }
        self._root_troubles: dict[str, str] = {}  # kind, why: nothing below the root can be read
        self._feeder = Feeder(watcher, runner.wake)
        self._again = Again(judge, clock)
        self._scored = 0
        self._settling = False  # files were there that are not whole yet
        self._turned = self._moved = self._beaten = self._began = clock()

    def stop(self) -> None:
        """Finish what is being scored, then end. From any thread or signal handler; twice: end at once."""
        if self._stopping:
            self._grace = 0.0
        self._stopping = True
        self._patience.hurry()
        self.runner.wake()

    def run(self) -> Summary:
        """Watch until stopped or idle. RunnerError, StateError or the watcher's error when a person must act."""
        for step in (self.journal.recovered, self._reconcile, partial(self._beat, "starting")):
            while not (self._waited_out(step) or self._stopping):
                continue
        self._feeder.start()
        try:
            self._moved = self._clock()
            while not (self._stopping or self._idle()):
                self._waited_out(self._turn)
            by_itself = not self._stopping
            self._feeder.finish()
            self._wind_down()
        finally:
            self._feeder.finish()
            self.runner.close()
        return Summary(self.journal.counts(), self._scored, self._clock() - self._began, by_itself)

    # -- the loop

    def _turn(self) -> None:
        self._turned = self._clock()
        self._news.extend(self._feeder.news())
        self._into_journal(self._news, self._note)
        self._submit()
        self._events.extend(self.runner.events(0.0 if self._more else self._rest()))
        self._settle()

    def _settle(self) -> None:
        """From events to records: everything after scoring."""
        self._into_journal(self._events, self._hear, self._forget)
        judged, recorded = self._judge_some(), self._record_some()
        self._more = max(judged, recorded) == CHUNK or self._judge_again()
        if self._clock() - self._beaten >= BEAT_S:
            self._meet_people()
            self._patience.note()
            self._beat(self._doing())
            self._look()
        elif judged:
            self._look()
        if not self._recording.refused:
            self._patience.taken()

    def _into_journal(
        self, waiting: deque[T], step: Callable[[T], None], done: Callable[[T], None] = lambda _: None
    ) -> None:
        """What waits is let go of once the journal has it: a full disk must not lose anything."""
        while waiting:
            some = list(waiting)[:CHUNK]
            with self.journal.together():
                for one in some:
                    step(one)
            for one in some:
                waiting.popleft()
                done(one)
            self._moved = self._clock()

    def _note(self, item: News) -> None:
        """[1] What arrived goes into the journal."""
        match item:
            case Whole():
                row = self.journal.arrived(item, self._placed(item.path))
                if row is not None and row.revision > 1:
                    for earlier, verdict in self._judge.withdraw(row):
                        self.journal.judged(earlier, verdict)
            case Unchanged():
                self.journal.unchanged(item)
            case FolderTrouble():
                log.warning("%s: %s", item.path or "the watched folder", item.why)
                self.journal.trouble(item.kind, item.path, item.why)
                if item.path is None and item.kind not in NOT_IN_THE_WAY:
                    self._root_troubles[item.kind] = item.why
            case Recovered():
                log.info("%s: %s is over", item.path or "the watched folder", item.kind)
                self.journal.recovered(item.kind, item.path)
                if item.path is None:
                    self._root_troubles.pop(item.kind, None)

    def _placed(self, path: str) -> Place:
        """Where it belongs. One name that its pattern is too slow for is named, and has no section."""
        try:
            return self._place(path)
        except NamingError as e:
            log.warning("%s", e)
            self.journal.trouble("names", path, str(e))
            return NOWHERE

    def _submit(self) -> None:
        """[2] As many whole images as the runner has places for; those that failed before go alone."""
        free = self.runner.capacity - len(self._in_flight)
        if free <= 0 or self._root_troubles:
            return
        now = self._clock()
        self._later = {image: due for image, due in self._later.items() if due > now}
        rows = self.journal.pending(State.WHOLE, limit=free + len(self._later))
        rows = [row for row in rows if row.id not in self._later][:free]
        fresh = [row for row in rows if not row.faults]
        for group in [fresh, *([row] for row in rows if row.faults)]:
            if group:
                self._hand_over(group)

    def _hand_over(self, rows: list[ImageRow]) -> None:
        token = str(uuid.uuid4())
        jobs = tuple(self._job(row, self._params) for row in rows)
        ids, runner = [row.id for row in rows], self.runner
        self.journal.intent(ids, token, runner.name, self._params, durable=runner.outlives)
        self._in_flight.update((row.id, token) for row in rows)
        runner.submit(Batch(token, jobs))

    def _hear(self, event: Event) -> None:
        """[3] What the runner said goes into the journal.

        Only the journal changes here, so that it may be repeated when the transaction fails.
        """
        match event:
            case Started():
                self._started[event.id] = event.at_ns
            case Scored():
                if self.journal.scored(
                    event.id,
                    event.report,
                    at_ns=event.at_ns,
                    started_ns=event.started_ns or self._started.get(event.id),
                    transferred_ns=event.transferred_ns,
                    returned_ns=event.returned_ns,
                    submitted_ns=event.submitted_ns,
                    estimates=event.estimates,
                ):
                    self._notice(event.report)
                    return
                log.info("image %d: a second report, or one for a replaced revision, is left aside", event.id)
            case Returned():
                blame = event.blame and not self._root_troubles
                for image in self.journal.returned(event.token, event.why, ids=event.ids, blame=blame):
                    self._came_back(image, event, blame=blame)
            case SeatsTaken():
                who_is_asked.taken(self.journal, event)
            case Health(ok=True):
                log.info("%s", event.detail)
                self.journal.recovered(event.kind)
            case Health():
                log.warning("%s", event.detail)
                self.journal.trouble(event.kind, None, event.detail)

    def _notice(self, report: FocusReport) -> None:
        for kind, notice in self._notices.items():
            said = notice.see(report)
            if said:
                log.warning("%s", said)
                self.journal.trouble(kind, None, said)
            elif said is not None:
                self.journal.recovered(kind)

    def _forget(self, event: Event) -> None:
        if isinstance(event, Scored | Returned):
            self._scored += isinstance(event, Scored)
            for image in event.ids if isinstance(event, Returned) else (event.id,):
                if self._in_flight.get(image) == event.token:  # not work that others have given the same runner
                    del self._in_flight[image]
                    self._started.pop(image, None)

    def _came_back(self, image: int, event: Returned, *, blame: bool) -> None:
        row = self.journal.image(image)
        if blame and row.faults >= self._attempts:
            why = f"set aside after {row.faults} tries: {event.why}"
            report = set_aside(row.path, self._params, why, code=event.code)
            self.journal.scored(image, report)
            return
        log.info("%s: %s; tried again", row.path, event.why)
        if not blame:
            self._feeder.again(row.path)
        self._later[image] = self._clock() + self._backoff * 4.0 ** max(0, row.faults - 1)

    def _judge_some(self) -> int:
        """[4] A verdict for every report, and new ones for earlier images."""
        self._keep_verdicts()
        rows = self.journal.pending(State.SCORED, limit=CHUNK)
        for row in rows:
            self._verdicts = list(self._verdicts_on(row))
            self._keep_verdicts()
        return len(rows)

    def _judge_again(self) -> bool:
        """Earlier verdicts, a slice at a time and never before new ones. Whether there is more to do at once."""
        quiet = not (self._in_flight or self._news or self._events or self._feeder.waiting)
        quiet &= self._clock() - self._moved >= self._again.quiet_s(self._until_idle)
        if self._stopping:
            return False  # the next start goes on with them
        self._verdicts = self._again.some(quiet=quiet)
        changed = bool(self._verdicts)  # their sidecars are to be written
        self._keep_verdicts()
        return bool(changed or self._judge.waiting or (quiet and self._again.left))

    def _keep_verdicts(self) -> None:
        """A judge is asked once: when the journal cannot take its answer, the answer is kept."""
        if self._verdicts or self._label:
            with self.journal.together():
                if self._label:
                    self._label[1].into(self.journal)
                for image, verdict in self._verdicts:
                    self.journal.judged(image, verdict)
            taken, self._verdicts, self._label = self._label, [], None
            self._moved = self._clock()
            if taken and self._people:
                self._people.done(taken[0])

    def _meet_people(self) -> None:
        """What they said changes verdicts; what the station asks in turn is noted for whoever shows it."""
        if self._people is None:
            return
        self._keep_verdicts()
        for file, other in self._people.others().items():
            other.into(self.journal)
            self._moved = self._clock()
            self._people.done(file)
        for file, label in self._people.labels().items():
            self._verdicts, self._label = list(self._people.answer(label)), (file, label)
            self._keep_verdicts()
            self._more = True  # sidecars
        for why in self._people.strange:
            if self._notes.get(why) is None:
                self.journal.trouble("inbox", why.partition(" ")[0], why)
                self._notes[why] = why
        for name, text in self._people.judge.notes().items():
            if self._notes.get(name) != text:
                self.journal.note(name, text)
                self._notes[name] = text

    def _verdicts_on(self, row: ImageRow) -> Sequence[tuple[int, VerdictRow]]:
        assert row.report is not None  # noqa: S101 - the schema says so, for scored images
        try:
            return self._judge.judge(row, self.journal.report(row.report))
        except RowDamaged as e:
            self.journal.trouble("report", row.path, str(e))
            return [(row.id, VerdictRow(Outcome.UNDETERMINED, f"I can't tell: {e}."))]
        except StateError:
            raise
        except Exception as e:  # a defect must not end a run of three days; the image says what happened
            log.exception("%s: judging failed", row.path)
            why = f"I can't tell: judging failed with {type(e).__name__}: {e}. Please report this defect."
            return [(row.id, VerdictRow(Outcome.UNDETERMINED, why))]

    def _record_some(self) -> int:
        """[5] A sidecar for every verdict."""
        tried, done = self._recording.some(CHUNK)
        if done:
            self._moved = self._clock()
        return tried

    # -- start and end

    def _reconcile(self) -> None:
        """After a start: work that goes on somewhere is taken up, the rest is submitted again."""
        for batch in self.journal.open_batches():
            self._turns()
            if batch.token in self._in_flight.values():
                continue  # taken up before a disk refused the rest
            try:
                params = Params.model_validate_json(batch.params)
            except ValidationError as e:
                log.error("%s of batch %s cannot be read: it is submitted again: %s", batch.runner, batch.token, e)
                self.journal.returned(batch.token, "its parameters in the journal are damaged")
                continue
            jobs = tuple(self._job(self.journal.image(image), params) for image in batch.ids)
            if batch.runner == self.runner.name and self.runner.reattach(Batch(batch.token, jobs)):
                self._in_flight.update((image, batch.token) for image in batch.ids)
            else:
                self.journal.returned(batch.token, "the station was restarted")

    def _wind_down(self) -> None:
        """After a stop: wait for what is being scored, as long as the grace lasts, then give the rest back."""
        end = self._clock() + self._grace
        refused = 0
        while True:
            done = self._waited_out(self._settle) and self._waited_out(self._meet_people)
            refused = 0 if done else refused + 1
            self._more &= done
            hope = self._recording.hopeful or 0 < refused < LAST_TRIES
            if not (self._in_flight or self._more or hope) or self._clock() >= end or not self._grace:
                break
            if self.runner.outlives and not self.runner.capacity and not self._more:
                break  # nothing comes from there now, and the next start takes it up
            now = self._clock()
            rest = max(0.01, min([now + BEAT_S, end, *self._recording.dues]) - now)
            self._events.extend(self.runner.events(0.0 if self._more else rest))
        if not self.runner.outlives:
            for token in set(self._in_flight.values()):
                self.journal.returned(token, "the station was stopped")
        self._beat("stopped")

    def _idle(self) -> bool:
        if self._until_idle is None or self._in_flight or self._news or self._feeder.waiting:
            return False
        if (self._later and not self._root_troubles) or self._recording.hopeful or self._again.left:
            return False
        if self._moved > self._turned:
            return False  # what moved in this turn may have made room: the next one hands images over
        now, unsettled_s = self._clock(), self._unsettled_s()
        if self._settling and not unsettled_s:
            self._moved = now  # a file that has just become whole is on its way here
        self._settling = unsettled_s > 0
        return now - self._moved >= self._until_idle + unsettled_s

    # -- small things

    def _job(self, row: ImageRow, params: Params) -> Job:
        path = os.path.join(self._root, row.path)  # noqa: PTH118 - as above
        return Job(row.id, path, row.size, row.mtime_ns, params, self._nearby(row))

    def _rest(self) -> float:
        """How long nothing needs to be done if nothing happens."""
        alarms = [self._beaten + BEAT_S, *self._later.values(), *self._recording.dues]
        if self._again.left:
            alarms.append(self._moved + self._again.quiet_s(self._until_idle))
        if self._until_idle is not None and self._moved + self._until_idle > self._clock():
            alarms.append(self._moved + self._until_idle)
        return max(0.001, min(alarms) - self._clock())

    def _doing(self) -> str:
        if self._root_troubles:
            return f"waiting for the folder: {'; '.join(self._root_troubles.values())}"
        if self._patience.why is not None:
            return f"waiting for its own folder: {self._patience.why}"
        return "stopping" if self._stopping else "watching"

    def _beat(self, doing: str) -> None:
        self._beaten = self._clock()
        self.journal.beat(doing, in_flight=len(self._in_flight), capacity=self.runner.capacity)

    def _waited_out(self, step: Callable[[], None]) -> bool:
        """Whether it was done; trouble of the station's own folder is waited out."""
        self._turns()
        if self._patience.step(step):
            return True
        self._moved = self._clock()  # who waits for a disk is not idle
        return False


@contextmanager
def stopped_by_signals(station: Station) -> Iterator[None]:
    """SIGTERM and SIGINT stop the station cleanly. In the main thread only."""
    old = {number: signal.signal(number, lambda *_: station.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
