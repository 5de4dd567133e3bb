"""What an instrument calls a second take of the same shot, where its names say so.

A file that is written again at its own path is a new take of it, with every instrument. Under another path it is one
only where the path says so: most instruments count sections anew in each session, so that section 4 below one folder
is another piece of tissue than section 4 below the next. Atlas is no exception: the number behind its sections is no
known clock. MultiSEM is: within one region's folder a name is section, field and beam, then the time of day.
"""

import re
from typing import Final

_CLOCKS: Final = (re.compile(r"(?:^|/)\d{3}_\d{6}_\d{3}(?P<take>_\d{4}-\d\d-\d\dT\d{13})\.[a-z]+$", re.IGNORECASE),)


def shot_of(path: str) -> str:
    """What is to be imaged, named by a path: the same for every take of it. Mostly the path itself."""
    for clock in _CLOCKS:
        if found := clock.search(path.replace("\\", "/")):
            return path[: found.start("take")] + path[found.end("take") :]
    return path
