"""What a package says of an image: features, its model, and whether it may be asked at all. Decides no verdict.

`Session(package).estimate(pixels, report)` gives an `Estimate`: always one, with a refusal in words where the package's
assumptions do not hold. Runs in the scoring worker of a station, never in its own process.
"""

from mhfd.learning.inference.session import Session

__all__ = ["Session"]
