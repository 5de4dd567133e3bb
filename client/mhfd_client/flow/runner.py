"""The flow runner: runs of a Globus flow that bring images to an endpoint, and their reports back.

A run is started at most once for the same images: what is asked for is in the logbook first, with a key that the run
carries as a tag; when the answer is lost, the service's list of runs says whether it was made. Which images go together
and what a failure means is decided here; the service's ways are `flow.service`'s, files are `flow.reports`'s, and both
are asked by threads of their own.

Nothing that goes wrong there is raised: it becomes a `Health`, and is tried again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import (
    FlowError,
    FlowMissing,
    FlowRefused,
    FlowsUnreachable,
    LoginError,
    RunnerError,
    StationError,
)
from mhfd_client.files import text_of
from mhfd_client.flow import reports
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.own_runs import FlowImage, OwnRun, Stage, next_of
from mhfd_client.flow.reports import Collected
from mhfd_client.flow.run_words import Explained, consent, ended, label, late, login_line
from mhfd_client.flow.runs_out import NotedRun, RunsFile
from mhfd_client.flow.service import Run, Start, leftover_of
from mhfd_client.runners import Batch, Event, Health, Job, Trouble
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.desk import Desk, Reply
from mhfd_client.runners.far import FarRunner

log = logging.getLogger("mhfd.flow")

LOOKS: Final = 4  # at the list of runs, before a run that is in none of them was never made
HOLD_S: Final = 30.0  # between two tries of what was refused
POLL_MOST_S: Final = 60.0
COLLECTS: Final = 3  # looks for reports of a run that has ended well


class Service(Protocol):
    """What is used of `flow.service.FlowService`."""

    def start(self, key: str, body: Any, label: str) -> Start: ...
    def find(self, keys: Any) -> dict[str, str]: ...
    def look(self, run: str) -> Run: ...
    def cancel(self, run: str) -> None: ...
    def resume(self, run: str) -> None: ...
    def close(self) -> None: ...


class FlowRunner(FarRunner[FlowImage]):
    """Scores by runs of a flow.

    Args:
        open_service: Reaches Globus Flows; called in another thread, again and again until it does not raise.
        folders: Where images and reports are, by each side's name.
        logbook: File that remembers what is out.
        batch: Images of one run, at most; so many go at once.
        wait_s: Fewer go when the first has waited for so long.
        runs: Runs that are out at once.
        poll_s: When a run is first looked at.
        late_s: A run that is in one of its steps for so long is reported.
        lag_s: How far behind the list of runs may be: a run whose start was not answered is looked for as long.
        attempts: Failures of its own before an image is set aside.
        backoff_s: Wait before images of a failed run are tried again; doubled with each failure.
    """

    name = "flow"

    def __init__(
        self,
        open_service: Callable[[], Service],
        folders: Folders,
        *,
        logbook: Path | None = None,
        batch: int = 32,
        wait_s: float = 30.0,
        runs: int = 3,
        poll_s: float = 5.0,
        late_s: float = 900.0,
        lag_s: float = 60.0,
        hold_s: float = HOLD_S,
        attempts: int = 3,
        backoff_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(Condition("the flow goes on"), clock)
        self._open_service, self._folders = open_service, folders
        self._batch, self._wait, self._runs = batch, wait_s, runs
        self._poll, self._late, self._lag, self._hold = poll_s, late_s, lag_s, hold_s
        self._attempts, self._backoff = attempts, backoff_s
        self._logbook = RunsFile(logbook, folders.flow)
        self._web = Desk(self._put)
        self._files = Desk(self._put)
        self._service: Service | None = None
        self._latest: Service | None = None  # the web desk's: opened, and maybe not heard of yet
        self._waiting: list[FlowImage] = []
        self._open: dict[tuple[str, int], FlowImage] = {}
        self._trips: dict[str, OwnRun] = {}
        self._leftovers: list[str] = []
        self._adopted = False
        self._told: list[tuple[str, Path]] = []  # over, once the station has taken what was said
        self._service_due = self._hold_until = 0.0
        self._successes = 0  # runs that went well
        self._ills = 0  # runs that did not, since the last that did
        self._tend()

    # -- the seam

    @property
    def held(self) -> int:
        """Images that are here, out or waiting."""
        return len(self._open)

    @property
    def _room(self) -> int:
        return self._batch * (self._runs + 1)

    def _accept(self, batch: Batch) -> None:
        for job in batch.jobs:
            self._take(self._image(batch.token, job))

    def _image(self, token: str, job: Job) -> FlowImage:
        return FlowImage(self._clock(), token=token, job=job)

    def events(self, timeout: float) -> Sequence[Event]:
        self._adopt()
        self._forget_told()
        return super().events(timeout)

    def cancel(self, token: str) -> None:
        """Runs with images of this batch alone are cancelled; of others the reports are left aside."""
        self._give_back([image for image in self._open.values() if image.token == token], "cancelled")
        for trip in list(self._trips.values()):
            if not trip.open and trip.run is not None and trip.stage is Stage.OUT:
                run, service = trip.run, self._service
                if service is not None:
                    self._web.ask(f"cancel {trip.key}", lambda service=service, run=run: service.cancel(run))  # type: ignore[misc]

    def reattach(self, batch: Batch) -> bool:
        """Whether runs of it are or may be out. Their reports come; what was never asked for is asked for now."""
        images = {(batch.token, job.id): self._image(batch.token, job) for job in batch.jobs}
        seen: set[tuple[str, int]] = set()
        for out in self._logbook.of(batch.token):
            trip = self._trips.get(out.key)
            if trip is None:
                trip = self._trips[out.key] = self._taken_up(out)
            for one, name in zip(out.images, out.names, strict=True):
                if one in images:
                    trip.images.append(images[one])
                    trip.names.append(name)
                    seen.add(one)
        if not seen:
            return False
        for one, image in images.items():
            self._open[one] = image
            if one not in seen:
                self._waiting.append(image)
        return True

    def _adopt(self) -> None:
        """Once everything is reattached: images that nobody waits for had their answers before the station died. Runs
        without others are cleared up, too.
        """
        for out in () if self._adopted else self._logbook.all():
            if out.key not in self._trips:
                self._trips[out.key] = self._taken_up(out)
            trip = self._trips[out.key]
            trip.answered = [name for name in out.names if name not in trip.names]
        self._adopted = True

    def _taken_up(self, out: NotedRun) -> OwnRun:
        trip = OwnRun([], [], key=out.key, run=out.run, at=self._clock(), asked_ns=out.asked_ns, again=True)
        trip.stage = Stage.OUT
        if out.run is None:
            trip.stage = Stage.LOST
            self._logbook.seen(out.key, "LOST", "")
        return trip

    def close(self) -> None:
        if self._closed:
            return
        self._forget_told()
        self._closed = True
        self._web.ask("close", self._let_go)  # after what is being asked
        self._web.close()
        self._files.close()
        self._logbook.close()

    def _open_again(self) -> Service:
        self._latest = self._open_service()
        return self._latest

    def _let_go(self) -> None:
        if self._latest is not None:
            self._latest.close()

    # -- hearing

    def _put(self, reply: Reply) -> None:
        """In a desk's thread."""
        self._inbox.put(lambda: self._replied(reply))

    def _replied(self, reply: Reply) -> None:
        about, _, key = reply.about.partition(" ")
        (self._files if about in ("check", "collect", "discard") else self._web).heard(reply)
        if self._closed:
            return
        if reply.error is not None and not isinstance(reply.error, StationError):
            log.error("%s: %s: %s", about, type(reply.error).__name__, reply.error, exc_info=reply.error)
        if about == "open":
            self._opened(reply)
        elif about == "find":
            self._found(reply)
        elif about in ("discard", "close"):
            pass
        elif (trip := self._trips.get(key)) is not None:
            {
                "check": self._checked,
                "start": self._started,
                "look": self._looked,
                "collect": self._collected,
                "resume": self._resumed,
                "cancel": self._cancelled,
            }[about](trip, reply)

    def _opened(self, reply: Reply) -> None:
        if reply.error is not None:
            self._turned_away(reply.error)
            return
        self._service = reply.value
        if not self._open:  # else the images that wait find out whether it is well
            self._condition.over(Trouble.OFFLINE, Trouble.REFUSED)

    # -- a run, from the images that wait to the one who has them

    def _take(self, image: FlowImage) -> None:
        self._open[image.token, image.job.id] = image
        why = self._folders.unmovable(image.job.path)
        if why:
            self._set_aside(image, why)
        else:
            self._waiting.append(image)

    def _gather(self, now: float) -> None:
        """Begin a run, if one may go."""
        if len(self._trips) >= self._runs or now < self._hold_until or self._service is None:
            return
        worst = self._condition.worst
        others = [trip for trip in self._trips.values() if worst is not Trouble.FAILING or trip.stage is not Stage.LOST]
        if worst in (Trouble.OFFLINE, Trouble.REFUSED, Trouble.FAILING) and others:
            return  # one at a time, until one goes well; one that is being looked up takes its time, and keeps no place
        images, self._waiting = next_of(self._waiting, self._folders, most=self._batch, wait=self._wait, now=now)
        if not images:
            return
        trip = OwnRun(images, [self._folders.name(image.job) for image in images], at=now)
        self._trips[trip.key] = trip
        jobs = [image.job for image in images]
        self._files.ask(f"check {trip.key}", lambda: [reports.unfit(job) for job in jobs])

    def _checked(self, trip: OwnRun, reply: Reply) -> None:
        """Are the images still what the station saw?"""
        answers = reply.value if reply.error is None else [(f"{type(reply.error).__name__}: {reply.error}", True)]
        if reply.error is not None:
            answers = answers * len(trip.images)
        kept: list[tuple[FlowImage, str]] = []
        for image, name, wrong in zip(trip.images, trip.names, answers, strict=True):
            if wrong is None and image.open:
                kept.append((image, name))
            elif wrong is not None:
                self._give_back([image], wrong[0], blame=wrong[1])
        trip.images, trip.names = [image for image, _ in kept], [name for _, name in kept]
        if not kept:
            del self._trips[trip.key]
            return
        trip.asked_ns = time.time_ns()
        try:
            self._logbook.asking(
                trip.key, [(image.token, image.job.id) for image in trip.images], trip.names, trip.asked_ns
            )
        except OSError as e:
            self._dissolve(trip)
            self._ill(f"what is asked of Globus cannot be noted first ({e}): free the disk of the state folder")
            return
        trip.stage = Stage.ASKING

    def _ask(self, trip: OwnRun, service: Service) -> None:
        body = self._folders.body(trip.key, [image.job for image in trip.images], trip.names)
        named = label(text_of(self._folders.watched.name), len(trip.images))
        trip.stage = Stage.ASKED
        trip.sent = time.time()
        self._web.ask(f"start {trip.key}", lambda: service.start(trip.key, body, named))

    def _started(self, trip: OwnRun, reply: Reply) -> None:
        now = self._clock()
        if reply.error is not None:
            self._dissolve(trip)  # nothing was made
            self._turned_away(reply.error)
            return
        start: Start = reply.value
        if start.run is not None:
            if start.clock_s is not None:
                trip.offset = (trip.sent + time.time()) / 2 - start.clock_s
            self._made(trip, start.run)
        elif start.wait_s is not None:
            trip.stage, trip.due = Stage.ASKING, now + start.wait_s
            self._condition.on(Trouble.QUEUED, f"{start.why}; goes on in {start.wait_s:.0f} s", now)
        else:
            trip.stage, trip.at = Stage.LOST, now
            self._logbook.seen(trip.key, "LOST", "")
            self._condition.on(Trouble.OFFLINE, f"{start.why}: whether run {trip.key[:8]} was made is looked up", now)

    def _made(self, trip: OwnRun, run: str) -> None:
        trip.run, trip.stage = run, Stage.OUT
        trip.every, trip.due = self._poll, self._clock() + self._poll
        trip.at = self._clock()
        self._logbook.made(trip.key, run)
        self._condition.over(Trouble.OFFLINE, Trouble.REFUSED, Trouble.QUEUED)
        for image in trip.open:
            self._begun(image)

    def _found(self, reply: Reply) -> None:
        """What the service's list has of the runs whose start was not answered."""
        if reply.error is not None:
            self._turned_away(reply.error)
            return
        keys, found = reply.value
        for trip in [trip for trip in self._trips.values() if trip.stage is Stage.LOST and trip.key in keys]:
            if trip.key in found:
                self._made(trip, found[trip.key])
                continue
            trip.looks += 1
            old = time.time() - trip.asked_ns / 1e9
            if trip.looks >= LOOKS and old >= self._lag:
                log.info("run %s was never made: its images are asked for again", trip.key[:8])
                self._condition.over(Trouble.OFFLINE)
                self._dissolve(trip)
            else:
                trip.due = self._clock() + max(self._lag / LOOKS, 0.05)

    # -- a run that is out

    def _looked(self, trip: OwnRun, reply: Reply) -> None:
        now = self._clock()
        if isinstance(reply.error, FlowMissing):
            self._ended(trip, Run(str(trip.run), "ENDED", why="the service does not know it any more"))
            return
        trip.every = min(POLL_MOST_S, trip.every * 1.5)
        trip.due = now + trip.every
        if reply.error is not None:
            self._turned_away(reply.error)
            return
        run: Run = reply.value
        self._logbook.seen(trip.key, run.status, run.state)
        self._condition.over(Trouble.OFFLINE)
        if trip.again and run.began_s is not None:
            trip.again = False
            for image in trip.open:
                image.began = True
        if run.over:
            self._ended(trip, run)
        elif run.status == "INACTIVE":
            self._inactive(trip, run)
        else:
            self._condition.over(Trouble.REFUSED)
            if run.state != trip.state:
                trip.state, trip.state_since, trip.every = run.state, now, self._poll
            elif now - trip.state_since > self._late:
                told = late(run, now - trip.state_since)
                advice = told.do or f"`mhfd run show {run.id}` says more"
                self._condition.on(Trouble.QUEUED, f"run {run.id} {told.what}: {advice}. Nothing is lost", now)

    def _inactive(self, trip: OwnRun, run: Run) -> None:
        """It waits for a person."""
        told = consent(run, self._folders)
        self._condition.on(
            Trouble.REFUSED,
            f"run {run.id} {told.what}; {told.do}. It goes on by itself then; nothing is lost",
            self._clock(),
        )
        trip.due = self._clock() + self._hold
        service = self._service
        if service is not None:
            self._web.ask(f"resume {trip.key}", lambda: service.resume(run.id))

    def _resumed(self, trip: OwnRun, reply: Reply) -> None:
        if reply.error is None:
            trip.due = self._clock() + min(self._poll, self._hold)
        elif not isinstance(reply.error, FlowsUnreachable):
            self._reopen()

    def _cancelled(self, trip: OwnRun, reply: Reply) -> None:
        trip.due = self._clock()

    def _ended(self, trip: OwnRun, run: Run) -> None:
        trip.stage, trip.ending, trip.due = Stage.ENDED, run, self._clock()

    def _collect(self, trip: OwnRun) -> None:
        folder, aside = self._folder(trip), self._folders.results_here / "aside"
        jobs = [image.job for image in trip.images]
        seen, others = (
            [self._folders.seen(str(trip.run), name) for name in names] for names in (trip.names, trip.answered)
        )
        self._files.ask(f"collect {trip.key}", lambda: reports.collect(folder, aside, jobs, seen, others))

    def _collected(self, trip: OwnRun, reply: Reply) -> None:
        """A run has ended, and this is what came of it."""
        run, now = trip.ending, self._clock()
        assert run is not None  # noqa: S101
        if reply.error is not None:
            trip.due = now + self._hold
            self._ill(f"the reports of run {run.id} cannot be looked at: {reply.error}")
            return
        found: Collected = reply.value
        output = run.output.get("whole")
        changed = set(output.get("changed") or ()) if isinstance(output, dict) else set()
        left = [
            (n, image)
            for n, image in enumerate(trip.images)
            if image.open and n not in found.reports and n not in found.changed and trip.names[n] not in changed
        ]
        missing = [n for n, _ in left if n not in found.wrong]
        if run.status == "SUCCEEDED" and missing and trip.collects + 1 < COLLECTS:
            trip.collects += 1
            trip.due = now + self._poll  # a share may show them late
            return
        moments = (trip.asked_ns, *self._moments(trip, run))
        for n, image in enumerate(trip.images):
            if n in found.reports:
                self._scored(image, found.reports[n], moments)
            elif n in found.changed:
                self._give_back([image], found.changed[n])
            elif trip.names[n] in changed or run.error == "ImagesChanged":
                self._give_back([image], "the file changed while it was moved")
        if found.reports:
            self._successes += 1
        self._judge(trip, run, [image for _, image in left if image.open], bool(found.reports))
        if found.aside:
            self._condition.on(Trouble.FAILING, f"reports that fit no image were put aside: {found.aside[0]}", now)
        del self._trips[trip.key]
        self._told.append((trip.key, self._folder(trip)))

    def _judge(self, trip: OwnRun, run: Run, left: list[FlowImage], some: bool) -> None:
        """What the end of a run means for those of its images that have no report."""
        leftover = run.error == "StagingNotCleaned" or run.status == "ENDED"
        told = ended(run, self._folders)
        if told is None and not left:
            self._well()
            return
        if told is None:
            told = Explained("gave no report of some images")
        elif run.status == "ENDED" and not trip.open:
            told = Explained("was cancelled", told.do)  # by us: they were given back before
        words = [f"run {run.id} {told.what}", *([told.do] if told.do else [])]
        if left:
            words.append(f"{len(left)} images go again")
        if some and not leftover:
            self._well()
        if left:
            self._ill("; ".join(words), hold=not some)
        if leftover:
            self._left_over(run, "; ".join(words))
        for image in left:
            self._again(image, alone=some or run.error in ("NotScored", "RequestRefused", "ImagesNotBrought"), of=trip)

    def _left_over(self, run: Run, words: str) -> None:
        """It stays said, with those before: nothing here can see whether a person has deleted it."""
        others = f"; likewise {', '.join(self._leftovers)}" if self._leftovers else ""
        self._leftovers.append(leftover_of(self._folders.staging_path, run.id))
        self._out.append(Health(False, words + others, Trouble.LEFTOVER))

    def _again(self, image: FlowImage, *, alone: bool, of: OwnRun) -> None:
        """Its run gave it no report. Smaller runs find the image that is at fault; alone, it is, if others do well."""
        image.tries += 1
        image.due = self._clock() + min(300.0, self._backoff * 2.0 ** min(image.tries - 1, 10))
        if alone:
            image.most = max(1, min(image.most, len(of.images) // 2))
            if len(of.images) == 1 and (image.failures == 0 or self._successes > image.proof):
                image.failures += 1
                image.proof = self._successes
            if image.failures >= self._attempts:
                self._set_aside(image, f"set aside after {image.failures} runs for it alone, which gave no report")
                return
        self._waiting.append(image)

    # -- answers

    def _moments(self, trip: OwnRun, run: Run) -> tuple[int | None, int | None, int | None]:
        """When the images lay there, when work began and ended: on this machine's clock, and in this order."""
        now, last = time.time_ns(), trip.asked_ns
        found: list[int | None] = []
        for name in ("BringImagesCompleted", "ScoreStarted", "ScoreCompleted"):
            at = run.moments.get(name)
            here = None if at is None else min(now, max(last, round((at + trip.offset) * 1e9)))
            last = here or last
            found.append(here)
        return found[0], found[1], found[2]

    def _scored(self, image: FlowImage, report: FocusReport, moments: tuple[int | None, ...]) -> None:
        asked, moved, began, ended = moments
        where = self._folders.endpoint
        self._answer(image, report, where, ended, started_ns=began, transferred_ns=moved, submitted_ns=asked)

    def _close(self, image: FlowImage) -> bool:
        if not image.open:
            return False
        image.open = False
        self._open.pop((image.token, image.job.id), None)
        with suppress(ValueError):
            self._waiting.remove(image)
        return True

    def _dissolve(self, trip: OwnRun) -> None:
        """The run is not made: its images wait again, first in the line."""
        self._trips.pop(trip.key, None)
        self._logbook.done(trip.key)
        self._waiting[:0] = trip.open

    def _forget_told(self) -> None:
        """The station has taken what was said: a crash from here on needs these runs no more."""
        for key, folder in self._told:
            self._logbook.done(key)
            self._files.ask(f"discard {key}", lambda folder=folder: reports.discard(folder))  # type: ignore[misc]
        self._told.clear()

    @property
    def _login(self) -> str:
        return login_line(self._folders)

    def _folder(self, trip: OwnRun) -> Path:
        return self._folders.results_here / trip.key

    # -- how it is

    def _well(self) -> None:
        self._ills = 0
        self._hold_until = 0.0
        self._condition.over(Trouble.FAILING, Trouble.REFUSED, Trouble.QUEUED)

    def _ill(self, why: str, *, hold: bool = True) -> None:
        now = self._clock()
        self._condition.on(Trouble.FAILING, why, now)
        if hold:
            self._ills += 1
            self._hold_until = now + min(self._hold * 10, self._backoff * 2.0 ** min(self._ills, 10))

    def _turned_away(self, error: Exception) -> None:
        now = self._clock()
        self._service_due = max(self._service_due, now + min(self._hold, 10.0))
        if isinstance(error, FlowsUnreachable):
            self._condition.on(Trouble.OFFLINE, f"{error}. Nothing is lost: images wait", now)
            return
        if isinstance(error, LoginError):
            error = RunnerError(f"{error}; for this flow: {self._login}")
        self._condition.on(Trouble.REFUSED, f"refused: {error}. Nothing is lost: images wait", now)
        self._hold_until = now + self._hold
        if not isinstance(error, FlowError) or isinstance(error, FlowRefused):
            self._reopen()

    def _reopen(self) -> None:
        """A login that was made meanwhile counts only for a new app."""
        service, self._service = self._service, None
        self._service_due = self._clock() + self._hold
        if service is not None:
            self._web.ask(f"close {id(service)}", service.close)

    # -- tending

    def _alarm(self) -> float:
        now = self._clock()
        alarms = [1.0]
        if self._service is not None:
            alarms += [trip.due - now for trip in self._trips.values() if trip.waits]
        if self._waiting and len(self._trips) < self._runs:
            alarms.append(self._hold_until - now)
            alarms += [max(image.due, image.since + self._wait) - now for image in self._waiting[:1]]
        return max(0.02, min(alarms))

    def _tend(self) -> None:
        if self._closed:
            return
        now = self._clock()
        if self._service is None:
            if now >= self._service_due and not self._web.asks("open"):
                self._service_due = now + self._hold
                self._web.ask("open", self._open_again)
        else:
            self._tend_trips(self._service, now)
            while self._waiting:
                before = len(self._trips)
                self._gather(now)
                if len(self._trips) == before:
                    break
        for trip in list(self._trips.values()):
            if trip.stage is Stage.ENDED and now >= trip.due:
                trip.due = now + self._hold
                self._collect(trip)
        self._out += self._condition.take()

    def _tend_trips(self, service: Service, now: float) -> None:
        lost = [trip for trip in self._trips.values() if trip.stage is Stage.LOST]
        if lost and min(trip.due for trip in lost) <= now and not self._web.asks("find"):
            keys = [trip.key for trip in lost]
            for trip in lost:
                trip.due = now + self._hold
            self._web.ask("find", lambda: (keys, service.find(keys)))
        for trip in list(self._trips.values()):
            if now < trip.due:
                continue
            if trip.stage is Stage.ASKING and now >= self._hold_until:
                self._ask(trip, service)
            elif trip.stage is Stage.OUT and not self._web.asks(f"resume {trip.key}"):
                run = str(trip.run)
                self._web.ask(f"look {trip.key}", lambda run=run: service.look(run))  # type: ignore[misc]
                trip.due = now + POLL_MOST_S
