"""[1] A file is here, whole, once.

Looking is the truth: the folder is listed again and again, and change notices only make that look come sooner. So a
lost notice costs seconds, never an image. What has been handed on is kept in memory by size, mtime and, on a local
disk, ctime and inode; the journal says, through `known` and `touched`, what was handed on before. This module never
writes, never deletes, never scores, keeps no state on disk, and says nothing of files that are gone: an image that was
seen stays in the journal.

Three looks, from cheap to thorough: pending files are looked at ten times a second (on a share, once a poll); the
names in the folder are listed every `poll_s` or, with change notices, every `list_s`; every `rescan_s` all files are
looked at too, which finds one that was overwritten in place: a folder's listing does not show that. One that was only
touched, and holds the bytes that were scored, is no new revision.
"""

import math
import os
import stat
import time
from collections.abc import Iterable

from mhfd_client.arrival.events import (
    Clock,
    FolderTrouble,
    Inode,
    Known,
    Recovered,
    Scoring,
    Touched,
    TroubleKind,
    Unchanged,
    Whole,
)
from mhfd_client.arrival.left_alone import LeftAlone
from mhfd_client.arrival.listing import Listing, Rules, inside, is_preview, walk
from mhfd_client.arrival.notices import Hint, NoHints, Notices
from mhfd_client.arrival.root import Opener, checked_root, identify, is_shared, open_to_read
from mhfd_client.arrival.troubles import HELD, Troubles, kind_of, said
from mhfd_client.arrival.unfinished import UnfinishedFiles
from mhfd_client.settings.options import ArrivalSettings

_ROOT = (TroubleKind.ROOT_GONE, TroubleKind.ROOT_EMPTY, TroubleKind.DENIED, TroubleKind.IO_ERROR)


