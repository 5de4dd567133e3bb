"""What a person says of images reaches the station, or the journal when none runs: from a command or from the page."""

import getpass
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd_client.calibration.applies import of_settings
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

LONGEST_NOTE: Final = 200  # characters


def label_images(
    root: str | os.PathLike[str],
    loaded: Loaded,
    images: Sequence[str],
    *,
    sharp: bool | None = None,
    again: bool = False,
    fine: bool = False,
    note: str | None = None,
    task: bool = False,
) -> int | None:
    """`mhfd confirm`, `reject`, `again` and `fine`; returns as `hand_in` does.

    Args:
        root: The watched folder.
        loaded: Its settings.
        images: Paths, below the folder or relative to it, or to where the command runs.
        sharp: What is said; None takes back what was said before.
        again: They are to be taken again.
        fine: Nothing has to be done about them.
        note: Why.
        task: It is said of what is to be done, not of whether they are sharp.
    """
    state_dir, who = state_of(root, loaded.settings), name_of_user()
    if sharp is not None and not task:
        _must_be_measured(root, loaded, images)
    given = [
        inbox.GivenLabel(image=row.id, sharp=sharp, again=again, fine=fine, note=note, task=task, who=who)
        for row in judged_images(root, loaded, images)
    ]
    return hand_in(state_dir, root, loaded, given)


def judged_images(root: str | os.PathLike[str], loaded: Loaded, images: Sequence[str]) -> list[ImageRow]:
    """The images that paths name; UsageError where the journal knows none, or no verdict on it."""
    with JournalView.read(state_of(root, loaded.settings)) as view:
        return [_found(view, root, image) for image in images]


def _must_be_measured(root: str | os.PathLike[str], loaded: Loaded, images: Sequence[str]) -> None:
    """UsageError for an image of which nothing could be measured: it is neither sharp nor blurred."""
    with JournalView.read(state_of(root, loaded.settings)) as view:
        for image in images:
            row = _found(view, root, image)
            report = None if row.report is None else view.readable_report(row.report)
            if report is not None and report.finding is not Finding.OK:
                what = report.finding_detail or report.finding
                raise UsageError(
                    f"image: {text_of(image)} is neither sharp nor blurred ({what}); "
                    "`mhfd again` puts it on the list of retakes, `mhfd fine` takes it off"
                )


def name_of_user() -> str | None:
    """Who is logged in, for the record; None in a container without a user's name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


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
        judge = JournalJudge(journal, loaded.settings.verdict, of_settings(loaded.settings.verdict))
        changed = inbox.take_in(journal, inbox.Inbox(state_dir, judge))
        record_all(journal, Recorder(state_dir, journal, loaded))
    return changed


def note_of(text: str) -> str | None:
    """A person's note as it is kept: one line, not too long; None where nothing is in it."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(plain) > LONGEST_NOTE:
        raise UsageError(f"note: it has {len(plain)} characters; {LONGEST_NOTE} are the most: say it in fewer")
    return plain or None


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
