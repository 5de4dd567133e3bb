"""`mhfd models promote`, `pull` and `rollback`: who is champion of a task at a microscope from now on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import JSON, say
from mhfd_client.commands.learning.library_options import TASK, WHY, seat_options

if TYPE_CHECKING:
    from mhfd.learning.packages import ChampionChange, Library, ModelTask


@click.command()
@click.argument("what", metavar="PACKAGE")
@click.option(
    "--report",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="The report.json of `mhfd evaluate --out DIR` (or DIR), or the report of `mhfd adjust learn`, that says "
    "'promoted'.",
)
@WHY
@seat_options
@JSON
def promote(library: Library, instrument: str | None, what: str, report: Path, why: str, as_json: bool) -> None:
    """Make a package the champion of its task, where a report says that it earned it.

    The report has to be about exactly this package against exactly the champion of now, at this microscope. A package
    in another folder is copied to `models.home`. There is no way around the report.
    """
    _changed(library.promote(library.find(what), report, instrument=instrument, why=why), as_json=as_json)


@click.command()
@TASK
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="The other library: what is `models.home` there.",
)
@click.option("--again", is_flag=True, help="Also one that was rolled back from here.")
@WHY
@seat_options
@JSON
def pull(
    library: Library,
    instrument: str | None,
    task: ModelTask,
    source: Path,
    again: bool,
    why: str,
    as_json: bool,
) -> None:
    """Take over the champion of another library, with the report that made it so there.

    Whole or not at all: its bytes are checked there and here, and it answers its test. It takes the place of a champion
    that it, or one that it beat, was compared with there.
    """
    from mhfd.learning.packages import Library

    change = library.pull(Library(source), task, instrument, again=again, why=why)
    _changed(change, as_json=as_json)


@click.command()
@TASK
@click.option("--to", metavar="PACKAGE|mhfd", help="Back to this one.  [default: who was champion before]")
@WHY
@seat_options
@JSON
def rollback(
    library: Library, instrument: str | None, task: ModelTask, to: str | None, why: str, as_json: bool
) -> None:
    """Go back to the champion before, to one that once was, or to mhfd. Needs no network and no report."""
    _changed(library.rollback(task, to, instrument=instrument, why=why), as_json=as_json)


def _changed(change: ChampionChange, *, as_json: bool) -> None:
    at = "" if change.instrument is None else f" at {change.instrument}"
    lines = [f"champion of {change.task}{at}: {change.after} (before: {change.before})"]
    say(change.model_dump(mode="json"), lines, as_json=as_json)
