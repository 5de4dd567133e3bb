"""The images of a run that are out of focus now, read from the journal again and again. Only reads; moves nothing.

What is only compared with images that nobody has confirmed is not among them: all may be blurred alike. A verdict that
is provisional since the focus drifts is, for it is by what a person confirmed. Nor are files that are no whole image,
what moved while it was taken, and what somebody calls fine as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mhfd.contract.focus_report import Finding
from mhfd_client.files import shown, text_of
from mhfd_client.journal.rows import LabelRow, Outcome, Told
from mhfd_client.journal.view import JournalView, Newest
from mhfd_client.naming import Place, shot_of, subject
from mhfd_client.verdicts.blur.blur import BlurKind
from mhfd_client.verdicts.blur.kept import blur_of

_NO_LENS: Final = frozenset({BlurKind.MOTION_ALONG, BlurKind.MOTION_ACROSS, BlurKind.VIBRATION})
"""No lens mends these."""


@dataclass(frozen=True, slots=True)
class BlurredImage:
    """An image whose verdict is that it is out of focus. Times are seconds since 1970."""

    image: int
    path: str
    shot: str
    """What was to be imaged: another take of it takes this one's place."""
    section: int | None
    tile: str | None
    written: float
    """When its file was, by the clock of whoever wrote it."""

    @property
    def where(self) -> str:
        """Its place, for a person."""
        if self.section is None:
            return shown(self.path)
        return shown(subject(Place(self.section, self.tile)))


class OutOfFocus:
    """Those of a run, as of the last look. To be used by one thread.

    Args:
        journal: A connection of its own.
    """

    def __init__(self, journal: JournalView) -> None:
        self._journal = journal
        self._read, self._cursor = Newest(), 0
        self._takes: dict[str, int] = {}  # shot -> its newest image that has a verdict
        self._blurred: dict[str, BlurredImage] = {}
        self._labels: dict[int, LabelRow] = {}

    def look(self) -> bool:
        """Take in what is new; whether anything was."""
        with self._journal.snapshot():
            newest = self._journal.newest()
            if newest == self._read:
                return False
            if newest.label != self._read.label:
                self._labels = self._journal.last_labels()
            for told in self._journal.told(since=self._cursor):
                self._take(told)
            self._read, self._cursor = newest, newest.verdict
        return True

    @property
    def images(self) -> dict[str, BlurredImage]:
        """By shot; of each its newest take."""
        return {shot: one for shot, one in self._blurred.items() if not self._well(one.image)}

    def superseded(self, one: BlurredImage) -> bool:
        """Whether a newer file of the same path is there already, that waits for its verdict."""
        row = self._journal.find(one.path)
        return row is not None and row.id != one.image

    def _well(self, image: int) -> bool:
        label = self._labels.get(image)
        return label is not None and (label.fine or label.sharp is True)

    def _take(self, told: Told) -> None:
        row = told.image
        shot = text_of(shot_of(row.path))
        if row.id < self._takes.get(shot, 0):
            return  # an earlier take was judged again
        self._takes[shot] = row.id
        verdict, blur = told.verdict, blur_of(told.verdict)
        confirmed = not verdict.provisional or json.loads(verdict.detail).get("origin") == "confirmed"
        known = told.score.finding == Finding.OK and confirmed
        if verdict.outcome is not Outcome.OUT_OF_FOCUS or not known or (blur and blur.kind in _NO_LENS):
            self._blurred.pop(shot, None)
            return
        self._blurred[shot] = BlurredImage(row.id, row.path, shot, row.section, row.tile, row.mtime_ns / 1e9)
