"""What runners whose work is done elsewhere answer of images: a report, as it is known here, or why there is none."""

from typing import Any

from mhfd.contract.focus_report import FocusReport
from mhfd_client.files import text_of
from mhfd_client.runners import Scored, set_aside
from mhfd_client.runners.far import FarRunner
from mhfd_client.runners.pending import PendingImage


class FarImagesRunner(FarRunner):
    """Scores elsewhere. See `FarRunner`."""

    def _answer(
        self, image: PendingImage, report: FocusReport, endpoint: str, ended_ns: int | None, **moments: Any
    ) -> None:
        """Its report, unless it has one. `moments` as in `Scored`."""
        if not self._pending.close(image):
            return
        self._begun(image)
        there = report.provenance.model_copy(update={"endpoint": endpoint})
        here = report.image.model_copy(update={"path": text_of(image.job.path)})
        ours = report.model_copy(update={"image": here, "provenance": there})
        now = self._now_ns()
        self._out.append(Scored(image.token, image.job.id, ours, ended_ns or now, returned_ns=now, **moments))

    def _set_aside(self, image: PendingImage, why: str, *, code: str | None = None) -> None:
        if self._pending.close(image):
            report = set_aside(image.job.path, image.job.params, why, code=code)
            self._out.append(Scored(image.token, image.job.id, report, self._now_ns()))
