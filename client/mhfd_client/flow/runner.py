"""The flow runner: runs of a Globus flow that bring images or work to an endpoint, and what comes of it back.

A run is started at most once for the same images: what is asked for is in a file first, with a key that the run
carries as a tag; when the answer is lost, the service's list of runs says whether it was made. What follows what is
decided here. What a run carries and what of it is believed is its load's (`flow.loads`), which images go together
`flow.images`'s, whether to hold back `flow.standing`'s; the service's ways are `flow.service`'s. It and files are asked
by threads of their own.

Nothing that goes wrong there is raised: it becomes a `Health`, and is tried again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from mhfd.contract.request import Code
from mhfd_client.errors import FlowMissing, FlowsUnreachable, InputRefused, StationError
from mhfd_client.flow import reports
from mhfd_client.flow.connection import FlowConnection
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.image_load import ImageLoad
from mhfd_client.flow.images import OLDER_MOST, FlowImage
from mhfd_client.flow.loads import Load
from mhfd_client.flow.own_runs import OwnRun, OwnRuns, Stage
from mhfd_client.flow.reports import RunFiles
from mhfd_client.flow.run_end import GivenBack, Reported, RunEnd
from mhfd_client.flow.run_words import consent, late, login_line
from mhfd_client.flow.service import FlowService, Run, Start, leftover_of
from mhfd_client.flow.standing import HOLD_S, FlowStanding
from mhfd_client.runners import Batch, Event, Health, Returned, Trouble
from mhfd_client.runners.background import THREADS, Background
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.far_images import FarImagesRunner
from mhfd_client.runners.pending import Pending, PendingWork
from mhfd_client.runners.questions import QuestionReply
from mhfd_client.runners.work import Going

log = logging.getLogger("mhfd.flow")

LOOKS: Final = 4  # at the list of runs, before a run that is in none of them was never made
POLL_MOST_S: Final = 60.0
_DAY_S: Final = 86_400
_HELD_S: Final = 300.0  # a run that only asks whether it goes again moves images
COLLECTS: Final = 3  # looks for reports of a run that has ended well


class FlowRunner(FarImagesRunner):
    """Scores by runs of a flow, or does work by them: one flow, one kind of load.

    Args:
        open_service: Reaches Globus Flows; called in another thread, again and again until it does not raise.
        folders: Where images and reports are, by each side's name.
        runs_file: Remembers what is out.
        batch: Images of one run, at most; `images.ENOUGH` go at once.
        wait_s: Fewer go when the first has waited for so long.
        runs: Runs that are out at once.
        poll_s: When a run is first looked at.
        late_s: A run that is in one of its steps for so long is reported.
        lag_s: How far behind the list of runs may be: a run whose start was not answered is looked for as long.
        attempts: Failures of its own before an image is set aside.
        backoff_s: Wait before images of a failed run are tried again; doubled with each failure.
        background: The time of day, and whose threads wait and ask.
        files: Images and reports on this machine.
        load: What its runs carry; images, unless it is said.
    """

    name = "flow"

    def __init__(
        self,
        open_service: Callable[[], FlowService],
        folders: Folders,
        *,
        runs_file: Path | None = None,
        batch: int = 512,
        wait_s: float = 30.0,
        runs: int = 12,
        poll_s: float = 5.0,
        late_s: float = 900.0,
        lag_s: float = 60.0,
        hold_s: float = HOLD_S,
        attempts: int = 3,
        backoff_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        background: Background = THREADS,
        files: RunFiles = reports,
        load: Load[Any] | None = None,
    ) -> None:
        self._folders = folders
        self._load: Load[Any] = ImageLoad(folders, files) if load is None else load
        self._line: Any = self._load.line  # of its one kind: what is asked for, and not over
        super().__init__(self._line, Condition("the flow goes on"), clock, background)
        self._works = self._pending
        self._batch, self._wait, self._most = batch, wait_s, runs
        self._poll, self._late, self._lag, self._hold = poll_s, late_s, lag_s, hold_s
        self._attempts, self._backoff = attempts, backoff_s
        self._runs: OwnRuns[Pending] = OwnRuns(runs_file, folders.flow)
        self._noted = self._runs.noted
        self._standing = FlowStanding(
            self._condition, clock, hold_s=hold_s, backoff_s=backoff_s, waits=self._load.waits
        )
        self._web = FlowConnection(open_service, background.questions(self._put), clock, hold_s)
        self._files = background.questions(self._put)
        self._leftovers: list[str] = []
        self._told: list[OwnRun[Pending]] = []  # over, once the station has taken what was said
        self._successes = 0  # runs that went well
        self._tend()

    # -- the seam

    @property
    def _room(self) -> int:
        return self._batch * (self._most + 1)

    def _accept(self, batch: Batch) -> None:
        for one in self._carried(batch):
            why = self._load.unmovable(one)
            self._line.add(one, wait=not why)
            if why:
                self._no_use(one, why, code=Code.BAD_REQUEST)

    def _carried(self, batch: Batch) -> list[Pending]:
        """What of a batch runs of this flow carry; the rest comes back."""
        now = self._clock()
        found = {asked.id: self._load.pending(batch.token, asked, now) for asked in batch.jobs}
        if foreign := tuple(id_ for id_, one in found.items() if one is None):
            self._out.append(Returned(batch.token, foreign, self._load.foreign, blame=True))
        return [one for one in found.values() if one is not None]

    def _no_use(self, one: Pending, why: str, *, code: str | None = None) -> None:
        """Nothing will come of it, however often it is asked for."""
        if isinstance(one, FlowImage):
            self._set_aside(one, why)
        else:
            self._give_back([one], why, blame=True, code=code)

    def events(self, timeout: float) -> Sequence[Event]:
        self._runs.adopt()
        self._forget_told()
        return super().events(timeout)

    def cancel(self, token: str) -> None:
        """Runs with nothing but this batch's are cancelled; of others what they bring for it is left aside. Images come
        back at once, work that may be in a run when that is over.
        """
        out = [one for own in self._runs if own.asked for one in own.open if isinstance(one, PendingWork)]
        self._give_back([one for one in self._line.of(token) if one not in out], "cancelled")
        for one in out:
            one.cancels = one.cancels or one.token == token
        for own in self._runs:
            own.unwanted = own.unwanted or not own.wanted

    def reattach(self, batch: Batch) -> bool:
        """Whether runs of it are or may be out. Their answers come; what was never asked for is asked for now."""
        pending = {(one.token, one.id): one for one in self._carried(batch)}
        seen = self._runs.reattach(batch.token, pending)
        if not seen:
            return False
        for which, one in pending.items():
            self._line.add(one, wait=which not in seen)
        return True

    def close(self) -> None:
        if self._closed:
            return
        self._forget_told()
        self._closed = True
        self._web.close()
        self._files.close()
        self._noted.close()

    # -- hearing

    def _put(self, reply: QuestionReply) -> None:
        """In a question thread."""
        self._inbox.put(lambda: self._replied(reply))

    def _replied(self, reply: QuestionReply) -> None:
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
        elif (own := self._runs.get(key)) is not None:
            {
                "check": self._checked,
                "start": self._started,
                "look": self._looked,
                "collect": self._collected,
                "resume": self._resumed,
                "cancel": self._cancelled,
            }[about](own, reply)

    def _opened(self, reply: QuestionReply) -> None:
        if reply.error is not None:
            self._turned_away(reply.error)
        elif not len(self._line):  # else what waits finds out whether it is well
            self._condition.over(Trouble.OFFLINE, Trouble.REFUSED)

    # -- a run, from what waits to the one who has it

    def _gather(self, now: float) -> bool:
        """Begin a run, if one may go; whether one did."""
        if len(self._runs) >= self._most or now < self._standing.hold_until or self._web.service is None:
            return False
        worst = self._condition.worst
        others = [own for own in self._runs if worst is not Trouble.FAILING or own.stage is not Stage.LOST]
        if worst in (Trouble.OFFLINE, Trouble.REFUSED, Trouble.FAILING) and others:
            return False  # one at a time, until one goes well; one that is looked up takes its time, and keeps no place
        carried = self._line.next(most=self._batch, wait=self._wait, now=now)
        if not carried:
            return False
        own = OwnRun(carried, [self._load.name(one) for one in carried])
        self._runs.add(own)
        self._files.ask(f"check {own.key}", self._load.unfit(own))
        return True

    def _checked(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        """Is what it carries still what the station saw?"""
        failed = [(f"{type(reply.error).__name__}: {reply.error}", True)] * len(own.carried)
        answers = failed if reply.error is not None else reply.value
        kept: list[tuple[Pending, str]] = []
        for one, name, wrong in zip(own.carried, own.names, answers, strict=True):
            if wrong is None and one.open:
                kept.append((one, name))
            elif wrong is not None:
                self._give_back([one], wrong[0], blame=wrong[1], code=Code.UNAVAILABLE if wrong[1] else None)
        own.carried, own.names = [one for one, _ in kept], [name for _, name in kept]
        if not kept:
            self._runs.over(own)
            return
        try:
            self._runs.asking(own, self._now_ns())
        except OSError as e:
            self._dissolve(own)
            self._standing.ill(
                f"what is asked of Globus cannot be noted first ({e}): free the disk of the state folder"
            )

    def _ask(self, own: OwnRun[Pending]) -> None:
        body, named, tags = self._load.body(own), self._load.label(own), self._load.tags(own)
        own.stage = Stage.ASKED
        own.sent = self._now_ns() / 1e9
        self._web.ask(f"start {own.key}", lambda service: service.start(own.key, body, named, tags))

    def _started(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        now = self._clock()
        if reply.error is not None:
            self._dissolve(own)  # nothing was made
            works = [one for one in own.open if isinstance(one, PendingWork)]
            refused = isinstance(reply.error, InputRefused)
            if refused and works:
                self._give_back(works, str(reply.error), blame=True, code=Code.BAD_REQUEST)
            elif refused and len(own.carried) > OLDER_MOST:
                log.warning("%s; it is taken for an older flow, and given %d images a run", reply.error, OLDER_MOST)
                self._batch = min(self._batch, OLDER_MOST)
            else:
                self._turned_away(reply.error)
            return
        start: Start = reply.value
        if start.run is not None:
            if start.clock_s is not None:
                own.offset = (own.sent + self._now_ns() / 1e9) / 2 - start.clock_s
            self._made(own, start.run)
        elif start.wait_s is not None:
            own.stage, own.due = Stage.ASKING, now + start.wait_s
            self._condition.on(Trouble.QUEUED, f"{start.why}; goes on in {start.wait_s:.0f} s", now)
        else:
            self._runs.lost(own)
            self._condition.on(Trouble.OFFLINE, f"{start.why}: whether run {own.key[:8]} was made is looked up", now)

    def _made(self, own: OwnRun[Pending], run: str) -> None:
        own.run, own.stage = run, Stage.OUT
        own.every, own.due = self._poll, self._clock() + self._poll
        self._noted.made(own.key, run)
        self._standing.let_in(Trouble.OFFLINE, Trouble.QUEUED)
        for one in own.open:
            self._begun(one)

    def _found(self, reply: QuestionReply) -> None:
        """What the service's list has of the runs whose start was not answered."""
        if reply.error is not None:
            self._turned_away(reply.error)
            return
        keys, found = reply.value
        for own in self._runs.looked_up(keys):
            if own.key in found:
                self._made(own, found[own.key])
                continue
            own.looks += 1
            old = (self._now_ns() - own.asked_ns) / 1e9
            if own.looks >= LOOKS and old >= self._lag:
                log.info("run %s was never made: what it was to carry is asked for again", own.key[:8])
                self._condition.over(Trouble.OFFLINE)
                self._dissolve(own)
            else:
                own.due = self._clock() + max(self._lag / LOOKS, 0.05)

    # -- a run that is out

    def _looked(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        now = self._clock()
        if isinstance(reply.error, FlowMissing):
            self._ended(own, Run(str(own.run), "ENDED", why="the service does not know it any more"))
            return
        own.every = min(POLL_MOST_S, own.every * 1.5)
        own.due = now + own.every
        if reply.error is not None:
            self._turned_away(reply.error)
            return
        run: Run = reply.value
        self._noted.seen(own.key, run.status, run.state)
        self._condition.over(Trouble.OFFLINE)
        if own.again and run.began_s is not None:
            own.again = False
            for one in own.open:
                one.began = True
        if run.over:
            self._ended(own, run)
        elif run.status == "INACTIVE":
            self._inactive(own, run)
        else:
            self._standing.let_in()
            self._tell(own, run)
            if (since := own.in_state_for(run.state, now, self._poll)) > self._late:
                told = late(run, since, self._load.recipe)
                advice = told.do or f"`mhfd run show {run.id}` says more"
                self._condition.on(Trouble.QUEUED, f"run {run.id} {told.what}: {advice}. Nothing is lost", now)

    def _tell(self, own: OwnRun[Pending], run: Run) -> None:
        """How far it is, where a run knows that: the step in which it is goes on, then."""
        answer = self._load.going(own, run)
        if answer is None:
            return
        own.state = ""
        self._condition.over(Trouble.QUEUED)
        self._out += [Going(one.token, one.id, answer, self._now_ns()) for one in own.open]

    def _inactive(self, own: OwnRun[Pending], run: Run) -> None:
        """It waits for a person."""
        told = consent(run, self._folders.surroundings)
        why = f"run {run.id} {told.what}; {told.do}. It goes on by itself then; nothing is lost"
        self._condition.on(Trouble.REFUSED, why, self._clock())
        own.due = self._clock() + self._hold
        self._web.ask(f"resume {own.key}", lambda service: service.resume(run.id))

    def _resumed(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        if reply.error is None:
            own.due = self._clock() + min(self._poll, self._hold)
        elif not isinstance(reply.error, FlowsUnreachable):
            self._web.reopen()

    def _cancelled(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        own.unwanted = isinstance(reply.error, FlowsUnreachable)  # then it is asked again
        own.due = self._clock() + (self._hold if own.unwanted else 0.0)

    def _ended(self, own: OwnRun[Pending], run: Run) -> None:
        own.stage, own.ending, own.due = Stage.ENDED, run, self._clock()

    def _collected(self, own: OwnRun[Pending], reply: QuestionReply) -> None:
        """A run has ended, and this is what came of it."""
        run, now = own.ending, self._clock()
        assert run is not None  # noqa: S101
        if reply.error is not None:
            own.due = now + self._hold
            self._standing.ill(f"what run {run.id} brought back cannot be looked at: {reply.error}")
            return
        end = self._load.end(own, run, reply.value, self._now_ns())
        if end.may_come_late and own.collects + 1 < COLLECTS:
            own.collects += 1
            own.due = now + self._poll
            return
        for one, fate in end.fates:
            match fate:
                case Reported():
                    self._answer(one, fate.report, self._folders.endpoint, fate.ended_ns, **fate.moments)
                case GivenBack():
                    self._give_back([one], fate.why, blame=fate.blame)
                case _:
                    self._heard(one, fate, self._folders.endpoint)
        if end.answered:
            self._successes += 1
        self._judge(end)
        if end.aside:
            self._condition.on(Trouble.FAILING, f"reports that fit no image were put aside: {end.aside[0]}", now)
        self._runs.over(own)
        self._told.append(own)

    def _judge(self, end: RunEnd[Pending]) -> None:
        """What the end of a run means for what it carried and has no answer."""
        left, some = end.left, end.answered
        words = end.words(self._folders.surroundings)
        if not words or (some and not end.leftover):
            self._standing.well()
        if left:
            self._standing.ill(words, hold=not some)
        if words and end.leftover:
            self._left_over(end.run, words)
        if left and (held := end.run.held) is not None:
            self._refused(f"endpoint {self._folders.endpoint}: {held}", used_up=held.code == Code.QUOTA)
            self._line.again(left)  # as they are: none is at fault
            return
        now, others = self._clock(), len(end.own.carried)
        for one in left:
            if isinstance(one, PendingWork):
                self._in_vain(one, words)
                continue
            assert isinstance(one, FlowImage)  # noqa: S101
            one.without_report(now, self._backoff, alone=end.alone, others=others, successes=self._successes)
            if end.alone and one.failures >= self._attempts:
                self._no_use(one, f"set aside after {one.failures} runs for it alone, which gave no report")
            else:
                self._line.waiting.append(one)

    def _refused(self, why: str, *, used_up: bool) -> None:
        self._standing.held(why, _DAY_S - self._now_ns() / 1e9 % _DAY_S if used_up else _HELD_S)

    def _left_over(self, run: Run, words: str) -> None:
        """It stays said, with those before: nothing here can see whether a person has deleted it."""
        others = f"; likewise {', '.join(self._leftovers)}" if self._leftovers else ""
        self._leftovers.append(leftover_of(self._folders.staging_path, run))
        self._out.append(Health(False, words + others, Trouble.LEFTOVER))

    def _dissolve(self, own: OwnRun[Pending]) -> None:
        """The run is not made: what it was to carry waits again, first in the line."""
        self._runs.dissolve(own)
        if own.unwanted:
            self._give_back(own.open, "cancelled")
        self._line.again(own.open)

    def _forget_told(self) -> None:
        """The station has taken what was said: a crash from here on needs these runs no more."""
        for own in self._told:
            self._noted.done(own.key)
            self._files.ask(f"discard {own.key}", self._load.discard(own))
        self._told.clear()

    def _turned_away(self, error: Exception) -> None:
        self._web.rest(min(self._hold, 10.0))
        if self._standing.turned_away(error, login_line(self._folders.surroundings)):
            self._web.reopen()

    # -- tending

    def _alarm(self) -> float:
        now = self._clock()
        alarms = [1.0]
        if self._web.service is not None:
            alarms += [own.due - now for own in self._runs if own.waits]
        if self._line.waiting and len(self._runs) < self._most:
            moments = [self._standing.hold_until, *self._line.moments(self._wait)]
            alarms += [at - now for at in moments if at > now]  # what is due already waits for an answer
        return max(0.02, min(alarms))

    def _tend(self) -> None:
        if self._closed:
            return
        now = self._clock()
        self._web.open_when_due()
        if self._web.service is not None:
            self._tend_runs(now)
            while self._line.waiting and self._gather(now):
                continue
        for own in self._runs:
            if own.stage is Stage.ENDED and now >= own.due:
                own.due = now + self._hold
                self._files.ask(f"collect {own.key}", self._load.collect(own))
        self._out += self._condition.take()

    def _tend_runs(self, now: float) -> None:
        if not self._web.asks("find") and (keys := self._runs.to_look_up(now, self._hold)):
            self._web.ask("find", lambda service: (keys, service.find(keys)))
        for own in self._runs:
            if now < own.due:
                continue
            if own.stage is Stage.ASKING and own.unwanted:
                self._dissolve(own)
            elif own.stage is Stage.ASKING and now >= self._standing.hold_until:
                self._ask(own)
            elif own.stage is Stage.OUT and own.unwanted:
                self._web.ask(f"cancel {own.key}", lambda service, run=str(own.run): service.cancel(run))  # type: ignore[misc]
            elif own.stage is Stage.OUT and not self._web.asks(f"resume {own.key}"):
                self._web.ask(f"look {own.key}", lambda service, run=str(own.run): self._load.look(service, run))  # type: ignore[misc]
                own.due = now + POLL_MOST_S
