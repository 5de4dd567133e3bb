"""Images that wait and images that are out in runs, and which go together next. A table and its arithmetic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mhfd_client.flow.folders import Folders
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
