"""Which learned packages a runner on this machine asks, by the settings or by a person. Opens none: a worker does that.

Nothing changes for who has not installed the extra `models`: the words `champion`, `challenger` and `shipped` mean none
then. Who names a package and cannot have it is told so at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mhfd.errors import OptionNeedsExtra
from mhfd_client.settings.load import load
from mhfd_client.settings.options import Settings
from mhfd_client.settings.places import models_home

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
SHIPPED: Final = "shipped"
RUNTIME: Final = "onnxruntime"


@dataclass(frozen=True, slots=True)
class AskedPackages:
    """Learned packages by name, where names are looked up, and how long one may take over an image."""

    names: tuple[str, ...]
    library: Path
    deadline_s: float
    instrument: str | None = None
    """The microscope whose champions and challengers are meant; None: no one in particular."""


def of_settings(chosen: Settings) -> AskedPackages | None:
    """Those of a watch; None: none is asked. OptionNeedsExtra where one is named and cannot be run."""
    names = chosen.models.use
    if find_spec(RUNTIME) is None:
        named = [name for name in names if name not in (CHAMPION, CHALLENGER, SHIPPED)]
        if not named:
            return None
        raise _needs_extra(f"models.use: {named[0]!r}")
    return _asked(names, chosen) if names else None


def of_names(names: Sequence[str]) -> AskedPackages | None:
    """Those that a person asks for by name; where they are is said by the settings."""
    if not names:
        return None
    if find_spec(RUNTIME) is None:
        raise _needs_extra(f"models: {names[0]!r}")
    return _asked(tuple(names), load().settings)


def _asked(names: tuple[str, ...], chosen: Settings) -> AskedPackages:
    return AskedPackages(names, models_home(chosen), chosen.models.deadline_s, chosen.models.instrument)


def _needs_extra(what: str) -> OptionNeedsExtra:
    return OptionNeedsExtra(f"{what} needs {RUNTIME}, which runs learned packages: pip install 'mhfd[models]'")
