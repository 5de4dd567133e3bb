"""Has a file come to rest? The decision, from what was seen of it; it looks at nothing itself.

A file is whole when its size and mtime have not changed for `settle_s`. Two things make it sooner, both only while its
header agrees with its length: it came by renaming, so it was written elsewhere; its writer was seen to close it
(`settle_closed_s`). One makes it later: a header that speaks of more bytes than are here, for which `patience_s` is
waited, so that a writer that pauses is not cut off; then the file is handed on all the same, and named incomplete.
"""

from dataclasses import dataclass

from mhfd_client.arrival.events import Decision, Inode
from mhfd_client.arrival.extent import Extent
from mhfd_client.arrival.notices import Hint
from mhfd_client.settings.options import ArrivalSettings


@dataclass(slots=True)
class UnfinishedFile:
    """A file whose revision is not whole yet. Times are monotonic, but `first_seen`."""

    size: int
    mtime_ns: int
    first_seen: float
    born: float
    since: float  # when it was last seen to change
    due: float  # when to look again
    hint: Hint = Hint.SEEN
    extent: Extent | None = None  # of this size and mtime
    held_since: float | None = None  # when it was first found that it cannot be opened
    inode: Inode | None = None
    scored: str | None = None  # the hash of the bytes that were scored of this size and mtime

    def changed(self, size: int, mtime_ns: int, inode: Inode | None, now: float) -> None:
        """It is being written: whatever was known of its end no longer counts."""
        if (size, mtime_ns) != (self.size, self.mtime_ns):
            self.scored = None
        self.size, self.mtime_ns, self.inode, self.since = size, mtime_ns, inode, now
        self.hint, self.extent = Hint.SEEN, None


@dataclass(frozen=True, slots=True)
class Judgement:
    """TAKE or WAIT, why, and for how much longer it must stay as it is."""

    decision: Decision
    why: str
    remaining: float


def need(pending: UnfinishedFile, settings: ArrivalSettings) -> float:
    """How long it must be at rest if its header agrees with its length: earlier, opening it is of no use."""
    if pending.hint is Hint.RENAMED or settings.marker is not None:
        return 0.0
    if pending.hint is Hint.CLOSED:
        return min(settings.settle_closed_s, settings.settle_s)
    return settings.settle_s


def decision_on(
    pending: UnfinishedFile, extent: Extent, now: float, settings: ArrivalSettings, *, marked: bool = True
) -> Judgement:
    """What to do with a file whose header says `extent`; `marked`: the file that says it is finished is there."""
    rest = now - pending.since
    if not marked:
        return Judgement(Decision.WAIT, f"its {settings.marker} is not here yet", settings.settle_s)
    if extent.holds:
        wait, why = need(pending, settings), f"{_how(pending, settings, rest)}, and {extent.why}"
    elif extent.holds is None:
        wait, why = settings.settle_s, f"at rest for {words(rest)}; {extent.why}"
    else:
        wait, why = max(settings.settle_s, settings.patience_s), f"at rest for {words(rest)}, though {extent.why}"
    if rest >= wait:
        return Judgement(Decision.TAKE, why, 0.0)
    why = f"{extent.why}; at rest for {words(rest)} of {words(wait)}"
    return Judgement(Decision.WAIT, why, wait - rest)


def _how(pending: UnfinishedFile, settings: ArrivalSettings, rest: float) -> str:
    if settings.marker is not None:
        return f"its {settings.marker} is here"
    if pending.hint is Hint.RENAMED:
        return "it came by renaming"
    if pending.hint is Hint.CLOSED and rest < settings.settle_s:
        return f"closed by its writer, at rest for {words(rest)}"
    return f"at rest for {words(rest)}"


def words(seconds: float) -> str:
    """A duration that a person reads: `0.3 s`, `45 s`, `12 min`, `3 h`, `5 days`."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 10 and value != int(value) else f"{value:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
