"""Which package is asked about a pair here, opened; and what a known move showed of it. Asks nothing by itself.

It loads what runs models: never at the top of a module that the page or a watch uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.contract.proposal import PairCalibration
from mhfd.errors import needing_extra
from mhfd_client.adjustment import places
from mhfd_client.calibration.kept import load_induced

if TYPE_CHECKING:
    from mhfd.learning.manifold.asking import PairSession


def pair_session(home: Path, named: str | None = None) -> PairSession:
    """A package that answers: the one that is named, else the champion, else the one that ships.

    Args:
        home: The folder of the library (`models.home`).
        named: A folder, a name, its beginning, or a title. UsageError where there is no such package.
    """
    from mhfd.learning.packages import Library

    with needing_extra("models", "asking a learned package needs onnxruntime"):
        from mhfd.learning.manifold.asking import PairSession, champion_or_shipped

        library = Library(home)
        return PairSession(champion_or_shipped(library) if named is None else library.find(named))


def known_move(state_dir: Path) -> PairCalibration | None:
    """What a known move showed of this instrument; None: nobody has calibrated it. UsageError where it is damaged."""
    file = places.calibration(state_dir)
    return load_induced(file) if file.exists() else None
