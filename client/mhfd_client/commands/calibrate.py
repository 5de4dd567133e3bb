"""`mhfd calibrate`: a focus series -> how many um out of focus a pixel of blur is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import JSON, echo, echo_json

if TYPE_CHECKING:
    from mhfd.contract.focus_report import FocusReport
    from mhfd.contract.params import Params
    from mhfd_client.calibration.series import CalibratedSeries


@click.command()
@click.argument("series", nargs=-1, required=True, metavar="SERIES...")
@click.option(
    "--focus-from",
    type=click.Choice(["tag", "filename", "csv"]),
    required=True,
    help="Where each image's focus is read: what the instrument wrote, its name, or a list.",
)
@click.option(
    "--pattern",
    metavar="REGEX",
    help="With filename: a regular expression whose group is the number, as '_z([-+.0-9]+)um'.",
)
@click.option("--unit", metavar="UNIT", help="With --pattern: um, mm, nm or m, or what 1 stands for, as 0.5um.")
@click.option(
    "--csv",
    "listed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With csv: a file with a column `image`, and focus_um, focus_mm, focus_nm or focus_m.",
)
@click.option("--pixel-nm", type=click.FloatRange(0, 1e9, min_open=True), help="Where the files do not say it.")
@click.option("--params", "preset", default="robust", show_default=True, help="robust, paper_text or paper_code.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the calibration there, for verdict.calibration.",
)
@JSON
def calibrate(
    series: tuple[str, ...],
    focus_from: str,
    pattern: str | None,
    unit: str | None,
    listed: Path | None,
    pixel_nm: float | None,
    preset: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """How far out of focus a pixel of blur is, from a series of one field at known focus settings.

    SERIES is a folder, a pattern in quotes, or the images: at least 5, on both sides of focus. Gives um a pixel, f' and
    the law of figure 2 of the MHFD paper, each with the interval that holds the true one 95 times of a hundred. A
    series that does not fit is refused, with why, and nothing is written: exit code 1.
    """
    from mhfd.contract.params import Params
    from mhfd_client.calibration.kept import save
    from mhfd_client.calibration.series import calibrated
    from mhfd_client.times import iso_z

    focus_of = _focus(focus_from, pattern, unit, listed)
    params = Params.preset(preset)
    files = _files(series)
    reports = [report.sized(pixel_nm) for report in _scored(files, params)]
    found = calibrated(reports, focus_of, made=iso_z(time.time()))
    if out is not None:
        save(found.calibration, out)
    if as_json:
        echo_json(_document(found, out))
    else:
        _say(found, out)


def _focus(
    focus_from: str, pattern: str | None, unit: str | None, listed: Path | None
) -> Callable[[Sequence[FocusReport]], Sequence[float]]:
    from mhfd_client.calibration.focus_from import Unit, from_list, from_names, from_tags

    if (pattern is not None or unit is not None) and focus_from != "filename":
        raise click.UsageError(f"--pattern and --unit belong to --focus-from filename, not to {focus_from}")
    if unit is not None and pattern is None:
        raise click.UsageError("--unit belongs to --pattern: without it a number is known by the unit behind it")
    if (listed is not None) != (focus_from == "csv"):
        raise click.UsageError("--csv FILE and --focus-from csv belong together: give both")
    each = None if unit is None else Unit.of(unit)

    def read(reports: Sequence[FocusReport]) -> Sequence[float]:
        paths = [report.image.path or "" for report in reports]
        if listed is not None:
            return from_list(paths, listed)
        return from_tags(reports) if focus_from == "tag" else from_names(paths, pattern, each)

    return read


def _files(series: Sequence[str]) -> list[str]:
    """The images of folders, patterns and names. A folder's are those that a watch would take for images."""
    from fnmatch import fnmatch

    from mhfd.errors import UsageError
    from mhfd_client.files import shown
    from mhfd_client.scoring.lines import expand
    from mhfd_client.settings.options import ArrivalSettings

    arrival = ArrivalSettings()
    found: list[str] = []
    for name in expand(series):
        if not Path(name).is_dir():
            found.append(name)
            continue
        images = sorted(
            entry.path
            for entry in os.scandir(name)
            if entry.is_file()
            and any(fnmatch(entry.name.lower(), kind) for kind in arrival.patterns)
            and not any(fnmatch(entry.name.lower(), kind.lower()) for kind in arrival.ignore)
        )
        if not images:
            raise UsageError(f"{shown(name)}: has no images of its own; name the folder that holds the series")
        found += images
    return list(dict.fromkeys(found))


def _scored(files: Sequence[str], params: Params) -> list[FocusReport]:
    from mhfd_client.scoring.notebook import score

    return [row.report for row in score(files, params=params, judge=False, thumbnails=False)]


def _say(found: CalibratedSeries, out: Path | None) -> None:
    from mhfd_client.calibration import words
    from mhfd_client.files import shown

    for line in (*words.table(found), "", *words.findings(found)):
        echo(line)
    if out is not None:
        echo(f"written to {shown(out)}; to use it: --set verdict.calibration={shown(out)}, or in the settings file")


def _document(found: CalibratedSeries, out: Path | None) -> dict[str, object]:
    import dataclasses

    return {
        "calibration": found.calibration.model_dump(mode="json"),
        "images": [dataclasses.asdict(image) for image in found.images],
        "left_out": [dataclasses.asdict(left) for left in found.left_out],
        "one_sided": found.one_sided,
        "written": out,
    }
