"""`mhfd focus-map`: the focus maps of a run, for a viewer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import EXIT_PERSON, WatchedFolder, echo, folder_options

if TYPE_CHECKING:
    from mhfd_client.journal.rows import ImageRow
    from mhfd_client.journal.view import JournalView


@click.command("focus-map")
@folder_options
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--retake", is_flag=True, help="Those that are to be imaged again.")
@click.option("--all", "every", is_flag=True, help="All that were judged.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write to; in it each map lies at its image's own path.",
)
def focus_map(folder: WatchedFolder, images: tuple[str, ...], retake: bool, every: bool, to: Path) -> None:
    """Write focus maps of a run as OME-TIFFs that Fiji, napari and QuPath lay over the images.

    They are made of the stored reports: no image is read, and nothing is scored again. The exit code is 1 when an image
    that was named has none.
    """
    from mhfd_client.results.focus_maps import write_maps

    if bool(images) + retake + every != 1:
        raise click.UsageError("name the images, or give --retake or --all" + ("" if not images else ": choose one"))
    named = _named(folder, images) if images else []
    with folder.journal() as journal:
        with journal.snapshot():
            chosen = named if images else _listed(journal, retake=retake)
        written = write_maps(journal, chosen, to, pixel_nm=folder.loaded().settings.verdict.pixel_nm)
    for line in written.without:
        echo(line, err=True)
    echo(f"{written.files:,} focus map{'' if written.files == 1 else 's'} in {to}")
    if images and written.without:
        sys.exit(EXIT_PERSON)


def _named(folder: WatchedFolder, images: tuple[str, ...]) -> list[ImageRow]:
    from mhfd_client.station.labelling import judged_images

    return judged_images(folder.root, folder.loaded(), images)


def _listed(journal: JournalView, *, retake: bool) -> list[ImageRow]:
    from mhfd_client.results.retake import retakes

    told = [one.image for one in journal.told()]
    if not retake:
        return told
    again = {item.image for item in retakes(journal.told(), journal.last_labels(), journal.readable_report)}
    return [image for image in told if image.id in again]
