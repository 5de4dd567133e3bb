"""`mhfd propose --pair`, `mhfd_client.propose`: two files, the package that is asked, what it says. Moves nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd_client.settings.load import load
from mhfd_client.settings.places import models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from mhfd.contract.proposal import Proposal


@brief
def propose(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    perturbation_um: float,
    calibration: str | os.PathLike[str] | None = None,
    package: str | None = None,
    most_age_s: float | None = None,
    config: Path | None = None,
) -> Proposal:
    """Where the focus lies, by two images of one field on both sides of a working distance; or why that is not known.

    Args:
        a: The image that was taken at a working distance longer by the perturbation.
        b: The one that was taken at a shorter one.
        perturbation_um: 1 to 10 um: half of what lies between the two.
        calibration: The file of `mhfd adjust calibrate`; nothing: a package that knows no um says the sign alone.
        package: A folder, name or title of a package; nothing: the champion of `adjust`, or the one that ships.
        most_age_s: A pair that is older is refused; nothing: it may be of any age.
        config: A settings file; nothing for the user's.
    """
    from mhfd.learning.manifold.reading import read_pair
    from mhfd_client.adjustment.asked import pair_session
    from mhfd_client.calibration.kept import load_induced

    pair = read_pair(Path(a), Path(b), perturbation_um)
    known = None if calibration is None else load_induced(Path(calibration))
    session = pair_session(models_home(load(config).settings), package)
    return session.propose(pair, known, most_age_s=most_age_s)
