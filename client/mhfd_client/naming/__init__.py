"""Section and tile from a file's path, by the way each instrument names its files. A name that does not fit has none.

Nothing is guessed beyond what a name says. What is expected to come is `expected`'s.
"""

from mhfd_client.naming.crowds import REMEDY, Crowd, crowded_words, crowds_of
from mhfd_client.naming.detection import Detected, choose, detect
from mhfd_client.naming.naming import Naming
from mhfd_client.naming.place import (
    NOWHERE,
    Place,
    canonical,
    describe,
    row_col,
    sbemimage_tile,
    subject,
)
from mhfd_client.naming.presets import PRESETS
from mhfd_client.naming.shots import shot_of

__all__ = [
    "NOWHERE",
    "PRESETS",
    "REMEDY",
    "Crowd",
    "Detected",
    "Naming",
    "Place",
    "canonical",
    "choose",
    "crowded_words",
    "crowds_of",
    "describe",
    "detect",
    "row_col",
    "sbemimage_tile",
    "shot_of",
    "subject",
]
