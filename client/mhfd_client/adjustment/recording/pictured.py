"""An image file -> what is recorded of it: its bytes, a copy, what the journal holds of it. Reads the journal only.

It opens no image unless it is asked to: the page's process has to stay light.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mhfd.contract.focus_report import FocusReport, ImageInfo
from mhfd.errors import UsageError
from mhfd_client.adjustment.recording.copies import copied
from mhfd_client.adjustment.recording.recorded_move import ImageWords, RecordedImage
from mhfd_client.errors import StateError
from mhfd_client.files import shown, text_of
from mhfd_client.instruments.protocol import DeviceReading
from mhfd_client.journal.rows import ImageRow
from mhfd_client.journal.view import FILE, JournalView
from mhfd_client.verdicts.blur.kept import blur_of

_log = logging.getLogger("mhfd.adjust")
_STAND = ("working_distance_um", "stig_x", "stig_y", "pixel_nm", "dwell_ns", "magnification", "stage_um")


def pictured(
    state_dir: Path,
    image: Path,
    *,
    reading: DeviceReading | None = None,
    look: bool = False,
    tell: Callable[[str], None] = _log.warning,
) -> RecordedImage:
    """What is recorded of an image; it is copied. UsageError where there is no such file, StateError.

    Args:
        state_dir: Where the copy goes, and where a journal may know the image.
        image: The file.
        reading: How the instrument stood when it was taken, where that is known. It says more than the file's tags.
        look: Read the file's tags, where the journal has none.
        tell: Told where no copy is kept.
    """
    if not image.is_file():
        raise UsageError(f"{shown(image)}: there is no such image; name a file that is there")
    copy = copied(state_dir, image)
    if copy.why is not None:
        tell(f"no copy of {shown(image)} is kept: {copy.why}; it teaches only as long as the file itself stays")
    known = of_journal(state_dir, image, copy.sha256)
    stand = {} if known.report is None else stand_of(known.report.image)
    if known.report is None and look:
        stand = tags_of(image)
    if reading is not None:
        said = {name: value for name in _STAND if (value := getattr(reading, name)) is not None}
        if "stage_um" in stand:  # a program and its files may count from two places
            del said["stage_um"]
        stand |= said
    return RecordedImage(
        sha256=copy.sha256,
        path=text_of(image.absolute()),
        bytes=copy.bytes,
        kept=copy.kept,
        at=image.stat().st_mtime,
        section=known.section,
        tile=known.tile,
        said=known.words,
        **stand,
    )


def stand_of(info: ImageInfo) -> dict[str, Any]:
    """How the instrument stood, by what it wrote into the file; only what it says."""
    said = {
        "working_distance_um": None if info.focus_m is None else info.focus_m * 1e6,
        "pixel_nm": info.pixel_nm if info.pixel_nm and info.pixel_nm > 0 else None,
        "dwell_ns": info.dwell_ns,
        "stage_um": info.stage_um,
    }
    return {name: value for name, value in said.items() if value is not None}


def tags_of(image: Path) -> dict[str, Any]:
    """How the instrument stood, by the file itself; nothing where it cannot be read."""
    from mhfd.images import load

    return stand_of(load(image).info)


@dataclass(frozen=True, slots=True)
class JournalWords:
    """What the journal holds of some bytes. None: it does not know them."""

    section: int | None = None
    tile: str | None = None
    report: FocusReport | None = None
    words: ImageWords | None = None


def of_journal(state_dir: Path, image: Path, sha256: str) -> JournalWords:
    """What the journal holds of these very bytes. A journal that cannot be read knows nothing, and that is logged."""
    if not (state_dir / FILE).is_file():
        return JournalWords()
    try:
        with JournalView.read(state_dir) as journal:
            try:
                path = image.resolve().relative_to(Path(journal.root()).resolve()).as_posix()
            except ValueError:
                return JournalWords()
            row = journal.find(path)
            report = None if row is None or row.report is None else journal.readable_report(row.report)
            if row is None or (report is not None and report.image.sha256 not in (None, sha256)):
                return JournalWords()
            return JournalWords(row.section, row.tile, report, _words(journal, row))
    except StateError as error:
        _log.warning("%s", error)
        return JournalWords()


def _words(journal: JournalView, row: ImageRow) -> ImageWords | None:
    verdict = None if row.verdict is None else journal.verdict(row.verdict)
    estimates = journal.estimates([row.id]).get(row.id, ())
    if verdict is None and not estimates:
        return None
    blur = None if verdict is None else blur_of(verdict)
    return ImageWords(
        outcome=None if verdict is None else verdict.outcome.value,
        sentence=None if verdict is None else verdict.sentence,
        blur_px=None if blur is None else blur.px,
        blur_um=None if blur is None else blur.um,
        estimates=estimates,
    )
