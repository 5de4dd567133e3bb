"""What a label would do to other images, counted beside the station's loop: one count at a time, in a thread.

A run of 100,000 images takes a minute to restore. The operator need not wait: the page asks, says that it counts, and
goes on with the label without the number when it is told to. A count that nobody waits for ends.
"""

import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio

from mhfd_client.errors import StateError
from mhfd_client.journal.rows import Told
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.foreseen import Foreseen, foreseen

log = logging.getLogger("mhfd.page")

_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.3


class Ahead:
    """Counts for whoever asks."""

    def __init__(self, state_dir: Path, settings: VerdictSettings) -> None:
        self._state_dir, self._settings = state_dir, settings
        self._one = anyio.Lock()

    async def ask(self, image: int, *, sharp: bool | None, gone: Callable[[], Awaitable[bool]]) -> dict[str, Any]:
        """Whether it has to be said before the label counts, and in which words. `gone`: nobody waits any more."""
        then: Foreseen | None = None
        ended = threading.Event()

        async def count() -> None:
            nonlocal then
            async with self._one:
                then = await anyio.to_thread.run_sync(self._count, image, sharp, ended, abandon_on_cancel=True)
            both.cancel_scope.cancel()

        try:
            with anyio.move_on_after(_PATIENCE_S):
                async with anyio.create_task_group() as both:
                    both.start_soon(count)
                    while not await gone():
                        await anyio.sleep(_LOOK_S)
                    both.cancel_scope.cancel()
        finally:
            ended.set()
        if then is None:
            return {"many": True, "sentence": "How many verdicts this would turn could not be counted."}
        return {"many": then.many, "sentence": str(then)}

    def _count(self, image: int, sharp: bool | None, ended: threading.Event) -> Foreseen | None:
        try:
            with _WhileWanted.read(self._state_dir) as journal:
                journal.ended = ended
                return foreseen(journal, self._settings, [image], sharp=sharp)
        except _NobodyWaits:
            return None
        except StateError as e:
            log.warning("what a label on image %d would do could not be counted: %s", image, e)
            return None


class _NobodyWaits(Exception):
    """The count is of no use any more."""


class _WhileWanted(JournalView):
    """A view whose long read ends when nobody waits for it."""

    ended: threading.Event

    def told(self, *, since: int = 0) -> Iterator[Told]:
        """As ever, as long as somebody waits."""
        for one in super().told(since=since):
            if self.ended.is_set():
                raise _NobodyWaits
            yield one
