"""What a flow runner has that is not over, and which of it goes together next. Tables and their arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mhfd_client.runners.pending import PendingImage, PendingTable, PendingWork

BODY_BYTES: Final = 90_000
"""Of the images in a run's input, whose state is bounded."""

ENOUGH: Final = 256
"""Images that are worth a run at once. When more wait, because runs have been out or away, a run takes more."""

OLDER_MOST: Final = 64
"""Images that a run of a flow takes that an earlier mhfd has deployed."""


@dataclass(slots=True, eq=False)
class FlowImage(PendingImage):
    """One image that is not answered yet, and how it fared."""

    since: float
    weight: int
    """Bytes of it in a run's input."""
    most: int = 1 << 30  # images of a run that it goes in

    def without_report(self, now: float, backoff_s: float, *, alone: bool, others: int, successes: int) -> None:
        """Its run gave it no report. Smaller runs find the image that is at fault; alone, it is, if others do well.

        Args:
            now: By the runner's clock.
            backoff_s: Before it goes again; doubled with each time.
            alone: It goes in a smaller run, and is at fault when it was in one by itself.
            others: Images of its run, with this one.
            successes: Runs that went well until now.
        """
        self.tries += 1
        self.due = now + min(300.0, backoff_s * 2.0 ** min(self.tries - 1, 10))
        if alone:
            self.most = max(1, min(self.most, others // 2))
            if others == 1 and (self.failures == 0 or successes > self.proof):
                self.failures += 1
                self.proof = successes


class FlowImages(PendingTable[FlowImage]):
    """Those that are not answered yet, and those of them that wait for a run."""

    def next(self, *, most: int, wait: float, now: float) -> list[FlowImage]:
        """The images of the next run, which wait no more; none when it may still grow.

        Args:
            most: So many, at most.
            wait: Fewer go when the first has waited for so long.
            now: By the runner's clock.
        """
        ready = [image for image in self.waiting if image.due <= now]
        chosen: list[FlowImage] = []
        limit, weight, full = most, 0, False
        for image in ready:
            if chosen and image.job.params is not chosen[0].job.params and image.job.params != chosen[0].job.params:
                continue
            fewer = min(limit, image.most)
            if len(chosen) >= fewer:
                full = full or fewer == limit
                continue
            limit = fewer
            weight += image.weight
            if chosen and weight > BODY_BYTES:
                full = True
                break
            chosen.append(image)
            if len(chosen) >= limit:
                full = True
                break
        full = full or len(chosen) >= ENOUGH
        if not chosen or (not full and now < min(image.since for image in chosen) + wait):
            return []
        taken = set(map(id, chosen))
        self.waiting = [image for image in self.waiting if id(image) not in taken]
        return chosen

    def moments(self, wait: float) -> Iterator[float]:
        """When each of those that wait would go in a run that is not full."""
        return (max(image.due, image.since + wait) for image in self.waiting)


class FlowWorks(PendingTable[PendingWork]):
    """Work that waits for a run, and work that is in one."""

    def next(self, *, most: int, wait: float, now: float) -> list[PendingWork]:
        """The first that may go: a run carries one, and nothing else is waited for."""
        for one in self.waiting:
            if one.due <= now:
                self.waiting.remove(one)
                return [one]
        return []

    def moments(self, wait: float) -> Iterator[float]:
        """When each of those that wait may go."""
        return (one.due for one in self.waiting)
