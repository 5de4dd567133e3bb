"""`mhfd retake`: what to image again, and what may go on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import JSON, WatchedFolder, echo, echo_json, folder_options
from mhfd_client.files import text_of

if TYPE_CHECKING:
    from mhfd_client.journal.view import JournalView
    from mhfd_client.results.retake import Other, Others, Retake
    from mhfd_client.results.tables import Format, Order


@click.command()
@folder_options
@click.option("--csv", "as_csv", is_flag=True, help="A table for a spreadsheet.")
@click.option("--format", "form", type=click.Choice(["sbemimage", "atlas"]), help="The instrument's own notation.")
@click.option(
    "--order",
    type=click.Choice(["section", "newest"]),
    default="section",
    show_default=True,
    help="By section and tile, or what came last first.",
)
@click.option("--undetermined", is_flag=True, help="Also images of which nothing can be said.")
@click.option("--others", is_flag=True, help="The list's other half: what may go on to montage and alignment.")
@JSON
def retake(
    folder: WatchedFolder,
    as_csv: bool,
    form: Format | None,
    order: Order,
    undetermined: bool,
    others: bool,
    as_json: bool,
) -> None:
    """What to image again: section, tile, stage position, reason. With --others all images that need not be.

    An image of which nothing can be said is on neither list; one that is not judged yet neither. --others says on the
    error stream how many there are of each.
    """
    if as_csv + as_json + (form is not None) > 1:
        raise click.UsageError("--csv, --json and --format: choose one")
    if others and form:
        raise click.UsageError("--others and --format: an instrument's notation is for what it is to image again")
    if others and undetermined:
        raise click.UsageError("--others and --undetermined: of which nothing can be said, that must not go on")
    with folder.journal() as journal:
        if others:
            _others(folder, journal, order, as_csv=as_csv, as_json=as_json)
        else:
            _again(folder, journal, order, form, as_csv=as_csv, as_json=as_json, undetermined=undetermined)


def _again(
    folder: WatchedFolder,
    journal: JournalView,
    order: Order,
    form: Format | None,
    *,
    as_csv: bool,
    as_json: bool,
    undetermined: bool,
) -> None:
    from mhfd_client.journal.rows import Outcome
    from mhfd_client.results import tables
    from mhfd_client.results.retake import others, retakes

    also = (Outcome.UNDETERMINED,) if undetermined else ()
    with journal.snapshot():
        told, labels = list(journal.told()), journal.last_labels()
        found = retakes(told, labels, journal.readable_report, also=also, estimates=journal.estimates)
    items = tables.ordered(found, order)
    if as_json:
        echo_json({"root": text_of(journal.root()), "list": "again", "images": [item.as_json() for item in items]})
    elif as_csv:
        click.echo(tables.as_csv(items), nl=False)
    elif form:
        text, left = tables.as_list(items, form)
        click.echo(text, nl=False)
        for item in left:
            echo(f"{item.path}: its name gives no tile in the notation of {form}; {item.reason}", err=True)
    else:
        _for_people(folder.root, items)
        untold = 0 if undetermined else len(others(told, labels, lambda _: None).undetermined)
        if not items:
            echo("nothing to image again" + (", as far as can be told" if untold else ""))
        if untold:
            which = shlex.join(("mhfd", "retake", folder.root, "--undetermined"))
            echo(f"of {untold:,} image{'' if untold == 1 else 's'} nothing can be said: {which}", err=True)
        if told and not any(label.sharp for label in labels.values()):
            echo("nobody has confirmed a sharp image yet: if all are blurred, none is listed", err=True)


def _for_people(root: str, items: list[Retake]) -> None:
    from mhfd_client.scoring import learned
    from mhfd_client.verdicts.blur import advice

    for item in items:
        at = "" if item.stage_um is None else f", stage {item.stage_um[0]:.3f}, {item.stage_um[1]:.3f} um"
        echo(f"{item.place}{at}: {item.reason} ({item.path})")
        for said in learned.spoken(item.estimates):
            echo(f"    {said}")
        if item.newer is not None:
            say_so = shlex.join(("mhfd", "fine", root, item.path))
            echo(f"    {item.newer} is in focus; if it was taken instead, say so: {say_so}")
    for kind, count in advice.by_kind(item.blur for item in items if item.what_to_do):
        words = advice.WORDS[kind]
        echo(f"{words.name} ({count:,}): {words.advice}")


def _others(folder: WatchedFolder, journal: JournalView, order: Order, *, as_csv: bool, as_json: bool) -> None:
    from mhfd_client.now import unjudged
    from mhfd_client.results import tables
    from mhfd_client.results.retake import others, retakes

    with journal.snapshot():
        told, labels = list(journal.told()), journal.last_labels()
        waiting = unjudged(journal)
        found = others(told, labels, journal.readable_report, waiting=waiting)
        again = len(retakes(told, labels, journal.readable_report))
    items = tables.ordered(found.images, order)
    root, state_dir = Path(journal.root()), journal.path.parent
    escaped: list[Other] = []
    if as_json:
        images = [tables.others_json(item, root=root, state_dir=state_dir) for item in items]
        neither = {"undetermined": [*map(text_of, found.undetermined)], "waiting": [*map(text_of, found.waiting)]}
        echo_json({"root": text_of(root), "list": "others", "images": images, "again": again, **neither})
    elif as_csv:
        text, escaped = tables.others_csv(items, root=root, state_dir=state_dir)
        click.echo(text, nl=False)
    else:
        for item in items:
            echo(item.path)
    for item in escaped:
        echo(f"{item.path}: its name cannot be written into a table as it is, and is written escaped", err=True)
    for line in _summary(found, again, folder.root):
        echo(line, err=True)


def _summary(found: Others, again: int, root: str) -> list[str]:
    provisional = sum(item.provisional for item in found.images)
    of_them = f" ({provisional:,} of them provisionally: nobody had said what is sharp)" if provisional else ""
    line = (
        f"{len(found.images):,} may go on{of_them}, {again:,} to take again, {len(found.undetermined):,} cannot be told"
    )
    if found.waiting:
        line += f", {len(found.waiting):,} not judged yet"
    listed = shlex.join(("mhfd", "retake", root, "--undetermined"))
    return [line, f"what cannot be told: {listed}"] if found.undetermined else [line]
