"""What a label would do to other images, counted beside the station's loop: one count at a time, in a thread.

A run of 100,000 images takes a minute to restore. The operator need not wait: the page asks, says that it counts, and
goes on with the label without the number when it is told to.
"""

import logging
from pathlib import Path
from typing import Any, Final

import anyio

from mhfd_client.errors import StateError
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.foreseen import Foreseen, foreseen

log = logging.getLogger("mhfd.page")

_PATIENCE_S: Final = 120.0


class Ahead:
    """Counts for whoever asks."""

    def __init__(self, state_dir: Path, settings: VerdictSettings) -> None:
        self._state_dir, self._settings = state_dir, settings
        self._one = anyio.Lock()

    async def ask(self, image: int, *, sharp: bool | None) -> dict[str, Any]:
        """Whether it has to be said before the label counts, and in which words."""
        try:
            with anyio.fail_after(_PATIENCE_S):
                async with self._one:
                    then = await anyio.to_thread.run_sync(self._count, image, sharp, abandon_on_cancel=True)
        except (TimeoutError, StateError) as e:
            log.warning("what a label on image %d would do could not be counted: %s", image, e or "it took too long")
            return {"many": True, "sentence": "How many verdicts this would turn could not be counted."}
        return {"many": then.many, "sentence": str(then)}

    def _count(self, image: int, sharp: bool | None) -> Foreseen:
        with JournalView.read(self._state_dir) as journal:
            return foreseen(journal, self._settings, [image], sharp=sharp)
