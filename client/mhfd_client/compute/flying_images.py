"""Images on their way to an endpoint: which go together next, and how they are asked for.

Arithmetic and a form: no clock, no network, no decision about failures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mhfd import __version__
from mhfd.contract.request import ScoreRequest
from mhfd_client.compute.flight import FlyingTask
from mhfd_client.runners import UNSEEN
from mhfd_client.runners.answers import read
from mhfd_client.runners.pending import PendingImage, PendingTable

FOCUS: Final = "mhfd_focus"
"""The function that scores."""
ARGUMENT_BYTES: Final = 500_000
"""Of one task: several go in one request, which may have 10 MB."""


@dataclass(slots=True, eq=False)
class FlyingImage(PendingImage):
    """One image that is not answered yet."""

    there: str  # what the endpoint calls it
    alone: bool = False  # it goes without others, which must not suffer
    ailed: bool = False  # a task that it shared failed: once that is nobody's fault


@dataclass(slots=True, eq=False)
class ImagesTask(FlyingTask[FlyingImage]):
    """Images that are out in one task."""

    says_version: bool = True  # its request does

    @property
    def call(self) -> tuple[str, Mapping[str, Any]]:
        return FOCUS, request(self.asked, says_version=self.says_version)

    def told_by(self, plain: Any) -> bool:
        try:
            paths = read(plain).paths
        except ValueError:
            return False
        wanted = {path for path in paths.values() if path}
        return bool(wanted) and len(paths) <= len(self.asked) and wanted <= {image.there for image in self.asked}

    def takes_s(self, pace_s: float) -> float:
        return 3 * pace_s * len(self.open)


class FlyingImages(PendingTable[FlyingImage]):
    """All images that a runner has.

    Args:
        batch: Images of one task, at most.
    """

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.says_version = True  # in the next requests

    def next(self, now: float, *, most: int, free: int) -> list[FlyingImage]:
        """The images of the next task: one at once when little waits, as many as are fair when much does.

        `free`: tasks that may go.
        """
        ready = [image for image in self.waiting if image.due <= now]
        if not ready:
            return []
        size = min(most, self.batch, -(-len(ready) // max(1, free)))
        chosen: list[FlyingImage] = []
        weight = 0
        for image in ready:
            if chosen and (image.alone or image.job.params != chosen[0].job.params):
                continue
            weight += 6 * len(image.there) + 80
            if chosen and weight > ARGUMENT_BYTES:
                break
            chosen.append(image)
            if len(chosen) >= size or image.alone:
                break
        taken = set(map(id, chosen))
        self.waiting = [image for image in self.waiting if id(image) not in taken]
        return chosen


def request(images: Sequence[FlyingImage], *, says_version: bool = True) -> dict[str, Any]:
    """What the endpoint's function is called with. Names that are no UTF-8 travel as Python has them.

    `says_version`: of the request, by which an endpoint knows that we read its reports, and ours, for its log; an older
    one takes neither.
    """
    job = images[0].job
    fields: dict[str, Any] = ScoreRequest(paths=("-",), params=job.params).model_dump(
        mode="json", exclude_defaults=True
    )
    jobs = [image.job for image in images]
    expect = [None if job.size == UNSEEN else {"size": job.size, "mtime_ns": job.mtime_ns} for job in jobs]
    if says_version:
        fields["schema_version"] = ScoreRequest.model_fields["schema_version"].default
        fields["client"] = f"mhfd {__version__}"
    return fields | {"paths": [image.there for image in images], "expect": expect}
