"""`mhfd adjust apply`: mend the focus of the field under the beam, or say what would be done. Thin, as the others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from mhfd_client.commands.adjusting.lens import EXIT_REFUSED, instrument_of
from mhfd_client.commands.common import EXIT_PERSON, JSON, WatchedFolder, echo_json, folder_options, say

if TYPE_CHECKING:
    from mhfd_client.adjustment.written_out import Form

_ENDS: Final = {"refused": EXIT_REFUSED, "reverted": EXIT_PERSON}


@click.command()
@click.option("--really", is_flag=True, help="Move the lens. Without it: take a pair, and say what would be done.")
@click.option("--field", metavar="NAME", help="Which field, to count its images.  [default: where the stage stands]")
@click.option(
    "--as",
    "form",
    type=click.Choice(["person", "sbemimage", "serialem"]),
    help="Without --really: the instruction as text, for a person or for the Python of that program.",
)
@click.option("--package", metavar="PACKAGE", help="Ask this one.  [default: the champion of adjust, or what ships]")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What a known move showed.  [default: what `mhfd adjust calibrate` kept]",
)
@click.option("--who", metavar="NAME", help="For the ledger.  [default: this user]")
@folder_options
@JSON
def apply(
    folder: WatchedFolder,
    really: bool,
    field: str | None,
    form: str | None,
    package: str | None,
    calibration: Path | None,
    who: str | None,
    as_json: bool,
) -> None:
    """Mend the focus of the field under the beam: propose, move, look again, put back what is not better.

    A dry run, unless you say --really and `instrument.toml` says allow = "apply".
    """
    from mhfd.errors import UsageError
    from mhfd_client.adjustment.applying import apply_once
    from mhfd_client.adjustment.asked import asker
    from mhfd_client.adjustment.written_out import written_out
    from mhfd_client.errors import AdjustmentRefused
    from mhfd_client.settings.places import models_home

    if really and form:
        raise UsageError("--as: the instruction is carried out with --really, and not written; leave one of them out")
    state_dir, home = folder.state_dir(), models_home(folder.loaded().settings)
    with instrument_of(state_dir) as (config, instrument):
        ask = asker(state_dir, instrument, home=home, package=package, calibration=calibration)
        try:
            done = apply_once(
                state_dir, really=really, ask=ask, instrument=instrument, config=config, actor=who, field=field
            )
        except AdjustmentRefused as error:
            if not as_json:
                raise
            echo_json(_refused(str(error)))
            sys.exit(EXIT_REFUSED)
    if form and not as_json and done.instructions:
        lines = written_out(done.instructions[0], cast("Form", form)).splitlines()
    else:
        lines = [words for words in (done.restored, done.words) if words]
    say(done.document(), lines, as_json=as_json)
    sys.exit(_ENDS.get(done.outcome.value, 0))


def _refused(words: str) -> dict[str, Any]:
    """What a rule forbids, in the form of what was done."""
    nothing = dict.fromkeys(("from_um", "to_um", "moved_um", "before", "after", "restored"))
    return {"outcome": "refused", "words": words, "refusal": "rule", "images": None, "instructions": [], **nothing}
