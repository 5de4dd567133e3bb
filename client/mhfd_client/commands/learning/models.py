"""`mhfd models`: the packages that were learned, and which of them is champion."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from mhfd_client.commands.common import CONFIG, JSON, SET, Group, WatchedFolder, echo, echo_json, say
from mhfd_client.times import MINUTE, local

if TYPE_CHECKING:
    from mhfd.learning.packages import CardRow, ChampionChange, Library, Listed, ModelTask, Package
    from mhfd.learning.packages.history import ToldChange

F = TypeVar("F", bound=Callable[..., Any])

_REFUSED: Final = 2
_WHY: Final = click.option("--why", default="", metavar="TEXT", help="A word for the history.")


def _library_options(function: F) -> F:
    """The options that lead to the library, and the library."""

    @functools.wraps(function)
    def command(config: Path | None, pairs: tuple[str, ...], **options: object) -> object:
        from mhfd.learning.packages import Library
        from mhfd_client.settings.places import models_home

        settings = WatchedFolder("", None, config, pairs).loaded().settings
        return function(Library(models_home(settings)), **options)

    decorated: Any = command
    for decorate in (SET, CONFIG):
        decorated = decorate(decorated)
    return cast("F", decorated)


@click.group(cls=Group)
def models() -> None:
    """Learned packages: list them, look at them, make one the champion or go back.

    A champion's numbers are shown beside mhfd's verdict, never instead of it.
    """


@models.command(name="list")
@_library_options
@JSON
def list_(library: Library, as_json: bool) -> None:
    """Every package that is here, and the champion of each task.

    Yours lie in `models.home`; those that ship with mhfd are marked so, and are never changed.
    """
    from mhfd.errors import LibraryDamaged
    from mhfd.learning.packages import MHFD, TASKS

    champions: dict[ModelTask, str | None] = {}
    for task in TASKS:
        try:
            champions[task] = library.champion_name(task)
        except LibraryDamaged as error:
            champions[task] = None
            echo(str(error), err=True)
    listed = library.list()
    if as_json:
        echo_json({"home": library.home, "champions": champions, "packages": [_listed(one) for one in listed]})
        return
    for one in listed:
        echo(_line_of(one, champions))
    if not listed:
        echo(f"no packages in {library.folder}")
    here = {one.package.name: one.package.card.task for one in listed if one.package is not None}
    for task, champion in champions.items():
        if champion is not None and champion not in (MHFD, *here):
            echo(f"champion of {task}: {champion}, which is damaged or gone: `mhfd models rollback {task}`")
        elif task in here.values() or champion != MHFD:
            echo(f"champion of {task}: {champion or 'unknown'}")


@models.command()
@click.argument("what", metavar="PACKAGE|TASK")
@_library_options
@JSON
def show(library: Library, what: str, as_json: bool) -> None:
    """What a package says of itself; or a task's champion, and who was it before.

    PACKAGE is a folder, a name or its first 6 digits and more, or a title. Looks, and runs nothing: `verify` also asks
    the package.
    """
    from mhfd.learning.packages import TASKS

    if what in TASKS:
        task = what
        champion, history = library.champion_name(task), library.history(task)
        document = {"task": task, "champion": champion, "history": [_told(one) for one in history]}
        say(document, _history_lines(task, champion, history), as_json=as_json)
        return
    package = library.find(what)
    say(_package(package) | {"card": package.card.model_dump(mode="json")}, _card_lines(package), as_json=as_json)


@models.command()
@click.argument("what", metavar="PACKAGE...", nargs=-1, required=True)
@_library_options
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
@click.argument("what", metavar="PACKAGE")
@click.argument("image", type=click.Path(path_type=Path), metavar="IMAGE")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.tif")
@_library_options
@JSON
def apply(library: Library, what: str, image: Path, out: Path, as_json: bool) -> None:
    """Make a picture of an image: with less noise, or with what each pixel shows, by a package for that.

    PACKAGE is one of the task denoise or segment. The TIFF says in its description which package made it; it is for
    the eye, and nothing is ever measured of it.
    """
    from mhfd_client.learning.restoring import restored

    made = restored(library, what, image)
    made.write(out)
    told = {"image": image, "out": out, "words": made.words, "shares": made.shares or None}
    lines = [f"{out}: {made.words}"]
    if made.shares:
        lines.append(", ".join(f"{share:.0%} {name}" for name, share in made.shares.items()))
    say(told, lines, as_json=as_json)


@models.command()
@click.argument("what", metavar="PACKAGE")
@click.option(
    "--report",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="The report.json of `mhfd evaluate --out DIR` (or DIR), or the report of `mhfd adjust learn`, that says "
    "'promoted'.",
)
@_WHY
@_library_options
@JSON
def promote(library: Library, what: str, report: Path, why: str, as_json: bool) -> None:
    """Make a package the champion of its task, where a report says that it earned it.

    The report has to be about exactly this package against exactly the champion of now. A package in another folder is
    copied to `models.home`. There is no way around the report.
    """
    _changed(library.promote(library.find(what), report, why=why), as_json=as_json)


@models.command()
@click.argument("task", type=click.Choice(("focus", "cause", "adjust", "denoise", "segment")))
@click.option("--to", metavar="PACKAGE|mhfd", help="Back to this one.  [default: who was champion before]")
@_WHY
@_library_options
@JSON
def rollback(library: Library, task: ModelTask, to: str | None, why: str, as_json: bool) -> None:
    """Go back to the champion before, to one that once was, or to mhfd. Needs no network and no report."""
    _changed(library.rollback(task, to, why=why), as_json=as_json)


@models.command()
@click.argument("what", metavar="PACKAGE...", nargs=-1, required=True)
@_library_options
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


def _changed(change: ChampionChange, *, as_json: bool) -> None:
    lines = [f"champion of {change.task}: {change.after} (before: {change.before})"]
    say(change.model_dump(mode="json"), lines, as_json=as_json)


def _package(package: Package) -> dict[str, Any]:
    card = package.card
    return {"name": package.name, "folder": package.folder, "title": card.title, "task": card.task}


def _listed(one: Listed) -> dict[str, Any]:
    known = {"name": None, "folder": one.folder, "title": None, "task": None}
    return known | (_package(one.package) if one.package else {}) | {"shipped": one.shipped, "refused": one.refused}


def _line_of(one: Listed, champions: dict[ModelTask, str | None]) -> str:
    if one.package is None:
        return f"damaged: {one.refused}"
    marks = ["ships with mhfd"] * one.shipped
    marks += ["champion"] * (champions[one.package.card.task] == one.package.name)
    return f"{one.package.name}  {one.package.card.task:7}  {one.package.card.title}{_in_brackets(marks)}"


def _in_brackets(marks: list[str]) -> str:
    return f" ({', '.join(marks)})" if marks else ""


def _told(one: ToldChange) -> dict[str, Any]:
    return {**one.change.model_dump(mode="json"), "in_effect": one.in_effect}


def _history_lines(task: str, champion: str, history: tuple[ToldChange, ...]) -> Iterator[str]:
    yield f"champion of {task}: {champion}"
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
