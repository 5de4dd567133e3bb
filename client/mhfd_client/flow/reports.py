"""Files on both ends of a run: is an image still what the station saw, and which reports have come back.

A report is taken when it is valid, of the path that its run gave the image, of as many bytes and of the same SHA-256
as the image here. Whatever else lies in the run's folder of reports is moved aside, and named. Touches shares that may
hang: none of it is for the station's loop.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mhfd.contract.focus_report import FocusReport, report_file
from mhfd_client.runners import Job
from mhfd_client.runners.answers import read
from mhfd_client.runners.versions import newer_there

log = logging.getLogger("mhfd.flow")


@dataclass(slots=True)
class Collected:
    """What one run brought back, by the image's place."""

    reports: dict[int, FocusReport] = field(default_factory=dict)
    changed: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)


class RunFiles(Protocol):
    """The files of a runner's runs: this module, or one that only counts them (`benchmarks/virtual_day.py`)."""

    def unfit(self, job: Job) -> tuple[str, bool] | None:
        """As below."""

    def collect(
        self, folder: Path, aside: Path, jobs: Sequence[Job], seen: Sequence[str], answered: Sequence[str] = ()
    ) -> Collected:
        """As below."""

    def discard(self, folder: Path) -> None:
        """As below."""


def unfit(job: Job) -> tuple[str, bool] | None:
    """Why an image cannot be moved as it is, and whether that is a fault of its own; nothing when it can."""
    try:
        found = os.stat(job.path)  # noqa: PTH116 - no UTF-8 needed
    except OSError as e:
        return f"the file cannot be opened: {e.strerror}", True
    if (found.st_size, found.st_mtime_ns) != (job.size, job.mtime_ns):
        return "the file changed before it was moved", False
    return None


def collect(
    folder: Path, aside: Path, jobs: Sequence[Job], seen: Sequence[str], answered: Sequence[str] = ()
) -> Collected:
    """The reports of a run.

    Args:
        folder: Where they come back to.
        aside: Where what is not wanted goes.
        jobs: The images of the run.
        seen: What the endpoint called each of them.
        answered: What it called others of the same run, whose reports were taken before.
    """
    found = Collected()
    if not jobs:
        return found
    known = {report_file(path, jobs[0].params.id) for path in answered}
    expected = {report_file(path, job.params.id): n for n, (job, path) in enumerate(zip(jobs, seen, strict=True))}
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except FileNotFoundError:
        return found
    for name in names:
        if name in known:
            continue
        number, why = expected.get(name), "of no image of this run"
        if number is not None:
            why = _take(folder / name, jobs[number], seen[number], number, found)
        if why:
            _put_aside(folder / name, aside, why, found)
            if number is not None:
                found.wrong[number] = why
    return found


def discard(folder: Path) -> None:
    """The folder of a run whose reports are in the journal."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as e:
        log.warning("%s cannot be removed: %s", folder, e)


def _take(path: Path, job: Job, seen: str, number: int, found: Collected) -> str:
    """Why a report is not wanted; nothing when it is, or when its image has changed since."""
    try:
        plain: Any = json.loads(path.read_bytes())
        answer = read({"reports": [plain]})
    except (OSError, ValueError) as e:
        return f"unreadable ({str(e)[:200]})"
    report = answer.reports.get(0)
    if report is None:
        return str(answer.reasons[0].why if 0 in answer.reasons else "no report")
    if report.image.path != seen:
        return f"of another path ({report.image.path})"
    newer = newer_there(report, job.params)
    if newer is not None:
        return newer
    if job.params.version_of(report.params_id) is None:
        return f"made with other parameters ({report.params_id})"
    if report.image.bytes is not None and report.image.bytes != job.size:
        return f"of an image with {report.image.bytes} bytes instead of {job.size}"
    if report.image.sha256 is not None:
        here = _sha256(job)
        if here is None:
            found.changed[number] = "the file changed after it was moved"
            return ""
        if here and here != report.image.sha256:
            return "of an image with another SHA-256"
    found.reports[number] = report
    return ""


def _sha256(job: Job) -> str | None:
    """Of the image here; empty when it is not here any more; None when it is another by now."""
    try:
        with open(job.path, "rb") as f:  # noqa: PTH123 - no UTF-8 needed
            about = os.fstat(f.fileno())
            if (about.st_size, about.st_mtime_ns) != (job.size, job.mtime_ns):
                return None
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError:
        return ""


def _put_aside(path: Path, aside: Path, why: str, found: Collected) -> None:
    target = aside / f"{path.parent.name[:8]}-{path.name}"
    try:
        aside.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    except OSError as e:
        log.warning("%s is %s, and cannot be put aside: %s", path, why, e)
        return
    log.warning("a report is %s: put aside as %s", why, target)
    found.aside.append(str(target))
