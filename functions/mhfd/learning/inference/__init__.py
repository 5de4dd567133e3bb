"""What a package says of an image: features, its model, and whether it may be asked at all. Decides no verdict.

`opened(package).estimate(pixels, report)` gives an `Estimate`: always one, with a refusal in words where the package's
assumptions do not hold. Runs in the scoring worker of a station, never in its own process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhfd.learning.inference.network import NetworkAnswer, NetworkSession
from mhfd.learning.inference.session import Session

if TYPE_CHECKING:
    from mhfd.learning.packages import Package

__all__ = ["NetworkAnswer", "NetworkSession", "Session", "opened"]


def opened(package: Package) -> Session | NetworkSession:
    """A package that was verified, ready to be asked: by features, or by the image itself."""
    return Session(package) if package.card.recipe.network is None else NetworkSession(package)
