"""Trouble of the station's own folder is waited out: what could not be written is kept, and written later.

No image is to blame for it, and it never ends the watch. It is said in the log, to whoever raises alerts, and in the
journal as soon as that can be written.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

from mhfd_client.errors import StateBusy, StateError, StateFull, StateTrouble
from mhfd_client.journal.journal import Journal

log = logging.getLogger("mhfd.station")
P = ParamSpec("P")
T = TypeVar("T")

KIND: Final = "state"
"""Of the trouble in the journal."""
LONGEST_S: Final = 30.0
_OFTEN: Final = 5  # doublings of the wait


class Patience:
    """Repeats what fails, later and later.

    Args:
        backoff_s: The first wait.
        say: Told what is wrong, and None when it is over.
    """

    def __init__(self, journal: Journal, *, backoff_s: float, say: Callable[[str | None], None]) -> None:
        self._journal, self._backoff, self._say = journal, backoff_s, say
        self._nap = threading.Event()
        self._failures = 0
        self._noted = False  # in the journal
        self.why: str | None = None

    def hurry(self) -> None:
        """Wait no more: the station is to end."""
        self._nap.set()

    def step(self, step: Callable[[], None]) -> bool:
        """Do it; False when the folder refuses it, after a wait: do it again then."""
        try:
            step()
        except StateTrouble as e:
            self.refused(e)
            self._nap.wait(self.wait_s())
            if not isinstance(e, StateBusy | StateFull):
                with suppress(StateTrouble):
                    self._journal.reopen()
            return False
        return True

    def refused(self, error: StateError) -> None:
        """The folder does not take something."""
        self._failures += 1
        log.error("%s", error)
        if self.why is None:
            self._say(str(error))
        self.why = str(error)

    def wait_s(self) -> float:
        """How long to wait now."""
        return min(LONGEST_S, self._backoff * 2.0 ** min(self._failures - 1, _OFTEN))

    def taken(self) -> None:
        """All of it was written. A trouble that the journal knows of is over."""
        if self.why is not None:
            log.warning("the station's own folder can be written again")
            self._say(None)
        self._failures, self.why = 0, None
        if self._noted:
            self._journal.recovered(KIND)
            self._noted = False

    def note(self) -> None:
        """Into the journal, for whoever looks."""
        if self.why is not None:
            self._journal.trouble(KIND, None, self.why)
            self._noted = True


def waited_for(ask: Callable[P, T], *, every_s: float = 1.0) -> Callable[P, T]:
    """Asked again until the folder answers. For a thread that may wait as long as it takes."""

    @functools.wraps(ask)
    def patient(*args: P.args, **options: P.kwargs) -> T:
        while True:
            try:
                return ask(*args, **options)
            except StateTrouble as e:
                log.warning("%s", e)
                time.sleep(every_s)

    return patient
