"""To which of a run's images the calibration in its settings applies, and why not to the others."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mhfd.contract.focus_report import Finding, ImageInfo
from mhfd.errors import UsageError
from mhfd_client.calibration.kept import load
from mhfd_client.errors import SettingsError
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.blur.calibration import Calibration

_NEWEST: Final = 100
"""Images of a run that are asked: its settings change seldom."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a calibration says of a run's newest images."""

    images: int
    refused: dict[str, int]
    """Why it says nothing, and of how many images."""

    def __str__(self) -> str:
        if not self.images:
            return "no image has been scored yet"
        if not self.refused:
            return f"it applies to all of the newest {self.images:,} images"
        why, count = next(iter(self.refused.items()))
        more = f", and for {len(self.refused) - 1} other reasons" if len(self.refused) > 1 else ""
        said = f"verdicts have no um for {sum(self.refused.values()):,} of the newest {self.images:,} images"
        return f"{said}: {why} ({count:,} images{more})"


def of_settings(settings: VerdictSettings) -> Calibration | None:
    """The calibration that is set; None where none is. SettingsError where its file cannot be used."""
    if settings.calibration is None:
        return None
    try:
        return load(settings.calibration)
    except UsageError as error:
        raise SettingsError(f"verdict.calibration: {error}") from None


def applied(journal: JournalView, settings: VerdictSettings, calibration: Calibration) -> Applied:
    """Where it applies, by the newest images."""
    refused: Counter[str] = Counter()
    images = 0
    for image, params_id in _newest(journal, settings):
        images += 1
        why = calibration.why_not(image, params_id)
        if why is not None:
            refused[why] += 1
    return Applied(images, dict(refused.most_common()))


def _newest(journal: JournalView, settings: VerdictSettings) -> Iterator[tuple[ImageInfo, str]]:
    for score in journal.latest(limit=_NEWEST):
        image = journal.image(score.image)
        report = None if image.report is None else journal.readable_report(image.report)
        if report is not None and report.finding is Finding.OK:
            yield report.sized(settings.pixel_nm).image, report.params_id
