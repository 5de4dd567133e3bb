"""`mhfd rescore`: images that have a report are scored again, as new revisions of the same files.

What was said before stays where it is: the old revision keeps its report, its verdicts and its sidecar. Beside a
running station the wish lies in its inbox, as labels do; without one it is taken in here, and the next watch scores.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd_client.errors import StateLocked
from mhfd_client.files import named, text_of
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.methods import methods_of, told, words
from mhfd_client.runners import SET_ASIDE
from mhfd_client.settings.load import Loaded
from mhfd_client.station.assembly import state_of
from mhfd_client.station.wishes import Wish, grant, put, wishes

REASONS: Final = (SET_ASIDE, *(finding.value for finding in Finding if finding is not Finding.OK))
"""By what images are chosen: the findings of their reports, and those that no worker could score."""
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image that is to be scored again. `refused`: why it cannot be."""

    image: ImageRow
    said: str
    refused: str | None


def chosen(
    root: str | os.PathLike[str],
    loaded: Loaded,
    reasons: Collection[str],
    paths: Sequence[str] = (),
    *,
    older: bool = False,
) -> list[Chosen]:
    """What was found of the newest revision of each file for one of these reasons, and these files whatever was found.

    `older`: and those that were measured by an older version of the method.
    UsageError where a path names no image that was judged.
    """
    top = os.path.realpath(root)
    with JournalView.read(state_of(root, loaded.settings)) as view:
        rows = {row.id: row for row in (_of_path(view, top, path) for path in paths)}
        for row in _by_reason(view, reasons):
            rows.setdefault(row.id, row)
        for method in methods_of(view) if older else ():
            rows.update((row.id, row) for row in view.measured_with(method.params_id) if method.older)
        return [Chosen(row, _said(view, row), _refused(top, row)) for row in rows.values()]


def hand_in(root: str | os.PathLike[str], loaded: Loaded, images: Sequence[int], *, why: str) -> int | None:
    """How many will be scored by the next watch, or None when a running station takes them in."""
    state_dir = state_of(root, loaded.settings)
    put(state_dir, Wish(images=tuple(images), why=why))
    try:
        journal = Journal.open(state_dir, root=root)
    except StateLocked:
        return None
    with journal:
        count = 0
        for file, wish in wishes(state_dir / "inbox"):
            if wish is not None:
                count += grant(journal, wish)
                with named(file):
                    file.unlink(missing_ok=True)
    return count


def _by_reason(view: JournalView, reasons: Collection[str]) -> Iterator[ImageRow]:
    after = 0
    newest: dict[str, ImageRow] = {}
    while rows := view.images(after=after, limit=_PAGE):
        after = rows[-1].id
        newest |= {row.path: row for row in rows if reasons}
    for row in newest.values():
        if row.state in (State.JUDGED, State.RECORDED) and row.report is not None:
            report = view.report(row.report)
            if report.finding.value in reasons or report.method.id.replace("_", "-") in reasons:
                yield row


def _of_path(view: JournalView, top: str, path: str) -> ImageRow:
    for name in (path, os.path.relpath(os.path.realpath(path), top)):
        row = view.find(name.replace(os.sep, "/"))
        if row is not None and row.state in (State.JUDGED, State.RECORDED):
            return row
        if row is not None:
            raise UsageError(f"--image: {text_of(path)} is not judged yet ({row.state}): it is being scored")
    raise UsageError(f"--image: {text_of(path)} is not in the journal; name it as `mhfd status` or `mhfd retake` does")


def _said(view: JournalView, row: ImageRow) -> str:
    assert row.report is not None  # noqa: S101 - it was judged
    report = view.report(row.report)
    if report.finding is Finding.OK:
        return words(report.params.version_of(report.params_id), report.provenance.version)
    return report.finding_detail or report.finding.value


def offer(root: str | os.PathLike[str], loaded: Loaded) -> str:
    """What of a run was measured by which version of the method, and why one would measure it again."""
    with JournalView.read(state_of(root, loaded.settings)) as view:
        return told(methods_of(view))


def _refused(top: str, row: ImageRow) -> str | None:
    try:
        found = os.stat(os.path.join(top, row.path))  # noqa: PTH116, PTH118 - names that are no UTF-8
    except FileNotFoundError:
        return "the file is gone: moved, deleted, or its folder is not mounted"
    except OSError as e:
        return f"the file cannot be read: {e.strerror}"
    if (found.st_size, found.st_mtime_ns) != (row.size, row.mtime_ns):
        return "the file is another one now, which a watch scores by itself"
    return None
