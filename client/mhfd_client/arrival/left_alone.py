"""What is said of a folder whose files are left alone: a watch of it would wait for ever, without a word.

Either nothing there is watched, though something may be an image; or most images there are of kinds that are not
watched. What is never an image (notes, logs, tables) is counted and proves nothing. It looks at endings only.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from mhfd import documentation
from mhfd_client.arrival.events import TroubleKind
from mhfd_client.arrival.listing import Listing
from mhfd_client.arrival.troubles import Troubles
from mhfd_client.settings.options import ArrivalSettings

_NO_IMAGES: Final = frozenset(
    (
        *(".txt", ".log", ".xml", ".csv", ".tsv", ".json", ".jsonl", ".hdr", ".ini", ".cfg", ".conf", ".toml", ".yaml"),
        *(".yml", ".md", ".html", ".htm", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".mdoc", ".nav", ".db", ".lock"),
        *(".md5", ".sha256", ".done", ".bak", ".py", ".bat", ".exe", ".ve-mif", ".ve-asf", ".sem-mif"),
    )
)
_READ: Final = frozenset((".tif", ".tiff", ".btf", ".tf8", ".png", ".bmp", ".jpg", ".jpeg", ".mrc"))
_OTHERS: Final = frozenset(
    (
        *(".dm3", ".dm4", ".dm5", ".ser", ".emi", ".emd", ".czi", ".dat", ".st", ".map", ".mrcs", ".raw", ".lif"),
        *(".nd2", ".oir", ".vsi", ".ims", ".h5", ".hdf5", ".jp2", ".j2k", ".jxl", ".webp", ".gif", ".fits", ".bif"),
        *(".svs", ".npy", ".sur", ".tvips", ".img"),
    )
)
"""Endings of images that need a reader."""
_NAMED: Final = 4


@dataclass(slots=True)
class Tally:
    """The files of a folder: how many are watched, and how the others end."""

    patterns: tuple[str, ...]
    watched: int = 0
    others: Counter[str] = field(default_factory=Counter[str])

    def add(self, watched: Iterable[str], others: Iterable[str]) -> None:
        """Names of more files."""
        self.watched += sum(1 for _ in watched)
        self.others.update(map(_ending, others))

    @property
    def said(self) -> str | None:
        """What to say, and what to do; None: all is well."""
        watched = self.watched
        files = self.others.total() + watched
        if not watched and any(ending not in _NO_IMAGES for ending in self.others):
            what = "the one file here is no image" if files == 1 else f"none of the {files:,} files here is an image"
            return f"{what} that is watched: {self._endings(self.others)}"
        images = Counter({ending: n for ending, n in self.others.items() if ending in _READ | _OTHERS})
        if watched and images.total() > watched:
            every = images.total() + watched
            return f"{images.total():,} of the {every:,} images here are not watched: {self._endings(images)}"
        return None

    def _endings(self, endings: Counter[str]) -> str:
        most = endings.most_common(_NAMED)
        told = ", ".join(f"{n:,} {'end' if n > 1 else 'ends'} in {ending or 'nothing'}" for ending, n in most)
        told += f", and there are {len(endings) - _NAMED} more" if len(endings) > _NAMED else ""
        first = next((ending for ending, _ in endings.most_common() if ending not in _NO_IMAGES), "")
        how = documentation.page("how-to/write-a-reader")
        reader = f", and install a reader of {first} ({how})" if first in _OTHERS else ""
        return f"{told}. Set arrival.patterns (now {' '.join(self.patterns)}){reader}"


class LeftAlone:
    """Says so of a watched folder: at the first look at once, later once it has been so for `patience_s`.

    Said again when the files have doubled, so that the number stays about right.
    """

    def __init__(self, troubles: Troubles, settings: ArrivalSettings) -> None:
        self._troubles, self._settings = troubles, settings
        self._since: float | None = -math.inf
        self._told = 0

    def look(self, folders: Iterable[Listing], now: float) -> None:
        """Take in a listing of the whole tree."""
        tally = Tally(self._settings.patterns)
        for folder in folders:
            tally.add(folder.images, folder.others)
        files, said = tally.others.total(), tally.said
        if said is None:
            self._since, self._told = None, 0
            self._troubles.over(None, TroubleKind.LEFT_ALONE)
            return
        if self._since is None:
            self._since = now
        if now - self._since >= self._settings.patience_s and files >= 2 * self._told:
            self._troubles.over(None, TroubleKind.LEFT_ALONE)
            self._troubles.on(TroubleKind.LEFT_ALONE, None, said)
            self._told = files


def _ending(name: str) -> str:
    """`.tif` of `a.TIF`; nothing where there is none."""
    return PurePath(name).suffix.lower()
