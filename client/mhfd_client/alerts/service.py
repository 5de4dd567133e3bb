"""The alerts of a running station: a thread of their own that looks at the journal and tells the sinks.

The loop only says that there is something to look at, which costs it the setting of a flag: neither a sink, nor a slow
disk, nor a defect in here can hold it up.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mhfd.errors import MhfdError
from mhfd_client.alerts.configured import build
from mhfd_client.alerts.desk import Desk
from mhfd_client.alerts.digest import Digest, ended
from mhfd_client.alerts.sinks import Sink
from mhfd_client.alerts.situation import Disks, LensNeeds, Situation, SituationReader
from mhfd_client.alerts.store import AlertStore
from mhfd_client.beside.desk import Complaints
from mhfd_client.files import shown
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.now import RunNow
from mhfd_client.settings.options import AlertSettings

log = logging.getLogger("mhfd.alerts")

_BEAT_S: Final = 1.0
_PAUSE_S: Final = 0.25
_GRACE_S: Final = 3.0
_DIGEST_S: Final = 60.0
"""So long may the digest of a very large run take at its end."""


class Alerts:
    """Looks while it is entered. Sinks that cannot be used are refused when it is made.

    Args:
        state_dir: Where the journal is; `alerts.db` is beside it.
        root: The watched folder.
        wanted: What should come, if that is known.
        digest: What a digest says now, and why it is made. None: there are none.
        lens: What a lens needs people for; None where nothing is done with one.
        sinks: Who is told; else as the settings say.
        grace_s: How long the end waits for messages that are under way.
    """

    def __init__(
        self,
        state_dir: Path,
        settings: AlertSettings,
        *,
        root: str,
        wanted: Collection[Place] | None = None,
        digest: Callable[[RunNow, str], Digest] | None = None,
        lens: Callable[[], LensNeeds | None] = lambda: None,
        sinks: Sequence[Sink] | None = None,
        grace_s: float = _GRACE_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir, self._settings, self._root, self._wanted = state_dir, settings, root, wanted
        self._sinks = build(settings) if sinks is None else sinks
        self._grace, self._now, self._digest, self._lens = grace_s, now, digest, lens
        self._by_itself = False
        self._wake, self._end = threading.Event(), threading.Event()
        self._ended: str | None = None
        self._refused: str | None = None
        self._failed = Complaints()
        self._looked = False
        self._last: Situation | None = None

    def look(self) -> None:
        """There may be something new. Returns at once."""
        self._wake.set()

    def finish(self) -> None:
        """The watch ends by itself, as nothing comes any more: said before it is left."""
        self._by_itself = True

    def trouble(self, why: str | None) -> None:
        """The station's own folder refuses to be written, or (None) takes everything again. Returns at once."""
        self._refused = why
        self._wake.set()

    def __enter__(self) -> Self:
        """Open the files and start. StateError when they cannot be used."""
        self._store = AlertStore(self._state_dir)
        try:
            self._journal = JournalView.read(self._state_dir)
        except BaseException:
            self._store.close()
            raise
        self._disks = Disks({"the station's state": str(self._state_dir), "the watched folder": self._root})
        self._run_now = RunNow(self._journal, self._wanted)
        self._reader = SituationReader(self._run_now, self._disks.current, self._now(), lens=self._lens)
        self._desk = Desk(self._store, self._settings, self._sinks, root=self._root, back=self._wake.set, now=self._now)
        self._thread = threading.Thread(target=self._run, name="mhfd-alerts", daemon=True)
        self._disks.start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """The end of the watch. An error is the last thing to ring for; a stop by a person is none."""
        if isinstance(error, Exception):
            self._ended = str(error) if isinstance(error, MhfdError) else f"{type(error).__name__}: {error}"
            self._ended = shown(self._ended).rstrip(".") + "."
        self._end.set()
        self._wake.set()
        self._disks.close()
        self._thread.join(self._grace + 2 * _BEAT_S + (_DIGEST_S if self._by_itself else 0.0))

    def _run(self) -> None:
        try:
            self._wake.wait()  # until the station has said what is wrong now: the journal may hold older troubles
            while not self._end.is_set():
                self._wake.clear()
                self._look()
                self._end.wait(_PAUSE_S)
                self._wake.wait(_BEAT_S)
            if self._looked or self._ended or self._by_itself:
                self._look()
            self._see_off()
        finally:
            self._store.close()
            self._journal.close()

    def _look(self) -> None:
        self._looked = True
        try:
            now = self._situation()
            self._desk.look(now)
            if self._digest is not None and self._ended is None:
                by_itself = self._by_itself and self._end.is_set()
                why = ended(now, self._settings, last=self._desk.digest, by_itself=by_itself)
                if why is not None:
                    found = self._digest(self._run_now, why)
                    self._desk.tell(
                        found.model_copy(update={"page": None}) if by_itself else found, aloud=not by_itself
                    )
        except Exception as e:  # alerts must go on, and must not end the watch
            if self._failed.new(str(e)):
                log.exception("alerts: this look failed; they go on")

    def _situation(self) -> Situation:
        now = self._now()
        try:
            self._last = self._reader.take(now, ended=self._ended, refused=self._refused)
        except Exception:
            if self._ended is None and self._refused is None:
                raise
            # It may be the journal that is the matter: that must ring, with what was known before.
            last = self._last or Situation(now, now)
            self._last = replace(last, now=now, fresh=0, ended=self._ended, refused=self._refused)
        return self._last

    def _see_off(self) -> None:
        """What is under way, and what would be tried at once, gets a little time; the rest is sent after a restart."""
        end = time.monotonic() + self._grace
        while self._desk.busy and (left := end - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            self._desk.step()
