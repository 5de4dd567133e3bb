"""`mhfd rescore`: images that were set aside for a reason that is over, or measured by an older method."""

from __future__ import annotations

import shlex
import sys

import click

from mhfd_client.commands.common import EXIT_PERSON, WatchedFolder, echo, folder_options


@click.command()
@folder_options
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="CODE",
    help="What was found: set-aside, incomplete, unreadable, invalid, blank, no_tissue, saturated or too_small; may be "
    "repeated.",
)
@click.option(
    "--image", "images", multiple=True, metavar="IMAGE", help="This one, whatever was found; may be repeated."
)
@click.option("--method", is_flag=True, help="Those that were measured by an older version of the method.")
@click.option("--dry-run", is_flag=True, help="Only show which.")
def rescore(
    folder: WatchedFolder, reasons: tuple[str, ...], images: tuple[str, ...], method: bool, dry_run: bool
) -> None:
    """Score images again that were set aside, once the reason is gone: a full disk, a share that failed. Or, after an
    upgrade, those that an older version of the method has measured.

    Each becomes a new revision of the same file; the old report, its verdicts and its sidecar stay. A running watch
    does it at once, else the next one does. A file that is gone, or another one now, is named and left out.
    """
    from mhfd_client.station import rescoring

    for reason in reasons:
        if reason not in rescoring.REASONS:
            raise click.UsageError(f"--reason: {reason!r} is none of {', '.join(rescoring.REASONS)}")
    if not reasons and not images and not method:
        raise click.UsageError(f"say which: --reason {rescoring.REASONS[0]}, --image IMAGE, or --method")
    loaded = folder.loaded()
    choices = rescoring.chosen(folder.root, loaded, reasons, images, older=method)
    if method:
        echo(rescoring.offer(folder.root, loaded))
    for choice in choices:
        if choice.refused is None:
            echo(f"{choice.image.path}: {choice.said}")
        else:
            echo(f"{choice.image.path}: not scored again: {choice.refused}", err=True)
    wanted = [choice.image.id for choice in choices if choice.refused is None]
    if dry_run or not wanted:
        echo(f"{len(wanted):,} would be scored again" if dry_run else "nothing to score again")
    else:
        asked = (*reasons, *(["asked for"] if images else []), *(["by a newer method"] if method else []))
        why = f"scored again: {', '.join(asked)}"
        count = rescoring.hand_in(folder.root, loaded, wanted, why=why)
        if count is None:
            echo(f"{len(wanted):,} are scored again by the running station; `mhfd status` shows what comes of it")
        else:
            echo(f"{count:,} will be scored again: mhfd watch {shlex.quote(folder.root)}")
    if len(wanted) < len(choices):
        sys.exit(EXIT_PERSON)
