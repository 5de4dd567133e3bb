"""Where `mhfd score --focus-map` writes: one file for one image, a folder that has the images' own folders for many."""

import os
from collections.abc import Sequence
from pathlib import Path

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd.focus_map import SUFFIX, FocusMap


class MapFiles:
    """Writes the focus map of each report that has one."""

    def __init__(self, target: Path, paths: Sequence[str]) -> None:
        if len(paths) > 1 and target.suffix:
            raise UsageError(f"--focus-map: {target} is one file for {len(paths)} images; name a folder")
        self._target, self._paths = target, paths
        folders = {os.path.dirname(os.path.abspath(path)) for path in paths}  # noqa: PTH100, PTH120 - bytes of any kind
        try:
            self._above = os.path.commonpath(folders)
        except ValueError:  # drives of Windows
            self._above = ""

    def write(self, index: int, report: FocusReport) -> None:
        """The map of the image that has this place among the paths."""
        if report.cells is None:
            return
        if self._target.suffix:
            FocusMap.of(report).write(self._target)
            return
        path = os.path.abspath(self._paths[index])  # noqa: PTH100
        inside = os.path.relpath(path, self._above) if self._above else os.path.splitdrive(path)[1].lstrip("\\/")
        FocusMap.of(report).write(self._target / f"{inside}{SUFFIX}")
