"""`mhfd models`: the packages that were learned, and which of them is champion."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mhfd_client.commands.common import JSON, Group, echo, echo_json, say
from mhfd_client.commands.learning.champions import promote, pull, rollback
from mhfd_client.commands.learning.judging import Judging
from mhfd_client.commands.learning.library_options import library_options, seat_options
from mhfd_client.times import MINUTE, local

if TYPE_CHECKING:
    from mhfd.learning.packages import CardRow, Library, Listed, Package
    from mhfd.learning.packages.history import ToldChange

_REFUSED: Final = 2


@click.group(cls=Group)
def models() -> None:
    """Learned packages: list them, look at them, make one the champion or go back.

    A champion's numbers are shown beside mhfd's verdict, never instead of it.
    """


for _command in (promote, pull, rollback):
    models.add_command(_command)


@models.command(name="list")
@seat_options
@JSON
def list_(library: Library, instrument: str | None, as_json: bool) -> None:
    """Every package that is here, and the champions and challengers of each microscope.

    Yours lie in `models.home`; those that ship with mhfd are marked so, and are never changed.
    """
    asked = Judging.of(library, instrument)
    others = [Judging.of(library, name) for name in library.instruments() if name != instrument]
    listed = library.list()
    if as_json:
        document = {
            "home": library.home,
            **asked.as_json(),
            "microscopes": [one.as_json() for one in others],
            "packages": [_listed(one) for one in listed],
        }
        echo_json(document)
        return
    for one in listed:
        echo(_line_of(one, (asked, *others)))
    if not listed:
        echo(f"no packages in {library.folder}")
    here = {one.package.name: one.package.card.task for one in listed if one.package is not None}
    for line in asked.lines(here):
        echo(line)
    usual = asked if instrument is None else Judging.of(library, None)
    for other in others:
        for line in other.lines(here, beyond=usual):
            echo(line)


@models.command()
@click.argument("what", metavar="PACKAGE|TASK")
@seat_options
@JSON
def show(library: Library, instrument: str | None, what: str, as_json: bool) -> None:
    """What a package says of itself; or a task's champion and challenger, and who was it before.

    PACKAGE is a folder, a name or its first 6 digits and more, or a title. Looks, and runs nothing: `verify` also asks
    the package.
    """
    from mhfd.learning.packages import TASKS
    from mhfd.learning.packages.seats import Seat

    if what in TASKS:
        task = what
        champion, challenger = library.champion_name(task, instrument), library.challenger_name(task, instrument)
        history = library.history(task, instrument)
        document = {
            "task": task,
            "instrument": instrument,
            "champion": champion,
            "challenger": challenger,
            "history": [_told(one) for one in history],
        }
        say(document, _history_lines(str(Seat.of(task, instrument)), champion, challenger, history), as_json=as_json)
        return
    package = library.find(what)
    say(_package(package) | {"card": package.card.model_dump(mode="json")}, _card_lines(package), as_json=as_json)


@models.command()
@click.argument("what", metavar="PACKAGE...", nargs=-1, required=True)
@library_options
@JSON
def verify(library: Library, what: tuple[str, ...], as_json: bool) -> None:
    """Check that packages are what they say they are, and let each answer its test.

    Nothing of a package is imported, unpickled or fetched; its model runs in a process of its own, with little memory.
    Exit code 2 when one is refused, which says why.
    """
    from mhfd.errors import UsageError
    from mhfd.learning.packages import verify as verified

    checked = []
    for word in what:
        try:
            package = verified(Path(word) if Path(word).exists() else library.find(word).folder)
            checked.append({"asked": word, **_package(package), "refused": None})
            told = f"ok {package.name} {package.card.title} ({package.card.task})"
        except UsageError as error:
            checked.append({"asked": word, "refused": str(error)})
            told = f"refused {error}"
        if not as_json:
            echo(told)
    if as_json:
        echo_json({"packages": checked})
    if any(one["refused"] for one in checked):
        sys.exit(_REFUSED)


@models.command()
@click.argument("what", metavar="PACKAGE|TASK")
@click.argument("image", type=click.Path(path_type=Path), metavar="IMAGE")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.tif")
@seat_options
@JSON
def apply(library: Library, instrument: str | None, what: str, image: Path, out: Path, as_json: bool) -> None:
    """Make a picture of an image: with less noise, or with what each pixel shows, by a package for that.

    PACKAGE is one of the task denoise or segment; that word alone: the champion of the microscope. The TIFF says in its
    description which package made it; it is for the eye, and nothing is ever measured of it.
    """
    from mhfd_client.learning.restoring import restored

    made = restored(library, what, image, instrument)
    made.write(out)
    told = {"image": image, "out": out, "words": made.words, "shares": made.shares or None}
    lines = [f"{out}: {made.words}"]
    if made.shares:
        lines.append(", ".join(f"{share:.0%} {name}" for name, share in made.shares.items()))
    say(told, lines, as_json=as_json)


@models.command()
@click.argument("what", metavar="PACKAGE...", nargs=-1, required=True)
@library_options
@JSON
def add(library: Library, what: tuple[str, ...], as_json: bool) -> None:
    """Copy packages into the library; nobody becomes champion by that.

    Each is checked, and answers its test. `--set models.home=DIR` puts it into another library, so that others find it
    there.
    """
    added = []
    for word in what:
        package = library.find(word)
        known = library.folder_of(package.name) is not None
        here = library.add(package)
        added.append(_package(here))
        if not as_json:
            echo(f"{'is here already' if known else 'added'}: {here.name}  {here.card.title} ({here.card.task})")
    if as_json:
        echo_json({"packages": added})


@models.command()
@click.argument("what", metavar="PACKAGE...", nargs=-1, required=True)
@library_options
@JSON
def remove(library: Library, what: tuple[str, ...], as_json: bool) -> None:
    """Delete packages of yours. A champion is not deleted, nor what ships with mhfd."""
    gone = []
    for word in what:
        gone.append(library.remove(word).folder)
        if not as_json:
            echo(f"removed {gone[-1]}")
    if as_json:
        echo_json({"removed": gone})


def _package(package: Package) -> dict[str, Any]:
    card = package.card
    return {"name": package.name, "folder": package.folder, "title": card.title, "task": card.task}


def _listed(one: Listed) -> dict[str, Any]:
    known = {"name": None, "folder": one.folder, "title": None, "task": None}
    return known | (_package(one.package) if one.package else {}) | {"shipped": one.shipped, "refused": one.refused}


def _line_of(one: Listed, judging: Sequence[Judging]) -> str:
    if one.package is None:
        return f"damaged: {one.refused}"
    marks = ["ships with mhfd"] * one.shipped
    for each in judging:
        marks += each.marks(one.package)
    return f"{one.package.name}  {one.package.card.task:7}  {one.package.card.title}{_in_brackets(marks)}"


def _in_brackets(marks: list[str]) -> str:
    return f" ({', '.join(marks)})" if marks else ""


def _told(one: ToldChange) -> dict[str, Any]:
    return {**one.change.model_dump(mode="json"), "in_effect": one.in_effect}


def _history_lines(seat: str, champion: str, challenger: str | None, history: tuple[ToldChange, ...]) -> Iterator[str]:
    yield f"champion of {seat}: {champion}"
    if challenger is not None:
        yield f"challenger of {seat}: {challenger}"
    for one in history:
        change = one.change
        unless = "" if one.in_effect else ", which did not come into effect"
        why = f": {change.why}" if change.why else ""
        at = local(datetime.fromisoformat(change.at).timestamp(), MINUTE)
        yield f"{at} {change.who} {change.kind} {change.before[:12]} -> {change.after[:12]}{unless}{why}"


def _card_lines(package: Package) -> Iterator[str]:
    card, recipe = package.card, package.card.recipe
    yield f"{card.title} ({card.task})"
    yield f"name       {package.name}"
    yield f"folder     {package.folder}"
    yield f"says       {', '.join(recipe.says)}"
    if (network := recipe.network) is None:
        over = ", over the group's sharp images" if recipe.baseline else ""
        yield f"learner    {recipe.learner}, {len(recipe.names)} features of {', '.join(recipe.families)}{over}"
    else:
        yield (
            f"network    {recipe.learner}, {network.parameters:,} numbers, {network.steps:,} steps of training, "
            f"{network.images_seen:,} images seen"
        )
        channels = "one channel" if network.channels == 1 else f"{network.channels} channels"
        padded = f"sides made multiples of {network.multiple} by mirroring"
        yield f"takes      the image, {channels}, {padded}, pixels by {network.normalisation}"
        if "map" in network.gives:
            yield f"map        a place of {network.grid} x {network.grid} pixels each"
        known = "unknown: it answers to anything" if card.reach is None else f"by {len(network.outline)} numbers of it"
        yield f"reach      how far an image is from those it was taught with: {known}"
    groups = ", ".join(card.groups_seen[:4]) + (" ..." if len(card.groups_seen) > 4 else "")
    yield f"taught by  dataset {card.dataset[:12]} ({card.data_licence}), {len(card.groups_seen)} groups: {groups}"
    yield f"made by    code {card.code[:12]}, seed {card.seed}, from {card.parent or 'no other package'}"
    sizes = "any" if card.pixel_nm is None else f"{card.pixel_nm[0]:g} to {card.pixel_nm[1]:g} nm"
    yield f"pixels     {sizes}"
    for assumption in card.assumptions:
        yield f"assumes    {assumption}"
    for row in card.table:
        yield f"measured   {_measured(row)}"


def _measured(row: CardRow) -> str:
    value = "unknown" if row.value is None else f"{row.value:.3g}"
    interval = f", 95% [{row.low:.3g}, {row.high:.3g}]" if row.low is not None and row.high is not None else ""
    counts = [f"{count} {what}" for count, what in ((row.rows, "rows"), (row.groups, "groups")) if count is not None]
    return f"{row.what}: {value}{interval}{_in_brackets(counts + [row.condition] * bool(row.condition))}"
