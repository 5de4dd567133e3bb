"""`mhfd confirm`, `reject`, `again` and `fine`: what a person says of images."""

from __future__ import annotations

import shlex
import sys

import click

from mhfd_client.commands.common import WatchedFolder, echo, folder_options

_IMAGES = click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
_YES = click.option("--yes", is_flag=True, help="Say it however many verdicts it turns; they are not counted first.")


@click.command()
@folder_options
@_IMAGES
@_YES
def confirm(folder: WatchedFolder, images: tuple[str, ...], yes: bool) -> None:
    """You looked at these images: they are sharp. They become the anchor of the baseline."""
    _teach(folder, images, sharp=True, yes=yes)


@click.command()
@folder_options
@_IMAGES
@_YES
@click.option("--undo", is_flag=True, help="Take back what was said of them, confirmed or rejected.")
def reject(folder: WatchedFolder, images: tuple[str, ...], yes: bool, undo: bool) -> None:
    """You looked at these images: they are not sharp. Images that are no better are not taken for sharp either."""
    _teach(folder, images, sharp=None if undo else False, yes=yes)


@click.command()
@folder_options
@_IMAGES
@click.option("--note", metavar="TEXT", help="Why: dirt, the wrong place, ...")
@click.option("--undo", is_flag=True, help="Take back that they are to be taken again, or fine as they are.")
def again(folder: WatchedFolder, images: tuple[str, ...], note: str | None, undo: bool) -> None:
    """These images are to be taken again, whatever their verdict. No other image is judged by that."""
    from mhfd_client.station.labelling import label_images, note_of

    if undo and note is not None:
        raise click.UsageError("--undo and --note: choose one")
    said = None if note is None else note_of(note)
    if label_images(folder.root, folder.loaded(), images, again=not undo, note=said, task=True) is None:
        echo("told the running station; `mhfd retake` shows the list in a second")
    elif undo:
        echo("taken back; an image that failed stays on the list")
    else:
        echo(f"on the list: mhfd retake {shlex.quote(folder.root)}")


@click.command()
@folder_options
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--retaken", is_flag=True, help="Those on the list of whose place a newer file is in focus.")
@click.option("--undo", is_flag=True, help="Take it back: what failed is on the list again.")
def fine(folder: WatchedFolder, images: tuple[str, ...], retaken: bool, undo: bool) -> None:
    """Nothing has to be done about these images: they leave the list. No other image is judged by that.

    A newer file of the same section and tile takes nothing off the list by itself: it may be of the next wafer. When it
    is the retake, say so: `--retaken` says it of all such images at once, and shows each with its newer file.
    """
    from mhfd_client.station.labelling import label_images

    if retaken == bool(images):
        raise click.UsageError(
            "name the images, or give --retaken" if not images else "IMAGE and --retaken: choose one"
        )
    if retaken and undo:
        raise click.UsageError("--retaken and --undo: choose one; name the images to take it back of")
    if retaken:
        images = _retaken(folder)
    if not images:
        echo("no image on the list has a newer file of its place in focus")
    elif label_images(folder.root, folder.loaded(), images, fine=not undo, task=True) is None:
        echo("told the running station; `mhfd retake` shows the list in a second")
    else:
        echo(f"{len(images)} taken back" if undo else f"{len(images)} off the list")


def _retaken(folder: WatchedFolder) -> tuple[str, ...]:
    from mhfd_client.results.retake import retakes

    with folder.journal() as journal:
        items = retakes(journal.told(), journal.last_labels(), journal.readable_report)
    found = [item for item in items if item.newer is not None]
    for item in found:
        echo(f"{item.path}: {item.newer} is in focus")
    return tuple(item.path for item in found)


def _teach(folder: WatchedFolder, images: tuple[str, ...], *, sharp: bool | None, yes: bool) -> None:
    from mhfd_client.station.labelling import label_images

    if not yes:
        _ask(folder, images, sharp=sharp)
    changed = label_images(folder.root, folder.loaded(), images, sharp=sharp)
    if changed is None:
        echo("told the running station; `mhfd status` shows what it makes of it")
    else:
        echo(f"{changed} verdicts changed")


def _ask(folder: WatchedFolder, images: tuple[str, ...], *, sharp: bool | None) -> None:
    """How many verdicts it would turn, when they are many, and whether it is meant."""
    from mhfd_client.station.labelling import judged_images
    from mhfd_client.verdicts.foreseen import foreseen

    loaded = folder.loaded()
    ids = [row.id for row in judged_images(folder.root, loaded, images)]
    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    with folder.journal() as journal:
        if terminal:
            echo("counting the verdicts that this turns; Ctrl-C ends it, --yes goes without ...", err=True)
        then = foreseen(journal, loaded.settings.verdict, ids, sharp=sharp)
    if not then.many:
        return
    instead = " Only to take it again, and teach nothing: `mhfd again`." if sharp is False else ""
    if not terminal:
        raise click.UsageError(f"{then} Nothing was said; give --yes if you mean it.{instead}")
    echo(f"{then}{instead}", err=True)
    if not click.confirm("Say it anyway?", err=True):
        echo("nothing was said")
        sys.exit(1)
