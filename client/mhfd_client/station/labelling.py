"""What a person says of images reaches the station, or the journal when none runs: from a command or from the page."""

import getpass
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from mhfd.errors import UsageError
from mhfd_client.errors import StateLocked
from mhfd_client.files import text_of
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow
from mhfd_client.journal.view import JournalView
from mhfd_client.results.sidecars import Recorder
from mhfd_client.settings.load import Loaded
from mhfd_client.station import inbox
from mhfd_client.station.assembly import state_of
from mhfd_client.station.rejudge import record_all
from mhfd_client.verdicts.from_journal import JournalJudge


def label_images(
    root: str | os.PathLike[str], loaded: Loaded, images: Sequence[str], *, sharp: bool | None
) -> int | None:
    """`mhfd confirm` and `mhfd reject`; returns as `hand_in` does.

    Args:
        root: The watched folder.
        loaded: Its settings.
        images: Paths, below the folder or relative to it, or to where the command runs.
        sharp: What is said; None takes back what was said before.
    """
    state_dir = state_of(root, loaded.settings)
    with JournalView.read(state_dir) as view:
        rows = [_found(view, root, image) for image in images]
    who = getpass.getuser()
    return hand_in(state_dir, root, loaded, [inbox.GivenLabel(image=row.id, sharp=sharp, who=who) for row in rows])


def hand_in(
    state_dir: Path, root: str | os.PathLike[str], loaded: Loaded, labels: Iterable[inbox.GivenLabel]
) -> int | None:
    """Leave the labels; how many verdicts they changed, or None when a running station takes them in."""
    for label in labels:
        inbox.put(state_dir, label)
    try:
        journal = Journal.open(state_dir, root=root)
    except StateLocked:
        return None
    with journal:
        judge = JournalJudge(journal, loaded.settings.verdict)
        changed = inbox.take_in(journal, inbox.Inbox(state_dir, judge))
        record_all(journal, Recorder(state_dir, journal, loaded))
    return changed


def _found(view: JournalView, root: str | os.PathLike[str], image: str) -> ImageRow:
    top = os.path.realpath(root)
    absolute = os.path.realpath(image)
    for path in (image, os.path.relpath(absolute, top)):
        row = view.find(path.replace(os.sep, "/"))
        if row is not None:
            if row.verdict is None:
                raise UsageError(f"image: {text_of(image)} is not judged yet ({row.state}): look at it again later")
            return row
    raise UsageError(f"image: {text_of(image)} is not in the journal; name it as `mhfd status` or `mhfd retake` does")
