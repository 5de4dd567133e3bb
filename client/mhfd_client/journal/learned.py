"""What learned packages said of the images of a run, and how these lie to what they were taught with.

SQL only. Whether a run drifts is read from it (`retests`), and it is told; nothing is decided here.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

from pydantic import ValidationError

from mhfd.contract.estimate import UNLIKE, Estimate
from mhfd_client.journal.rows import Lies

log = logging.getLogger("mhfd.journal")

Asked = Callable[..., list[tuple[Any, ...]]]
"""Answers a statement and its values by all its rows."""


def estimates(asked: Asked, images: Collection[int] | None) -> dict[int, tuple[Estimate, ...]]:
    """Of these images, or of all, by image. One that cannot be read is left out."""
    sql = "SELECT image, package, json FROM estimate"
    if images is None:
        rows = asked(f"{sql} ORDER BY image, package")
    else:
        rows = [row for one in sorted(images) for row in asked(f"{sql} WHERE image = ? ORDER BY package", one)]
    found: dict[int, tuple[Estimate, ...]] = {}
    for image, package, text in rows:
        try:
            found[image] = (*found.get(image, ()), Estimate.model_validate_json(text))
        except ValidationError as e:
            why = e.errors()[0]["msg"]
            log.warning("image %s: what package %.8s said is damaged in the journal (%s)", image, package, why)
    return found


def speakers(asked: Asked) -> list[tuple[str, str, int, int]]:
    """Each package that was asked: its name, its title, of how many images it spoke, and did not."""
    said = "json_extract(json, '$.refusal') IS NULL"
    sql = (
        f"SELECT package, max(json_extract(json, '$.title')), sum({said}), sum(NOT {said}) FROM estimate "  # noqa: S608
        "WHERE json_valid(json) GROUP BY package ORDER BY 2, 1"
    )
    return [(package, str(title), spoke, refused) for package, title, spoke, refused in asked(sql)]


def last_lies(asked: Asked, package: str, window: int) -> list[Lies]:
    """How the last images lie of which a package was asked, the newest first: at most so many."""
    sql = (
        "SELECT json_extract(json, '$.far'), instr(ifnull(json_extract(json, '$.refusal'), ''), ?) = 1 FROM estimate "
        "WHERE package = ? AND json_valid(json) ORDER BY image DESC LIMIT ?"
    )
    found = asked(sql, UNLIKE, package, window)
    return [Lies(float(far) if isinstance(far, int | float) else None, bool(unlike)) for far, unlike in found]
