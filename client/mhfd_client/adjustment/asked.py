"""Who is asked about a pair here: a package, opened, with what a known move showed of it. Asks nothing by itself.

What runs models is loaded when somebody is to be asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.contract.proposal import PairCalibration
from mhfd.errors import needing_extra
from mhfd_client.adjustment import places
from mhfd_client.calibration.kept import load_induced

if TYPE_CHECKING:
    from mhfd.contract import Proposal
    from mhfd.learning.manifold.asking import PairSession
    from mhfd_client.adjustment.applying import Ask
    from mhfd_client.adjustment.lens import TakenPair
    from mhfd_client.instruments.protocol import Instrument


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


def asker(
    state_dir: Path,
    instrument: Instrument,
    *,
    home: Path | None = None,
    package: str | None = None,
    calibration: Path | None = None,
) -> Ask:
    """Ready to be asked. ExtraMissing where packages cannot be run; UsageError names what cannot be used.

    Args:
        state_dir: The station's own folder: its calibration is used, where it has one.
        instrument: Whose lens it is.
        home: The library of packages; this user's by default.
        package: Another package of it than the champion: a folder, a name or a title.
        calibration: Another file of what a known move showed.
    """
    from mhfd_client.adjustment.as_pair import image_pair
    from mhfd_client.settings.places import models_home

    session = pair_session(home or models_home(), package)
    known = known_move(state_dir) if calibration is None else load_induced(calibration)

    def ask(pair: TakenPair) -> Proposal:
        return session.propose(image_pair(pair, instrument), known)

    return ask
