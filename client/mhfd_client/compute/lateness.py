"""Which tasks have been silent for too long: arithmetic of what images take there."""

from __future__ import annotations

from typing import Final

from mhfd_client.compute.flight import Flight, FlyingTask

UNKNOWN_PACE_S: Final = 5.0  # what an image may take, as long as none has been seen


class Lateness:
    """Learns how long an image takes.

    Args:
        deadline_s: Of a task, besides what the images that are out take; doubled with each try.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline = deadline_s
        self._per_image: float | None = None

    def took(self, per_image: float) -> None:
        """An image of a task that was answered took so long."""
        self._per_image = per_image if self._per_image is None else 0.7 * self._per_image + 0.3 * per_image

    def late(self, flight: Flight, live_since: float, now: float) -> list[FlyingTask]:
        """The tasks that are. Counted only from when the endpoint has begun to answer."""
        images = sum(len(task.open) for task in flight.out)
        grace = 3 * (UNKNOWN_PACE_S if self._per_image is None else self._per_image) * images
        return [
            task
            for task in flight.out
            if not task.lost and now - max(task.at, live_since) > grace + self._deadline * 2 ** min(task.tries, 6)
        ]
