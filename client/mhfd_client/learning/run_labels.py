"""What people said of a run's images -> rows of a dataset. Reads the journal and the files; changes neither."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.dataset.rows import DatasetRow, Origin, SourceGroup, Target
from mhfd_client.files import text_of
from mhfd_client.journal.rows import ImageRow
from mhfd_client.journal.view import JournalView

UNKNOWN: Final = "unknown"
"""Instrument of a run whose images do not say it."""


@dataclass(slots=True)
class RunLabels:
    """The rows, and the images that were left out, each with why."""

    rows: list[DatasetRow] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def labels_of(state: Path, *, group: SourceGroup | None = None, instrument: str | None = None) -> RunLabels:
    """A row for each image and each person who said of it whether it is sharp.

    Args:
        state: A station's state folder.
        group: Of all its images; else it is made of the instrument that the images name, the watched folder's name and
            the day of the first image.
        instrument: The microscope, where it is not as the images name it.
    """
    found = RunLabels()
    with JournalView.read(state) as journal:
        words = _words(journal)
        root = Path(journal.root())
        known = [(image, said, _report(journal, image)) for image, said in words]
        own = group or group_of(journal, root, [report for _, _, report in known if report is not None], instrument)
    by_bytes: dict[tuple[str, str | None], DatasetRow] = {}
    for image, said, report in known:
        path = root / image.path
        try:
            str(path).encode()  # a manifest is text
            sha256 = sha256_of(path)
        except OSError as error:
            found.left_out.append(f"{text_of(path)}: {error.strerror or error}")
            continue
        except UnicodeEncodeError:
            found.left_out.append(f"{text_of(path)}: its name is no text; rename it and label it anew")
            continue
        if why := _not_it(report, sha256):
            found.left_out.append(f"{text_of(path)}: {why}")
            continue
        for who, sharp in said.items():  # of bytes that were labelled twice, the later word holds
            by_bytes[sha256, who] = row_of(path, sha256, image, own, report, sharp=sharp, who=who)
    found.rows = list(by_bytes.values())
    return found


def _words(journal: JournalView) -> list[tuple[ImageRow, dict[str | None, bool]]]:
    """Of each image, what each person said last; what was taken back is gone, whoever had said it."""
    said: dict[int, dict[str | None, bool]] = {}
    for label in journal.labels():
        of_image = said.setdefault(label.image, {})
        if label.sharp is None:
            of_image.clear()
        elif label.sharp_by is not None:
            of_image[label.sharp_by.who] = label.sharp
    return [(journal.image(image), words) for image, words in sorted(said.items()) if words]


def _report(journal: JournalView, image: ImageRow) -> FocusReport | None:
    return None if image.report is None else journal.readable_report(image.report)


def _not_it(report: FocusReport | None, sha256: str) -> str | None:
    """Why the file teaches nothing."""
    if report is not None and report.image.sha256 not in (None, sha256):
        return "another file than the one that was labelled: it changed since"
    if report is not None and report.finding is not Finding.OK:
        return f"neither sharp nor blurred: {report.finding_detail or report.finding}"
    return None


def row_of(
    path: Path,
    sha256: str,
    image: ImageRow,
    group: SourceGroup,
    report: FocusReport | None,
    *,
    sharp: bool | None,
    who: str | None,
) -> DatasetRow:
    """Of one image; `sharp`: None where nobody said."""
    info = None if report is None else report.image
    written = {
        "focus_um": None if info is None or info.focus_m is None else info.focus_m * 1e6,
        "dwell_ns": None if info is None else info.dwell_ns,
    }
    return DatasetRow(
        sha256=sha256,
        path=str(path),
        group=group,
        section=image.section,
        origin=Origin.FOLDER if sharp is None else Origin.CONFIRMED if sharp else Origin.REJECTED,
        said_by=who,
        target=Target(bad=None if sharp is None else not sharp),
        pixel_nm=None if info is None or not info.pixel_nm or info.pixel_nm <= 0 else info.pixel_nm,
        covariates={name: value for name, value in written.items() if value is not None},
    )


def group_of(journal: JournalView, root: Path, reports: list[FocusReport], instrument: str | None) -> SourceGroup:
    """What a run is called: by its images' instrument, the watched folder and the day of the first image."""
    named = Counter(maker for report in reports for maker in [_maker(report)] if maker)
    first = journal.images(limit=1)
    day = datetime.datetime.fromtimestamp(first[0].arrived_ns / 1e9, datetime.UTC).date().isoformat() if first else ""
    instrument = instrument or (named.most_common(1)[0][0] if named else UNKNOWN)
    specimen = text_of(root.name).replace("/", " ") or "root"
    return SourceGroup(instrument=instrument, specimen=specimen, session=day)


def _maker(report: FocusReport) -> str | None:
    """Who made the instrument, by where its report says that its numbers were read."""
    for name in ("pixel_from", "focus_from", "dwell_from", "stage_from"):
        if words := str(report.image.tags.get(name, "")).split():
            return words[0].strip(",;:").replace("/", "-") or None
    return None
