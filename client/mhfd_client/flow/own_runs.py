"""Images that wait and images that are out in runs, and which go together next. A table and its arithmetic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from mhfd_client.flow.folders import Folders
from mhfd_client.flow.runs_out import NotedRun, RunsFile
from mhfd_client.flow.service import Run
from mhfd_client.runners.far import Waiting

BODY_BYTES: Final = 34_000
"""Of the images in a run's input, whose state is bounded."""


class Stage(Enum):
    """How far a run is, seen from here."""

    CHECKING = "its images are looked at"
    ASKING = "it is noted, and asked for next"
    ASKED = "it is being asked for"
    LOST = "nobody knows whether it was made"
    OUT = "it was made"
    ENDED = "it is over, and its reports are looked for"


@dataclass(slots=True, eq=False)
class FlowImage(Waiting):
    """One image that is not answered yet."""

    since: float
    most: int = 1 << 30  # images of a run that it goes in


@dataclass(slots=True, eq=False)
class OwnRun:
    """Images that go in one run."""

    images: list[FlowImage]
    names: list[str]
    answered: list[str] = field(default_factory=list)
    """Names of those that had their answer before a restart."""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    stage: Stage = Stage.CHECKING
    run: str | None = None
    at: float = 0.0
    asked_ns: int = 0
    sent: float = 0.0
    offset: float = 0.0  # of this machine's clock to the service's, seconds
    due: float = 0.0
    every: float = 1.0
    looks: int = 0
    collects: int = 0
    again: bool = False  # taken up after a restart
    state: str = ""
    state_since: float = 0.0
    ending: Run | None = None

    @property
    def open(self) -> list[FlowImage]:
        return [image for image in self.images if image.open]

    @property
    def waits(self) -> bool:
        """Something is to be done when it is due."""
        return self.stage not in (Stage.CHECKING, Stage.ASKED)


class OwnRuns:
    """The runs that are under way, and the file that remembers them.

    Args:
        file: That file; nothing to keep none.
        flow: Whose runs.
        clock: In seconds, from anywhere.
    """

    def __init__(self, file: Path | None, flow: str, clock: Callable[[], float]) -> None:
        self.noted = RunsFile(file, flow)
        self._clock = clock
        self._runs: dict[str, OwnRun] = {}
        self._adopted = False

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[OwnRun]:
        return iter(list(self._runs.values()))

    def get(self, key: str) -> OwnRun | None:
        """The run that we called so, while it is under way."""
        return self._runs.get(key)

    def add(self, own: OwnRun) -> None:
        """It is prepared."""
        self._runs[own.key] = own

    def over(self, own: OwnRun) -> None:
        """Its images are answered; the file forgets it when the station has taken that."""
        self._runs.pop(own.key, None)

    def dissolve(self, own: OwnRun) -> None:
        """It was not made, and will not be."""
        self.over(own)
        self.noted.done(own.key)

    def lost(self, own: OwnRun) -> None:
        """Nobody knows whether it was made."""
        own.stage, own.at = Stage.LOST, self._clock()
        self.noted.seen(own.key, "LOST", "")

    def reattach(self, token: str, images: Mapping[tuple[str, int], FlowImage]) -> set[tuple[str, int]]:
        """Take up the noted runs that have images of a token; which of these they have."""
        seen: set[tuple[str, int]] = set()
        for noted in self.noted.of(token):
            own = self._taken_up(noted)
            for one, name in zip(noted.images, noted.names, strict=True):
                if one in images:
                    own.images.append(images[one])
                    own.names.append(name)
                    seen.add(one)
        return seen

    def adopt(self) -> None:
        """Once everything is reattached: images that nobody waits for had their answers before the station died. Runs
        without others are cleared up, too.
        """
        for noted in () if self._adopted else self.noted.all():
            own = self._taken_up(noted)
            own.answered = [name for name in noted.names if name not in own.names]
        self._adopted = True

    def _taken_up(self, noted: NotedRun) -> OwnRun:
        own = self._runs.get(noted.key)
        if own is None:
            own = OwnRun([], [], key=noted.key, run=noted.run, at=self._clock(), asked_ns=noted.asked_ns, again=True)
            own.stage = Stage.OUT
            self._runs[noted.key] = own
            if noted.run is None:
                self.lost(own)
        return own


def next_of(
    waiting: Sequence[FlowImage], folders: Folders, *, most: int, wait: float, now: float
) -> tuple[list[FlowImage], list[FlowImage]]:
    """The images of the next run and those that go on waiting: when there are enough, or the first has waited long."""
    ready = [image for image in waiting if image.due <= now]
    if not ready:
        return [], list(waiting)
    chosen: list[FlowImage] = []
    limit, weight, full = most, 0, False
    for image in ready:
        if chosen and image.job.params != chosen[0].job.params:
            continue
        fewer = min(limit, image.most)
        if len(chosen) >= fewer:
            full = full or fewer == limit
            continue
        limit = fewer
        weight += len(json.dumps(folders.image(image.job)))
        if chosen and weight > BODY_BYTES:
            full = True
            break
        chosen.append(image)
        if len(chosen) >= limit:
            full = True
            break
    if not full and now < min(image.since for image in chosen) + wait:
        return [], list(waiting)
    taken = set(map(id, chosen))
    return chosen, [image for image in waiting if id(image) not in taken]
