"""The image of a test as a dataset of its own: a copy of its bytes, its group, its label where a person gave one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mhfd.contract.assessing import no_instrument
from mhfd.contract.focus_report import Finding
from mhfd.learning.dataset import Dataset, Side, SourceGroup
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.dataset.rows import MANIFEST
from mhfd_client.errors import RetestRefused
from mhfd_client.files import text_of
from mhfd_client.journal.rows import LabelRow, Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.learning.run_labels import UNKNOWN, group_of, row_of


@dataclass(frozen=True, slots=True)
class TestImage:
    """What a run knows of it. `skipped`: why nobody can be asked about it."""

    __test__ = False  # to who collects tests, it is none

    instrument: str
    dataset: Path | None = None
    skipped: str | None = None
    label: LabelRow | None = None
    verdict: Outcome | None = None
    estimates: dict[str, float | None] | None = None
    """By package: how likely it is out of focus, as the watch was told."""


def laid(journal: JournalView, image: int, folder: Path, instrument: str | None) -> TestImage:
    """Lay it into a folder, unless it lies there. OSError, RetestRefused: it cannot be read now."""
    row = journal.image(image)
    report = None if row.report is None else journal.readable_report(row.report)
    root = Path(journal.root())
    group = group_of(journal, root, [] if report is None else [report], instrument)
    named = UNKNOWN if no_instrument(group.instrument) else group.instrument
    group = SourceGroup(instrument=named, specimen=group.specimen, session=group.session)
    if report is None or report.finding is not Finding.OK:
        found = "its report is damaged" if report is None else report.finding_detail or report.finding.value
        return TestImage(named, skipped=f"nothing can be said of the image: {found}")
    label = journal.last_labels().get(image)
    sharp = None if label is None else label.sharp
    path = root / row.path
    try:
        sha256 = sha256_of(path)
        if report.image.sha256 not in (None, sha256):
            return TestImage(named, skipped="the file is another one now: it changed since it was judged")
        copy = folder / "images" / f"{sha256}{path.suffix.lower()}"
        if not (folder / MANIFEST).is_file() or not copy.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            part = copy.with_name(f".{copy.name}.part")
            shutil.copyfile(path, part)
            part.replace(copy)
    except OSError as error:
        raise RetestRefused(f"{text_of(path)}: cannot be laid into {folder}: {error.strerror or error}") from error
    made = row_of(copy, sha256, row, group, report, sharp=sharp, who=None if label is None else label.who)
    Dataset((made,), {group.key: Side.TEST}).write(folder)
    return TestImage(
        named,
        dataset=folder,
        label=None if sharp is None else label,
        verdict=None if row.verdict is None else journal.verdict(row.verdict).outcome,
        estimates={one.package: one.p for one in journal.estimates([image]).get(image, ())},
    )
