"""`mhfd tolerance`: how much blur people let pass, by what they said of images."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import JSON, WatchedFolder, folder_options, say

if TYPE_CHECKING:
    from mhfd_client.calibration.labelled import LabelledBlur
    from mhfd_client.calibration.tolerance import Tolerance


@click.command()
@folder_options
@JSON
def tolerance(folder: WatchedFolder, as_json: bool) -> None:
    """How much blur to let pass, from the images that you confirmed and rejected.

    Each is compared with the sharp images near it, whatever was said of it; the tolerance that parts the two kinds best
    is tried on images left out. Nothing is set: the last line says how. Exit code 1 where labels are too few, or blur
    does not part them.
    """
    from mhfd_client.calibration.labelled import labelled_blur
    from mhfd_client.calibration.tolerance import tolerance as parted

    settings = folder.loaded().settings.verdict
    with folder.journal() as journal:
        labelled = labelled_blur(journal, settings)
    found = parted(labelled.sharp, labelled.blurred)
    document = {**dataclasses.asdict(found), "one_way": labelled.one_way, "unknown": labelled.unknown}
    say({**document, "set": settings.blur_px}, _lines(found, labelled, settings.blur_px, folder.root), as_json=as_json)


def _lines(found: Tolerance, labelled: LabelledBlur, now: float, root: str) -> Iterator[str]:
    for name, values in (("sharp", labelled.sharp), ("not sharp", labelled.blurred)):
        yield f"called {name}: {len(values)} images, blurred by {min(values):.2f} to {max(values):.2f} px"
    if labelled.one_way:
        yield f"left out: {labelled.one_way} images that are blurred in one direction, where the tolerance has no say"
    if labelled.unknown:
        yield f"left out: {labelled.unknown} images whose blur is not known"
    yield f"a tolerance of {found.px:.2f} px parts them best ({found.low:.2f} to {found.high:.2f}); set is {now:g} px"
    yield (
        f"of images left out, {found.wrong_sharp} of {found.sharp} sharp ones come out blurred, and "
        f"{found.wrong_blurred} of {found.blurred} others sharp: {found.error:.0%} are wrong, at most "
        f"{found.error_high:.0%}"
    )
    where = shlex.quote(root)
    yield f"to judge by it: mhfd rejudge {where} --set verdict.blur_px={found.px:.2f}, and the same for mhfd watch"
