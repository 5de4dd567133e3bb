"""What runners whose work is done elsewhere have in common: an inbox for what other threads hear, and the answers.

State is touched only inside `submit`, `events`, `cancel` and `reattach`: other threads put what is to be done into the
inbox. It knows no service, and decides nothing about failures: that is `runners.compute`'s and `runners.flow`'s.
"""

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import RunnerError
from mhfd_client.files import text_of
from mhfd_client.runners import Batch, Event, Job, Returned, Scored, Started, Trouble, set_aside
from mhfd_client.runners.background import Background, News
from mhfd_client.runners.condition import Condition


@dataclass(slots=True, eq=False, kw_only=True)
class PendingImage:
    """One image that is not answered yet."""

    token: str
    job: Job
    failures: int = 0
    proof: int = 0  # how much had gone well when it failed last
    tries: int = 0  # how often it was out
    due: float = 0.0
    began: bool = False
    open: bool = True


ImageT = TypeVar("ImageT", bound=PendingImage)


class PendingImages(Generic[ImageT]):
    """Those that are not answered yet, and those of them that wait to be handed over."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], ImageT] = {}
        self.waiting: list[ImageT] = []

    def __len__(self) -> int:
        return len(self._open)

    def of(self, token: str) -> list[ImageT]:
        """Those of a batch."""
        return [image for image in self._open.values() if image.token == token]

    def add(self, image: ImageT, *, wait: bool = True) -> None:
        """It is to be answered. `wait`: it is handed over to nobody yet."""
        self._open[image.token, image.job.id] = image
        if wait:
            self.waiting.append(image)

    def again(self, images: Iterable[ImageT], *, last: bool = False) -> None:
        """They wait again, first in the line or last."""
        place = len(self.waiting) if last else 0
        self.waiting[place:place] = [image for image in images if image.open and image not in self.waiting]

    def close(self, image: ImageT) -> bool:
        """It is answered. False: it was before."""
        if not image.open:
            return False
        image.open = False
        self._open.pop((image.token, image.job.id), None)
        if image in self.waiting:
            self.waiting.remove(image)
        return True


class FarRunner(ABC, Generic[ImageT]):
    """Scores elsewhere.

    Args:
        images: Those that it has.
        condition: How it is there.
        clock: In seconds, from anywhere.
        background: The time of day, and whose threads wait and ask.
    """

    name: ClassVar[str]
    outlives = True

    def __init__(
        self,
        images: PendingImages[ImageT],
        condition: Condition,
        clock: Callable[[], float],
        background: Background,
    ) -> None:
        self._pending, self._condition, self._clock = images, condition, clock
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
        if len(batch.jobs) > free:
            raise RunnerError(f"{self.name} runner: {len(batch.jobs)} images for {free} free of {self.capacity} places")
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

    # -- answers

    def _begun(self, image: ImageT) -> None:
        if not image.began:
            image.began = True
            self._out.append(Started(image.token, image.job.id, self._now_ns()))

    def _answer(self, image: ImageT, report: FocusReport, endpoint: str, ended_ns: int | None, **moments: Any) -> None:
        """Its report, unless it has one. `moments` as in `Scored`."""
        if not self._pending.close(image):
            return
        self._begun(image)
        there = report.provenance.model_copy(update={"endpoint": endpoint})
        here = report.image.model_copy(update={"path": text_of(image.job.path)})
        ours = report.model_copy(update={"image": here, "provenance": there})
        now = self._now_ns()
        self._out.append(Scored(image.token, image.job.id, ours, ended_ns or now, returned_ns=now, **moments))

    def _set_aside(self, image: ImageT, why: str, *, code: str | None = None) -> None:
        if self._pending.close(image):
            report = set_aside(image.job.path, image.job.params, why, code=code)
            self._out.append(Scored(image.token, image.job.id, report, self._now_ns()))

    def _give_back(self, images: Sequence[ImageT], why: str, *, blame: bool = False, code: str | None = None) -> None:
        ids: dict[str, list[int]] = {}
        for image in images:
            if self._pending.close(image):
                ids.setdefault(image.token, []).append(image.job.id)
        self._out.extend(Returned(token, tuple(some), why, blame, code) for token, some in ids.items())
