"""Files that are here and not whole yet, or were touched: looked at again and again until they are at rest."""

import hashlib
import os
import stat

from mhfd_client.arrival.events import Clock, Decision, Inode, TroubleKind, Unchanged, Whole
from mhfd_client.arrival.notices import Hint
from mhfd_client.arrival.root import Opener, read_extent
from mhfd_client.arrival.settling import UnfinishedFile, decision_on, need, words
from mhfd_client.arrival.troubles import HELD, Troubles, kind_of, said
from mhfd_client.settings.options import ArrivalSettings

LOOK_S = 0.1
"""How often a file is looked at on a local disk; on a share it is once a poll."""
BUDGET_S = 0.25
"""A look at very many files ends after this long, to hand on what it has."""


class UnfinishedFiles:
    """The pending files of one folder, by path. `gone`: those that were not there at the last look."""

    def __init__(
        self,
        root: str,
        settings: ArrivalSettings,
        *,
        shared: bool,
        troubles: Troubles,
        clock: Clock,
        opener: Opener,
    ) -> None:
        self._root = root
        self._settings = settings
        self._shared = shared
        self._troubles = troubles
        self._clock = clock
        self._open = opener
        self._look_s = settings.poll_s if shared else LOOK_S
        self._pending: dict[str, UnfinishedFile] = {}
        self.gone: list[str] = []

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, path: str) -> bool:
        return path in self._pending

    @property
    def due(self) -> float:
        """When to look again."""
        return min((pending.due for pending in self._pending.values()), default=float("inf"))

    def inode(self, found: os.stat_result) -> Inode | None:
        """None on a share: what stands for an inode there is made up by the way to it, and may change with that."""
        return None if self._shared else Inode(found.st_ctime_ns, found.st_ino)

    def see(self, path: str, found: os.stat_result, now: float, hint: Hint, *, scored: str | None = None) -> None:
        """Note what a file is now, and how it came. `scored`: see `UnfinishedFile`."""
        pending = self._pending.get(path)
        if pending is None:
            since = now
            if not self._shared:  # its mtime is by our own clock, so its age is known
                since -= max(0.0, self._clock.time() - found.st_mtime_ns / 1e9)
            pending = UnfinishedFile(
                found.st_size,
                found.st_mtime_ns,
                self._clock.time(),
                now,
                since,
                now,
                inode=self.inode(found),
                scored=scored,
            )
            self._pending[path] = pending
        else:
            self._compare(pending, found, now)
        if hint is not Hint.SEEN:
            pending.hint = max(pending.hint, hint)
            pending.due = now

    def drop(self, path: str) -> None:
        """It is whole, or was deleted before it was."""
        del self._pending[path]
        self._troubles.over(path)

    def settle(self, now: float) -> list[Whole | Unchanged]:
        """Look at the pending files whose time has come; at those that were only touched when there is time left."""
        news: list[Whole | Unchanged] = []
        self.gone = []
        due = [(path, pending) for path, pending in self._pending.items() if pending.due <= now]
        for path, pending in sorted(due, key=lambda item: item[1].scored is not None):
            if self._clock.monotonic() - now > BUDGET_S and news:
                break
            if self._rested(path, pending, now):
                self.drop(path)
                news.append(self._news(path, pending))
        return news

    def _news(self, path: str, pending: UnfinishedFile) -> Whole | Unchanged:
        revision = path, pending.size, pending.mtime_ns
        if pending.scored is not None and pending.inode is not None and self._holds(path, pending.scored):
            return Unchanged(*revision, pending.inode)
        return Whole(*revision, pending.first_seen, self._clock.time(), inode=pending.inode)

    def _holds(self, path: str, digest: str) -> bool:
        """Whether a file holds these bytes still. One that cannot be read is left to the scoring, which says why."""
        try:
            with os.fdopen(self._open(f"{self._root}/{path}"), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False

    def _compare(self, pending: UnfinishedFile, found: os.stat_result, now: float) -> None:
        is_now = found.st_size, found.st_mtime_ns, self.inode(found)
        if is_now != (pending.size, pending.mtime_ns, pending.inode):
            pending.changed(*is_now, now)

    def _rested(self, path: str, pending: UnfinishedFile, now: float) -> bool:
        """Whether it is whole; if not, sets when to look again, or forgets it."""
        full = f"{self._root}/{path}"
        pending.due = now + self._look_s
        try:
            found = os.lstat(full)
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError
            self._compare(pending, found, now)
            if now - pending.born > self._settings.max_age_s and pending.held_since is None:
                self._troubles.on(
                    TroubleKind.UNSETTLED, path, f"{path}: still changes after {words(now - pending.born)}"
                )
            remaining = pending.since + need(pending, self._settings) - now
            if remaining > 0:
                pending.due = min(pending.due, now + remaining)
                return False
            if pending.extent is None or not pending.extent.holds:
                pending.extent = read_extent(full, pending.size, self._open)
        except (FileNotFoundError, NotADirectoryError):
            self.gone.append(path)
            return False
        except OSError as error:
            self._hold(path, pending, error, now)
            return False
        if pending.held_since is not None:
            pending.held_since = None
            self._troubles.over(path, *HELD)
        marked = self._settings.marker is None or os.path.lexists(full + self._settings.marker)
        judgement = decision_on(pending, pending.extent, now, self._settings, marked=marked)
        pending.due = min(pending.due, now + judgement.remaining)
        return judgement.decision is Decision.TAKE

    def _hold(self, path: str, pending: UnfinishedFile, error: OSError, now: float) -> None:
        """Another program has it, or we may not read it: it is not ready. Said when it lasts."""
        if pending.held_since is None:
            pending.held_since = now
        lasted = now - pending.held_since
        if lasted >= self._settings.patience_s:
            kind = kind_of(error)
            self._troubles.over(path, *(other for other in HELD if other is not kind))
            self._troubles.on(kind, path, f"{path}: cannot be opened for {words(lasted)}: {said(error)}")
        pending.due = now + min(self._settings.poll_s, max(LOOK_S, lasted / 10))
