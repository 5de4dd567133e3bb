"""`mhfd first-hour`: asks the real Globus everything that mhfd takes for granted of it, and keeps what it saw."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mhfd import documentation
from mhfd.errors import MhfdError
from mhfd_client.commands.common import CONFIG, EXIT_PERSON, SET, echo

if TYPE_CHECKING:
    from mhfd_client.first_hour.answers import Seen
    from mhfd_client.globus.consents import Consents
    from mhfd_client.settings.options import Settings


@click.command(name="first-hour", epilog=f"More: {documentation.page('how-to/first-hour')}")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the record goes.")
@click.option(
    "--ids",
    type=click.Choice(["short", "full", "none"]),
    default="short",
    show_default=True,
    help="How much of each id the record shows.",
)
@click.option("--only", multiple=True, metavar="GUESS", help="Ask no more than this; may be repeated.")
@click.option("--list", "listing", is_flag=True, help="Show what would be asked, and ask nothing.")
@click.option("--clean", is_flag=True, help="Only remove what an interrupted hour has left.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds for one run, or one answer of the endpoint.",
)
@SET
@CONFIG
def first_hour(
    into: Path,
    ids: Any,
    only: tuple[str, ...],
    listing: bool,
    clean: bool,
    yes: bool,
    wait_s: float,
    pairs: tuple[str, ...],
    config: Path | None,
) -> None:
    """Ask the real Globus everything that mhfd takes for granted of it, and write down what it says.

    Needs the settings of a station with a flow, but for flow.id. It says what it
    will do before it begins, removes what it made, and writes a record that can be sent or committed. The exit code
    is 1 when a guess was wrong or not answered, or something is left behind.
    """
    from mhfd_client.first_hour.guesses import GUESSES

    if listing:
        for guess in GUESSES:
            echo(f"{guess.id}: {guess.assumed}")
            echo(f"    asked: {guess.asked}; rests on it: {guess.rests}")
        return
    from mhfd_client.first_hour.hour import chosen
    from mhfd_client.first_hour.left_behind import LeftBehind
    from mhfd_client.first_hour.site import site_of

    questions = chosen(only)
    settings = _settings(config, pairs)
    site, left = site_of(settings), LeftBehind()
    from mhfd_client.first_hour.asker import Asker

    asker = Asker(settings, site, left, _log_in, wait_s=wait_s)
    if clean:
        _clean(asker)
        return
    from mhfd_client.first_hour.hour import first_hour as ask_all
    from mhfd_client.first_hour.hour import foretold, summary
    from mhfd_client.first_hour.record import HourRecord, named

    for line in foretold(questions, asker):
        echo(line)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is there to agree: give --yes")
        click.confirm("Begin?", abort=True)
    record = HourRecord(site)

    def tell(seen: Seen) -> None:
        echo(named(seen))
        record.write(into, ids)

    try:
        ask_all(asker, record, questions, say=echo, tell=tell)
    except KeyboardInterrupt:
        echo("interrupted; left behind:" if left.entries else "interrupted; nothing is left behind", err=True)
        for words in left.words():
            echo(f"  {words}", err=True)
        echo("`mhfd first-hour --clean` removes it; `mhfd first-hour` does, and begins anew", err=True)
        sys.exit(130)
    except MhfdError:
        for words in left.words():
            echo(f"left behind: {words}", err=True)
        raise
    for path in record.write(into, ids):
        echo(f"wrote {path}")
    for line in summary(record):
        echo(line)
    good = all(seen.standing.value == "holds" for seen in record.seen.values()) and not record.left
    if not good:
        sys.exit(EXIT_PERSON)


def _clean(asker: Any) -> None:
    if not asker.left.entries:
        echo("nothing is left behind")
        return
    asker.agree(mapped=True)
    left = asker.clean()
    for words in left:
        echo(f"still there: {words}")
    if left:
        sys.exit(EXIT_PERSON)
    echo("removed")


def _settings(config: Path | None, pairs: tuple[str, ...]) -> Settings:
    from mhfd_client.commands.common import WatchedFolder

    loaded: Any = WatchedFolder("", None, config, pairs).loaded()
    found: Settings = loaded.settings
    return found


def _log_in(settings: Settings, consents: Consents, again: bool) -> None:
    """A person agrees, in a browser; a client with a secret needs nobody."""
    from mhfd_client.globus.login import log_in

    log_in(settings, consents, again=again, say=echo, env=None)
