"""What a long function is given: one turn at one piece of work.

A function saves what it would go on from, and keeps larger things in its folder. `save` is where its turn ends, where
it hears that it was cancelled, and where it finds that another one has its work; `beat` hears the last two. What they
raise then is no `Exception`: the function lets it through, and is called again in another turn.
"""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Final

from mhfd.contract.work import Artefact, Progress
from mhfd.remote.alarm import Overdue
from mhfd.remote.ledger import Ledger
from mhfd.remote.long import checkpoints
from mhfd.remote.long.checkpoints import Checkpoint
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.lease import TurnOver, WorkLease
from mhfd.remote.long.machine import HostMachine
from mhfd.remote.refusal import Refusal, shown
from mhfd.site import Site

_CHUNK: Final = 1 << 20
_NOTE_BYTES: Final = 200


class LongFailure(Refusal):
    """A function raises it where asking again would not help: the work ends with it, as failed.

    What else it raises is an error of this turn, and whoever asks again has it go on from the last checkpoint.
    """


class LongWork:
    """One turn.

    Args:
        site: What the administrator allows this function.
        ledger: What the turn does, counted: what it reads (`ledger.reads`) is for the function to say.
        disk: The work's folder.
        lease: The hold on it.
        folder: The function's own folder, open.
        named: That folder, as whoever asks names it.
        begun: What the work goes on from.
        turn_s: The turn ends at the first `save` after so long.
        most_s: ... or at the one after which there may be no time for another.
        machine: Whose clock counts.
    """

    def __init__(
        self,
        site: Site,
        ledger: Ledger,
        disk: WorkDisk,
        lease: WorkLease,
        folder: int,
        named: str,
        begun: Checkpoint | None,
        *,
        turn_s: float,
        most_s: float | None,
        machine: HostMachine,
    ) -> None:
        self.site, self.ledger = site, ledger
        self.folder = Path(f"/proc/{os.getpid()}/fd/{folder}")
        """The function's own folder, through the open one, so that nobody can lead it elsewhere. Programs that it
        starts find it there too. What it syncs there before a `save` is there after it; there may be more."""
        self.saves = 0
        self.artefacts: list[Artefact] = []
        self._disk, self._lease, self._named, self._begun = disk, lease, named, begun
        self._kept = [] if begun is None else [begun.name]
        self._turn_s, self._most_s, self._machine = turn_s, most_s, machine
        self._began = self._saved_at = machine.monotonic()
        self._longest_s = 0.0

    @property
    def progress(self) -> Progress | None:
        """How far the work is, as it was said last."""
        return self._lease.progress

    def saved(self) -> bytes | None:
        """What was saved last, in this turn or an earlier one; None: the work begins."""
        return None if self._begun is None else self._begun.data

    def save(self, data: bytes, done: float, total: float | None = None, unit: str = "", note: str = "") -> None:
        """From here on the work goes on from this, whatever happens. A turn ends here."""
        progress = self._said(done, total, unit, note)
        self._lease.must_hold()
        whole = checkpoints.head(data, progress) + data
        self.ledger.writes(len(whole))
        name = checkpoints.put(self._disk, self._lease.number, self.saves + 1, whole)
        self._lease.must_hold()  # so it counts: who takes the work up after this finds it
        self.saves += 1
        self._begun = Checkpoint(name, data, progress)
        self._kept = [*self._kept[-1:], name]
        checkpoints.forget(self._disk, self._lease.number, set(self._kept))
        self._lease.hear()
        now = self._machine.monotonic()
        self._longest_s, self._saved_at = max(self._longest_s, now - self._saved_at), now
        took = now - self._began
        if took >= self._turn_s or (self._most_s is not None and took + self._longest_s > self._most_s):
            raise TurnOver

    def beat(self, done: float, total: float | None = None, unit: str = "", note: str = "") -> None:
        """So far it is; nothing is saved. Costs nothing, so say it often."""
        self._said(done, total, unit, note)
        self._lease.hear()
        if self._most_s is not None and self._machine.monotonic() - self._began > self._most_s:
            raise Overdue

    def artefact(self, path: Path, kind: str) -> Artefact:
        """A file of the function's folder is one of its results. It is on the disk from here on; don't change it."""
        inside = path.relative_to(self.folder) if path.is_absolute() else path
        fd = os.open(self.folder / inside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{str(inside)!r} is no file")
            os.fsync(fd)
            found = hashlib.sha256()
            while part := file.read(_CHUNK):
                found.update(part)
                self._lease.hear()
        named = f"{self._named}/{inside.as_posix()}"
        self.artefacts.append(Artefact(path=named, sha256=found.hexdigest(), bytes=status.st_size, kind=kind))
        return self.artefacts[-1]

    def _said(self, done: float, total: float | None, unit: str, note: str) -> Progress:
        note = shown(note, _NOTE_BYTES)
        progress = Progress(done=done, total=total, unit=shown(unit, _NOTE_BYTES), note=note, at_ns=time.time_ns())
        self._lease.progress = progress
        return progress
