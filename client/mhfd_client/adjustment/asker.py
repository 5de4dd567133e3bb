"""Who is asked about a pair: the champion of `adjust`, or the package that ships, with what is known of this lens.

What it loads is loaded when it is made. Moves nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhfd.contract import Proposal
    from mhfd_client.adjustment.applying import Ask
    from mhfd_client.adjustment.lens import TakenPair
    from mhfd_client.instruments.protocol import Instrument


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
    from mhfd_client.adjustment.asked import known_move, pair_session
    from mhfd_client.calibration.kept import load_induced
    from mhfd_client.settings.places import models_home

    session = pair_session(home or models_home(), package)
    known = known_move(state_dir) if calibration is None else load_induced(calibration)

    def ask(pair: TakenPair) -> Proposal:
        return session.propose(image_pair(pair, instrument), known)

    return ask
