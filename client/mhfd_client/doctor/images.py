"""Images of a folder, for checks that need some of them and not all."""

import os
from collections.abc import Iterator

from mhfd_client.arrival.listing import Rules, inside, walk
from mhfd_client.settings.options import ArrivalSettings


def some_images(root: str, arrival: ArrivalSettings, enough: int) -> Iterator[tuple[str, os.stat_result]]:
    """Paths with what the folder says of them; no further folder is listed after more than `enough`."""
    seen = 0
    for folder in walk(root, Rules(arrival.patterns, arrival.ignore)):
        for name in folder.images:
            path = os.path.join(root, inside(folder.path, name))  # noqa: PTH118 - names that are no UTF-8
            try:
                status = os.lstat(path)
            except OSError:
                continue  # deleted meanwhile
            seen += 1
            yield path, status
        if seen > enough:
            return
