"""From the names of learned packages to the packages: read and checked, not opened.

Never imported by a station's own process: a worker looks them up, and whoever scores for a person checks them first.
"""

from pathlib import Path
from typing import Final

from mhfd.learning.packages import Library, Package, read_package
from mhfd_client.runners.packages import CHAMPION, SHIPPED

_TASKS: Final = ("focus", "cause")
"""That say something of one image."""


def found(wanted: str, library: Path) -> list[Package]:
    """The packages that a word, a name or a folder means: those that say something of an image. UsageError."""
    kept = Library(library)
    if wanted == CHAMPION:
        several = [package for task in _TASKS if (package := kept.champion(task)) is not None]
    elif wanted == SHIPPED:
        several = list(kept.shipped())
    elif Path(wanted).is_dir():
        several = [read_package(Path(wanted))]
    else:
        several = [kept.find(wanted)]
    return [package for package in several if package.card.task in _TASKS]
