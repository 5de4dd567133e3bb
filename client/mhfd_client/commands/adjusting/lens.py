"""`mhfd adjust undo`, `status` and `audit`: what was done with the lens, and one move taken back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, WatchedFolder, echo, echo_json, folder_options, say

if TYPE_CHECKING:
    from pathlib import Path

    from mhfd_client.instruments.config import InstrumentConfig
    from mhfd_client.instruments.protocol import Instrument

EXIT_REFUSED: Final = 3
"""A package, or a rule, says no; what was printed says why."""
_TERMINATED: Final = 143


@click.command()
@click.option("--who", metavar="NAME", help="For the ledger.  [default: this user]")
@click.option("--forget", is_flag=True, help="Put nothing back that did not end: you say where the lens belongs.")
@folder_options
@JSON
def undo(folder: WatchedFolder, who: str | None, forget: bool, as_json: bool) -> None:
    """Take back the last move that was applied; again, and the one before it.

    What did not end, because its program died, is put back first, and then nothing else. A lens that somebody else
    moved since stays where it is.
    """
    from mhfd_client.adjustment.lens import forget as forgotten
    from mhfd_client.adjustment.undoing import undo as taken_back

    state_dir = folder.state_dir()
    if forget:
        words = forgotten(state_dir, actor=who)
        say({"words": words, "from_um": None, "to_um": None, "line": None}, [words], as_json=as_json)
        return
    with instrument_of(state_dir) as (config, instrument):
        undone = taken_back(state_dir, config=config, instrument=instrument, actor=who)
    say(undone.document(), [undone.words], as_json=as_json)


@click.command()
@folder_options
@JSON
def status(folder: WatchedFolder, as_json: bool) -> None:
    """How the lens stands, what is allowed, what did not end, and what was last done. Sets nothing.

    Exit code 1 where a person has to look.
    """
    from mhfd_client.adjustment.standing import standing

    found = standing(folder.state_dir())
    say(found.document(), found.lines(), as_json=as_json)
    if found.needs_person:
        sys.exit(EXIT_PERSON)


@click.command()
@folder_options
@JSON
def audit(folder: WatchedFolder, as_json: bool) -> None:
    """Everything that was done with the lens, or refused, and whether the ledger is as it was written.

    Exit code 1 where a line was changed, taken out or put between. Needs no instrument.
    """
    from mhfd_client.adjustment import ledger
    from mhfd_client.adjustment.standing import line_document, line_told

    state_dir = folder.state_dir()
    flaws = ledger.flaws(state_dir)
    changed = [flaw for flaw in flaws if not flaw.torn]
    if as_json:
        echo_json(
            {
                "lines": [line_document(line) for line in ledger.lines(state_dir)],
                "flaws": [{"line": flaw.line, "why": flaw.why, "torn": flaw.torn} for flaw in flaws],
                "unchanged": not changed,
            }
        )
    else:
        count = 0
        for line in ledger.lines(state_dir):
            echo(line_told(line))
            count += 1
        for flaw in flaws:
            echo(flaw.why)
        echo(f"{count} lines, {'CHANGED since they were written' if changed else 'as they were written'}")
    if changed:
        sys.exit(EXIT_PERSON)


@contextmanager
def instrument_of(state_dir: Path) -> Iterator[tuple[InstrumentConfig, Instrument]]:
    """What `instrument.toml` says, and the connection. Who ends this process lets it bring the lens back first.

    What a rule forbids ends it with `EXIT_REFUSED`.
    """
    import signal
    import threading
    from contextlib import closing

    from mhfd_client.errors import AdjustmentRefused
    from mhfd_client.instruments.config import config_of
    from mhfd_client.instruments.opening import opened

    config = config_of(state_dir)
    orderly = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED)) if orderly else None
    try:
        with closing(opened(config)) as instrument:
            yield config, instrument
    except AdjustmentRefused as error:
        refused = click.ClickException(str(error))
        refused.exit_code = EXIT_REFUSED
        raise refused from error
    finally:
        if orderly:
            signal.signal(signal.SIGTERM, before)
