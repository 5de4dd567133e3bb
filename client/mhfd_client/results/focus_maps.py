"""The focus maps of a run as OME-TIFFs, from its stored reports: no image is read and nothing is scored again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import UsageError
from mhfd.focus_map import FocusMap
from mhfd_client.files import text_of
from mhfd_client.results.sidecars import map_under

if TYPE_CHECKING:
    from mhfd_client.journal.rows import ImageRow
    from mhfd_client.journal.view import JournalView


@dataclass(frozen=True, slots=True)
class WrittenMaps:
    """What came of it."""

    files: int
    without: tuple[str, ...]
    """Of each image that has no map: its path, and why."""


def write_maps(view: JournalView, images: Iterable[ImageRow], to: Path, *, pixel_nm: float | None) -> WrittenMaps:
    """Write the map of each image below `to`, at the image's own path. The watched folder is never written.

    `pixel_nm`: the size of a pixel of those whose files do not say it.
    """
    root = os.path.realpath(view.root())
    if Path(os.path.realpath(to)).is_relative_to(root):
        raise UsageError(f"--to: {to} lies in the watched folder, which is never written; name a folder outside of it")
    files, without = 0, []
    for image in images:
        report = None if image.report is None else view.readable_report(image.report)
        if report is None:
            without.append(f"{text_of(image.path)}: it has no report that can be read")
            continue
        try:
            focus = FocusMap.of(report.sized(pixel_nm))
        except UsageError as e:
            without.append(f"{text_of(image.path)}: {str(e).partition(': ')[2]}")
            continue
        focus.write(map_under(to, image.path, image.revision))
        files += 1
    return WrittenMaps(files, tuple(without))
