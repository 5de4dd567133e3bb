"""From the names of learned packages to the packages: read and checked, not opened.

Never imported by a station's own process: a worker looks them up, and whoever scores for a person checks them first.
"""

from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd.learning.packages import ASKED_ELSEWHERE, Library, Package, read_package
from mhfd_client.runners.packages import CHALLENGER, CHAMPION, SHIPPED

_TASKS: Final = ("focus", "cause")
"""That say something of one image."""


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
