"""The thread that holds an endpoint open: hands over what was asked, and gives each future its report.

One runner, one connection, whatever the number of callers; what is asked at the same time goes together, because the
service takes 20 requests in 10 seconds. What goes wrong there is tried again by the runner; what lasts too long is
raised to all who wait, and ends the connection: whoever asks next opens another.
"""

import heapq
import itertools
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

from mhfd_client.compute.reach import reach
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.errors import AnswerLate, EndpointClosed
from mhfd_client.runners import UNSEEN, Job, Scored
from mhfd_client.runners.driver import FAR_PATIENCE_S, Driver
from mhfd_client.scoring.held.asked import Answer, AskedImage

_log = logging.getLogger("mhfd")
_TASKS: Final = 16
_BATCH: Final = 32
_TRIES: Final = 4
_LOST_S: Final = 900.0  # a task is silent for so long: its images are asked again
_TOGETHER_S: Final = 0.002  # what is asked within so long of each other goes together ...
_GATHERED_S: Final = 0.02  # ... but nothing waits for longer
_LOOK_S: Final = 1.0


class HeldConnection:
    """Open from its making until it is closed or fails. What has no underscore may be called by any thread.

    Args:
        endpoint: Its id.
        asked: What it is opened for: has its answers even if that fails.
    """

    def __init__(self, endpoint: UUID, asked: Sequence[AskedImage] = ()) -> None:
        self._endpoint = endpoint
        self.opened: Answer[None] = Answer()
        """Done once the endpoint is there and its function known; or why not."""
        self._lock = threading.Lock()  # of what other threads touch too
        self._asked: deque[AskedImage] = deque()
        self._late: list[tuple[float, int, AskedImage]] = []  # a heap of those that are not waited for without end
        self._ids = itertools.count()
        self._closing = self._over = self._giving_up = False
        self._came = threading.Event()
        self._runner: ComputeRunner | None = None
        self._flying: dict[int, AskedImage] = {}
        self._there: dict[str, str] = {}  # what the endpoint calls those that are handed over just now
        self._take(asked)
        self._thread = threading.Thread(target=self._work, name="mhfd-endpoint", daemon=True)
        self._thread.start()

    def ask(self, asked: Sequence[AskedImage]) -> bool:
        """Take these. False: it is over, and another one has to be opened."""
        with self._lock:
            if self._over or self._closing:
                return False
            self._take(asked)
        self._wake()
        return True

    def _take(self, asked: Sequence[AskedImage]) -> None:
        self._asked.extend(asked)
        for one in asked:
            if one.until is not None:
                heapq.heappush(self._late, (one.until, next(self._ids), one))

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more. `wait`: until it is closed. `cancel`: who waits for an answer gets none."""
        with self._lock:
            self._closing = True
            self._giving_up |= cancel
        self._wake()
        if wait and threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        self._came.set()
        if (runner := self._runner) is not None:
            runner.wake()

    # -- in its thread

    def _work(self) -> None:
        failure: Exception = EndpointClosed(f"endpoint {self._endpoint} was closed before it had answered")
        try:
            with reach(self._endpoint) as open_endpoint:
                runner = ComputeRunner(
                    self._endpoint,
                    open_endpoint,
                    there=self._there.__getitem__,
                    batch=_BATCH,
                    tasks=_TASKS,
                    together=_TASKS // 2,
                    deadline_s=_LOST_S,
                    attempts=_TRIES,
                    believes=True,
                )
                self._runner = runner
                try:
                    self.opened.give(None)
                    self._serve(runner)
                finally:
                    runner.close()
        except Exception as error:  # whatever it is: somebody waits, and is told
            failure = error
        finally:
            self._end(failure)

    def _serve(self, runner: ComputeRunner) -> None:
        driver = Driver(runner, str(uuid.uuid4()), tries=_TRIES, patience_s=FAR_PATIENCE_S, say=_log.info)
        work = _Work(self._next)
        while not self._done():
            self._gather()
            driver.hand_over(work)
            self._there.clear()
            for answer in driver.listen(self._alarm()):
                if isinstance(answer, Scored):
                    self._answered(answer)
            self._give_up_late()
            if self._flying or self._asked:
                driver.lose_patience()

    def _done(self) -> bool:
        if not self._closing:
            return False
        waited_for = (*self._flying.values(), *self._asked)
        return self._giving_up or all(asked.future.done() for asked in waited_for)

    def _gather(self) -> None:
        """Who asks image by image is given the time to say some more."""
        until = time.monotonic() + _GATHERED_S
        while self._came.is_set() and time.monotonic() < until:
            self._came.clear()
            self._came.wait(_TOGETHER_S)

    def _next(self) -> Job | None:
        """The next that somebody still waits for."""
        with self._lock:
            while self._asked:
                asked = self._asked.popleft()
                if not asked.future.done():
                    number = next(self._ids)
                    self._flying[number] = asked
                    self._there[asked.item.path] = asked.item.there
                    return Job(number, asked.item.path, UNSEEN, 0, asked.params)
        return None

    def _answered(self, answer: Scored) -> None:
        if (asked := self._flying.pop(answer.id, None)) is not None:
            asked.scored(answer.report)

    def _alarm(self) -> float:
        with self._lock:
            first = self._late[0][0] if self._late else float("inf")
        return max(0.0, min(_LOOK_S, first - time.monotonic()))

    def _give_up_late(self) -> None:
        now = time.monotonic()
        late: list[AskedImage] = []
        with self._lock:
            while self._late and (self._late[0][0] <= now or self._late[0][2].future.done()):
                late.append(heapq.heappop(self._late)[2])
        for asked in late:
            said = f"{asked.item.path}: endpoint {self._endpoint} gave no answer in {asked.timeout:g} s"
            asked.future.fail(AnswerLate(said))

    def _end(self, failure: Exception) -> None:
        with self._lock:
            self._over = True
            left = [*self._flying.values(), *self._asked]
            self._asked.clear()
            self._late.clear()
        self._flying.clear()
        for asked in left:
            if self._giving_up:
                asked.future.cancel()
            asked.future.fail(failure)
        self.opened.fail(failure)


class _Work(Iterator[Job]):
    """What there is to hand over just now; after its end there may be more."""

    def __init__(self, next_job: Callable[[], Job | None]) -> None:
        self._next_job = next_job

    def __next__(self) -> Job:
        if (job := self._next_job()) is None:
            raise StopIteration
        return job
