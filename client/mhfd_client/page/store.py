"""What the page asks of the journal beyond what everybody does. Reads only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd_client.journal.rows import LabelRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place

_REPORTS: Final = 500  # kept: the retake list looks at the same ones again and again


class Store(JournalView):
    """A journal, seen by a page that stays open for days."""

    _reports: OrderedDict[int, FocusReport] | None = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside belongs together."""
        self._all("BEGIN")
        try:
            yield
        finally:
            self._all("COMMIT")

    def version(self) -> int:
        """Another number when somebody has written."""
        return int(self._one_number("PRAGMA data_version"))

    def identity(self) -> str:
        """Tells this journal from another one in the same place."""
        row = self._one("SELECT created_ns FROM station")
        return "" if row is None else str(row[0])

    def newest_image(self) -> int:
        return self._one_number("SELECT max(id) FROM image")

    def newest_verdict(self) -> int:
        return self._one_number("SELECT max(id) FROM verdict")

    def newest_label(self) -> int:
        return self._one_number("SELECT max(id) FROM label")

    def last_labels(self) -> dict[int, LabelRow]:
        """The newest label of each image; one that was taken back is none."""
        labels = {label.image: label for label in self.labels()}
        return {image: label for image, label in labels.items() if label.sharp is not None or label.fine}

    def places(self) -> list[Place]:
        """Where images have come, judged or not."""
        rows = self._all("SELECT DISTINCT section, tile FROM image WHERE section IS NOT NULL")
        return [Place(section, tile) for section, tile in rows]

    def report(self, report_id: int) -> FocusReport:
        if self._reports is None:
            self._reports = OrderedDict()
        found = self._reports.pop(report_id, None) or super().report(report_id)
        self._reports[report_id] = found
        if len(self._reports) > _REPORTS:
            self._reports.popitem(last=False)
        return found

    def _one_number(self, sql: str) -> int:
        row = self._one(sql)
        return 0 if row is None or row[0] is None else int(row[0])
