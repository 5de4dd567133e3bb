"""From the names of learned packages to the packages: read and checked, not opened.

Never imported by a station's own process: a worker looks them up, and whoever scores for a person checks them first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mhfd.errors import MhfdError, UsageError
from mhfd.learning.packages import ASKED_ELSEWHERE, MHFD, Library, Package, read_package
from mhfd_client.runners.estimates.packages import CHALLENGER, CHAMPION, SHIPPED

_TASKS: Final[tuple[Literal["focus", "cause"], ...]] = ("focus", "cause")
"""That say something of one image."""


@dataclass(frozen=True, slots=True)
class TakenSeat:
    """Who is champion or challenger of a task. Another one where somebody changed that, or put the package there anew.

    `package`: None is mhfd, or that nobody challenges.
    """

    role: str
    task: str
    package: str | None
    stamp: str = ""
    """Of the package's folder."""
    damaged: str = ""
    """Why nobody knows."""


def taken_seats(wanted: Sequence[str], library: Path, instrument: str | None = None) -> tuple[TakenSeat, ...]:
    """Who has the seats that these words mean: a few small files are read, and no package."""
    kept = Library(library)
    found = []
    for role in (CHAMPION, CHALLENGER):
        for task in _TASKS if role in wanted else ():
            try:
                name = (kept.champion_name if role == CHAMPION else kept.challenger_name)(task, instrument)
            except MhfdError as error:
                found.append(TakenSeat(role, task, None, damaged=str(error)))
                continue
            package = None if name in (None, MHFD) else name
            found.append(TakenSeat(role, task, package, "" if package is None else _stamp(kept.folder / package)))
    return tuple(found)


def _stamp(folder: Path) -> str:
    """What tells a folder from another one in its place; empty where there is none."""
    try:
        stat = folder.stat()
    except OSError:
        return ""
    return f"{stat.st_ino}:{stat.st_mtime_ns}"


def found(wanted: str, library: Path, instrument: str | None = None) -> list[Package]:
    """The packages that a word, a name or a folder means: those that say something of an image.

    Args:
        wanted: The word.
        library: Where a name is looked up.
        instrument: The microscope whose champion or challenger is meant; None: no one in particular.

    Raises:
        UsageError: There is none of that name, it is for something else, or it learned from other microscopes.
    """
    kept = Library(library)
    if wanted == CHAMPION:
        several = [package for task in _TASKS if (package := kept.champion(task, instrument)) is not None]
    elif wanted == CHALLENGER:
        several = [package for task in _TASKS if (package := kept.challenger(task, instrument)) is not None]
    elif wanted == SHIPPED:
        several = list(kept.shipped())
    else:
        package = read_package(Path(wanted)) if Path(wanted).is_dir() else kept.find(wanted)
        if package.card.task in ASKED_ELSEWHERE:
            raise UsageError(f"{wanted}: {ASKED_ELSEWHERE[package.card.task]}")
        kept.refuse_elsewhere(package, instrument)
        several = [package]
    return [package for package in several if package.card.task in _TASKS]
