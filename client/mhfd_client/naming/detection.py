"""Which way of naming a folder follows, told from the names that lie in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mhfd_client.naming.naming import Naming
from mhfd_client.naming.place import NOWHERE, Place
from mhfd_client.naming.presets import PRESETS
from mhfd_client.settings.options import NamesSettings


class _Any(Naming):
    """For a folder that is still empty: each path by the first preset that it fits."""

    def __init__(self, namings: Sequence[Naming]) -> None:
        super().__init__("auto", ignore=tuple(dict.fromkeys(name for naming in namings for name in naming.ignore)))
        self._namings = namings

    def place(self, path: str) -> Place:
        return next((place for naming in self._namings if (place := naming.place(path)).section is not None), NOWHERE)


@dataclass(frozen=True, slots=True)
class Detected:
    """Which way of naming a folder's files follow, and how many of them do."""

    naming: Naming
    fitting: int
    total: int

    def __str__(self) -> str:
        if not self.total:
            return "no images yet: each will be read by the first preset that it fits"
        return f"{self.naming.name}: {self.fitting:,} of {self.total:,} names fit"


def detect(paths: Iterable[str]) -> Detected:
    """The preset that most paths fit. `plain` only where no instrument's own fits at least half of them."""
    paths = list(paths)
    if not paths:
        return Detected(_Any(tuple(PRESETS.values())), 0, 0)
    counts = {name: sum(map(naming.fits, paths)) for name, naming in PRESETS.items()}
    special = max((name for name in PRESETS if name != "plain"), key=lambda name: counts[name])
    chosen = special if 2 * counts[special] >= len(paths) else "plain"
    return Detected(PRESETS[chosen], counts[chosen], len(paths))


def choose(settings: NamesSettings, paths: Iterable[str]) -> Detected:
    """The naming that the settings ask for, and how many of the paths fit it."""
    if settings.preset == "auto":
        return detect(paths)
    custom = settings.preset == "custom"
    naming = Naming("custom", settings.pattern or "") if custom else PRESETS[settings.preset]
    paths = list(paths)
    return Detected(naming, sum(map(naming.fits, paths)), len(paths))
