"""`mhfd plan`: what a watch would do with every file of a folder, and why. One look; touches nothing.

One look cannot see a file rest. So the age of its mtime stands for that, which a watch of a share does not rely on.
"""

import os
import time
from collections.abc import Iterable

from mhfd_client.arrival.events import Clock, Decision, Known, Sighting
from mhfd_client.arrival.listing import Rules, inside, walk
from mhfd_client.arrival.root import checked_root, is_shared, open_to_read, read_extent
from mhfd_client.arrival.settling import UnfinishedFile, decision_on, need, words
from mhfd_client.arrival.troubles import said
from mhfd_client.settings.options import ArrivalSettings


def plan(
    root: str | os.PathLike[str],
    *,
    settings: ArrivalSettings,
    known: Known,
    ignore: Iterable[str] = (),
    shared: bool | None = None,
    clock: Clock = time,
) -> list[Sighting]:
    """Every file and every folder that is left alone (its path ends in /), in the order of their paths."""
    top = checked_root(root)
    shared = is_shared(top) if shared is None else shared
    found = []
    for folder in walk(top, Rules(settings.patterns, (*settings.ignore, *ignore)), keep_ignored=True):
        if folder.error is not None:
            why = f"cannot be listed: {said(folder.error)}"
            found.append(Sighting(f"{folder.path}/", 0, 0, Decision.WAIT, why))
        for name, why in folder.ignored:
            path = inside(folder.path, name)
            size, mtime_ns = _look(f"{top}/{path.rstrip('/')}")
            found.append(Sighting(path, size, mtime_ns, Decision.IGNORE, why))
        for name in folder.images:
            path = inside(folder.path, name)
            found.append(_judged(top, path, settings, known, clock, shared))
    return sorted(found, key=lambda sighting: sighting.path)


def _look(path: str) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0  # it is left alone whatever it is
    return found.st_size, found.st_mtime_ns


def _judged(top: str, path: str, settings: ArrivalSettings, known: Known, clock: Clock, shared: bool) -> Sighting:
    full = f"{top}/{path}"
    size = mtime_ns = 0
    try:
        found = os.lstat(full)
        size, mtime_ns = found.st_size, found.st_mtime_ns
        if known(path, size, mtime_ns):
            return Sighting(path, size, mtime_ns, Decision.KNOWN, "this revision is in the journal")
        age = clock.time() - mtime_ns / 1e9
        now = clock.monotonic()
        pending = UnfinishedFile(size, mtime_ns, clock.time(), now, now - max(0.0, age), now)
        if now - pending.since < need(pending, settings):
            ahead = f" (its mtime is {words(-age)} ahead of this clock)" if age < -1 else ""
            why = f"may still be written: changed {words(max(0.0, age))} ago{ahead}"
            return Sighting(path, size, mtime_ns, Decision.WAIT, why)
        reach = read_extent(full, size, open_to_read)
    except OSError as error:
        return Sighting(path, size, mtime_ns, Decision.WAIT, f"cannot be opened: {said(error)}")
    marked = settings.marker is None or os.path.lexists(full + settings.marker)
    judgement = decision_on(pending, reach, now, settings, marked=marked)
    why = judgement.why
    if judgement.decision is Decision.TAKE and shared:
        why += f"; on a share, once it was seen unchanged for {words(settings.settle_s)}"
    return Sighting(path, size, mtime_ns, judgement.decision, why)