class Arrival:
    """Watches one folder, for one loop. Not to be used by several threads, but for `wake`.

    Args:
        root: The folder.
        settings: The section `arrival`.
        known: Answers from the journal, so that a restart hands on nothing twice.
        touched: Likewise, of what it knows: whether a file was touched since.
        ignore: Further names to leave alone: the instrument's own (`Naming.ignore`).
        had_images: Whether the journal holds images of this folder. Then an empty folder at the start is a trouble: a
            mount that is missing looks like that.
        shared: Whether other machines write there; nothing: looked up in the mount table.
        clock: Where the time comes from.
        opener: How a file is opened.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        settings: ArrivalSettings,
        known: Known,
        touched: Touched = lambda *_: None,
        ignore: Iterable[str] = (),
        had_images: bool = False,
        shared: bool | None = None,
        clock: Clock = time,
        opener: Opener = open_to_read,
    ) -> None:
        self.root = checked_root(root)
        self._settings = settings
        self._known, self._touched = known, touched
        self._rules = Rules(settings.patterns, (*settings.ignore, *ignore))
        self._clock = clock
        self._shared = is_shared(self.root) if shared is None else shared
        self._had_images = had_images
        self._done: dict[str, dict[str, int]] = {}  # folder -> name -> revision
        self._troubles = Troubles()
        self._waiting = UnfinishedFiles(
            self.root,
            settings,
            shared=self._shared,
            troubles=self._troubles,
            clock=clock,
            opener=opener,
        )
        self._alone = LeftAlone(self._troubles, settings)
        self._identity: tuple[int, int] | None = None
        self._lost = self._looked = False
        self._next_list = self._next_full = clock.monotonic()
        self._hints = NoHints()
        self._want_notices = settings.mode == "events" or (settings.mode == "auto" and not self._shared)
        self._start_notices()

    @property
    def mode(self) -> str:
        """`events` or `poll`: how it watches now."""
        return "events" if isinstance(self._hints, Notices) else "poll"

    @property
    def pending(self) -> int:
        """How many files are not whole yet."""
        return len(self._waiting)

    def unsettled_s(self) -> float:
        """How long something may still come of what is there: before the first look is done, nobody knows."""
        if not self._looked:
            return math.inf
        return self._settings.patience_s + self._settings.settle_s if self._waiting else 0.0

    def poll(self, timeout: float) -> list[Whole | Unchanged | FolderTrouble | Recovered]:
        """What is new. Looks at once, then again until there is something or `timeout` seconds are over."""
        end = self._clock.monotonic() + timeout
        while True:
            if found := self._look():
                return found
            now = self._clock.monotonic()
            if now >= end:
                return []
            self._hints.wait(max(0.0, min(end, self._due()) - now))

    def wake(self) -> None:
        """End a wait of `poll`; from any thread."""
        self._hints.wake()

    def again(self, path: str) -> None:
        """Hand this file on once more: the journal could not take it."""
        folder, _, name = path.rpartition("/")
        self._done.get(folder, {}).pop(name, None)
        self._next_list = self._clock.monotonic()

    def close(self) -> None:
        """End the threads that collect notices."""
        self._hints.close()

    # One look ------------------------------------------------------------------------------------------------------

    def _look(self) -> list[Whole | Unchanged | FolderTrouble | Recovered]:
        now = self._clock.monotonic()
        self._take_hints(now)
        if now >= self._next_list:
            self._list(now)
        rested = [] if self._lost else self._waiting.settle(now)
        for one in rested:
            folder, _, name = one.path.rpartition("/")
            self._done.setdefault(folder, {})[name] = _packed(one.size, one.mtime_ns, one.inode)
        if self._waiting.gone:
            self._forget(self._waiting.gone, now)
        self._looked = True
        return [*self._troubles.take(), *rested]

    def _forget(self, paths: list[str], now: float) -> None:
        """Files that went before they were whole are no images, unless it is the watched folder that went."""
        try:
            here = identify(self.root) == self._identity
        except OSError:
            here = False
        if here:
            for path in paths:
                self._waiting.drop(path)
        else:
            self._next_list = now

    def _due(self) -> float:
        return self._next_list if self._lost else min(self._next_list, self._waiting.due)

    def _take_hints(self, now: float) -> None:
        files, folders = self._hints.take()
        if self._lost or self._identity is None:
            return
        for path, hint in folders.items():
            if self._rules.folders(path) is None:
                for folder in walk(self.root, self._rules, start=path):
                    for name in folder.images:
                        self._hinted(inside(folder.path, name), now, hint)
        for path, hint in files.items():
            if self._rules.path(path) is None and not is_preview(self.root, path, self._rules):
                self._hinted(path, now, hint)

    def _hinted(self, path: str, now: float, hint: Hint) -> None:
        try:
            self._sight(path, now, hint)
        except OSError:
            self._next_list = now  # the listing finds the cause, and says it

    def _list(self, now: float) -> None:
        """List every folder; on a full rescan, look at every file too."""
        folders = self._folders()
        full = now >= self._next_full
        self._lost = folders is None
        if folders is not None:
            for folder in folders:
                self._compare(folder, now, full=full)
            self._alone.look(folders, now)
            if not any(folder.error for folder in folders):
                for gone in self._done.keys() - {folder.path for folder in folders}:
                    del self._done[gone]
        took = self._clock.monotonic() - now
        patient = self.mode == "events" and not self._lost
        # However slow a share is, at most a third of the time goes into looking.
        self._next_list = now + took + max(self._settings.list_s if patient else self._settings.poll_s, 2 * took)
        if full and not self._lost:
            self._next_full = now + took + max(self._settings.rescan_s, 2 * took)
            self._start_notices()

    def _folders(self) -> list[Listing] | None:
        """The names in the whole tree; None while the watched folder is not there, or is not what it was."""
        try:
            identity = identify(self.root)
        except OSError as error:
            self._no_root(TroubleKind.ROOT_GONE, f"{self.root}: {said(error)}; is it mounted?")
            return None
        folders = list(walk(self.root, self._rules))
        refused = folders[0].error
        if refused is not None:
            kind = TroubleKind.DENIED if kind_of(refused) is TroubleKind.DENIED else TroubleKind.ROOT_GONE
            self._no_root(kind, f"{self.root} cannot be listed: {said(refused)}")
            return None
        images = any(folder.images for folder in folders)
        if identity != self._identity and not images and (self._had_images or any(self._done.values())):
            # Where a file system was unmounted, the empty folder below it shows.
            self._no_root(TroubleKind.ROOT_EMPTY, f"{self.root} is empty, and held images; is it mounted?")
            return None
        renewed = self._lost or self._identity not in (None, identity)
        self._identity = identity
        self._had_images = self._had_images and not images
        self._troubles.over(None, TroubleKind.ROOT_GONE, TroubleKind.ROOT_EMPTY)
        if renewed:  # notices of the old folder no longer come; and anything may have happened
            self._lost = False
            self._hints.close()
            self._hints = NoHints()
            self._start_notices()
            self._next_full = self._clock.monotonic()
        return folders

    def _no_root(self, kind: TroubleKind, why: str) -> None:
        self._troubles.over(None, *(other for other in _ROOT if other is not kind))
        self._troubles.on(kind, None, why)

    def _compare(self, folder: Listing, now: float, *, full: bool) -> None:
        """Find what is new in a folder."""
        done = self._done.setdefault(folder.path, {})
        error = folder.error
        for name in folder.images:
            if full or name not in done:
                path = inside(folder.path, name)
                if full or path not in self._waiting:
                    try:
                        self._sight(path, now, Hint.SEEN)
                    except OSError as refused:
                        error = refused
        if error is None:
            self._troubles.over(folder.path or None, *HELD)
            for gone in done.keys() - set(folder.images):
                del done[gone]
        elif not isinstance(error, FileNotFoundError):
            self._troubles.on(kind_of(error), folder.path or None, f"{folder.path or self.root}: {said(error)}")

    def _sight(self, path: str, now: float, hint: Hint) -> None:
        """Look at one file that may be new. Raises OSError when even that is refused."""
        try:
            found = os.lstat(f"{self.root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISREG(found.st_mode):
            return
        scored = None
        if path not in self._waiting:
            folder, _, name = path.rpartition("/")
            done = self._done.setdefault(folder, {})
            inode = self._waiting.inode(found)
            revision = _packed(found.st_size, found.st_mtime_ns, inode)
            if done.get(name) == revision:
                return
            if self._known(path, found.st_size, found.st_mtime_ns):
                scored = None if inode is None else self._touched(path, inode)
                if scored is None:
                    done[name] = revision
                    return
                if scored is Scoring.UNDER_WAY:  # what was read is known when it is looked at next
                    return
        self._waiting.see(path, found, now, hint, scored=scored)

    def _start_notices(self) -> None:
        """Start change notices if they are wanted and not there; say so when the system has none."""
        if not self._want_notices or self._lost:
            return
        if isinstance(self._hints, Notices):
            if self._hints.alive():
                return
            self._hints.close()
            self._hints = NoHints()
        try:
            self._hints = Notices(self.root)
        except OSError as error:
            self._troubles.on(
                TroubleKind.EVENTS_LOST,
                None,
                f"{self.root}: no change notices: {said(error)}; listed every {self._settings.poll_s:g} s instead "
                "(on Linux, raise fs.inotify.max_user_watches and max_user_instances)",
            )
        else:
            self._troubles.over(None, TroubleKind.EVENTS_LOST)


def _packed(size: int, mtime_ns: int, inode: Inode | None) -> int:
    """A revision as one number: a station keeps tens of thousands for days."""
    ctime_ns, number = inode or (0, 0)
    return (((((mtime_ns << 64) | ctime_ns) << 64) | number) << 64) | size
