"""Which way of naming a folder follows, told from the names that lie in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mhfd_client.naming.crowds import REMEDY, Crowd, crowded_words, crowds_of
from mhfd_client.naming.folders import SectionFolders
from mhfd_client.naming.naming import Naming
from mhfd_client.naming.place import Place
from mhfd_client.naming.presets import FOLDERS, INSTRUMENTS, PLAIN, PRESETS
from mhfd_client.settings.options import NamesSettings

_MOSTLY: Final = 0.5


class _Any(Naming):
    """For a folder that is still empty: each path by the first preset that it fits."""

    def __init__(self, namings: Sequence[Naming]) -> None:
        super().__init__("auto", ignore=tuple(dict.fromkeys(name for naming in namings for name in naming.ignore)))
        self._namings = namings

    def read(self, path: str) -> Place | None:
        return next((place for naming in self._namings if (place := naming.read(path)) is not None), None)

    def guesses(self, path: str) -> bool:
        return next((naming.guesses(path) for naming in self._namings if naming.fits(path)), False)


ANY: Final = _Any((*INSTRUMENTS, SectionFolders(bare=False), PLAIN))


@dataclass(frozen=True, slots=True)
class Detected:
    """Which way of naming a folder's files follow, and how many of them do."""

    naming: Naming
    fitting: int
    total: int
    placed: int = 0
    """Of the fitting ones, those that say their section."""
    crowds: tuple[Crowd, ...] = ()
    """The places that would have several files."""
    refused: bool = False
    """They are so many that the guess says nothing: no image gets a section."""

    @property
    def fault(self) -> str | None:
        """What is wrong with the names, and what to do; None: nothing."""
        if self.refused:
            return f"the names do not say the section: {self.crowds[0]}. No image gets one. {REMEDY}"
        return f"{crowded_words(self.crowds)}. {REMEDY}" if self.crowds else None

    def __str__(self) -> str:
        if not self.total:
            return "no images yet: each will be read by the first preset that it fits"
        if self.refused:
            return f"{self.naming.name}: {self.fault}"
        counted = f"{self.naming.name}: {self.fitting:,} of {self.total:,} names fit"
        if self.crowds:
            return f"{counted}, but {self.fault}"
        if self.fitting and not self.placed:
            return f"{counted}; none says its section: images are compared in the order in which they come"
        return counted


def detect(paths: Iterable[str]) -> Detected:
    """The preset that most paths fit. `plain` only where no instrument's own fits at least half of them."""
    paths = list(paths)
    if not paths:
        return Detected(ANY, 0, 0)
    special = max(INSTRUMENTS, key=lambda naming: sum(map(naming.fits, paths)))
    for naming in (special, FOLDERS):
        fitting = [path for path in paths if naming.fits(path)]
        if len(fitting) >= _MOSTLY * len(paths) and (naming is not FOLDERS or _a_folder_a_section(fitting)):
            return _detected(naming, paths)
    return _detected(PLAIN, paths)


def choose(settings: NamesSettings, paths: Iterable[str]) -> Detected:
    """The naming that the settings ask for, and how many of the paths fit it."""
    if settings.preset == "auto":
        return detect(paths)
    custom = settings.preset == "custom"
    naming = Naming("custom", settings.pattern or "") if custom else PRESETS[settings.preset]
    return _detected(naming, list(paths))


def _detected(naming: Naming, paths: Sequence[str]) -> Detected:
    read = [(path, place) for path in paths if (place := naming.read(path)) is not None]
    crowds = tuple(crowds_of(read))
    placed = sum(place.section is not None for _, place in read)
    refused = any(map(naming.guesses, paths)) and sum(crowd.files for crowd in crowds) > _MOSTLY * placed
    if refused:
        naming = Naming(naming.name, ignore=naming.ignore)
    return Detected(naming, len(read), len(paths), placed, crowds, refused)


def _a_folder_a_section(paths: Iterable[str]) -> bool:
    """Numbers without a word are sections' only where there are several, with the same files in them."""
    said = SectionFolders(bare=False)
    folders: dict[str, set[str]] = {}
    for path in paths:
        if said.fits(path):
            return True
        folder, _, name = path.replace("\\", "/").rpartition("/")
        folders.setdefault(name, set()).add(folder)
    return any(len(some) > 1 for some in folders.values())
