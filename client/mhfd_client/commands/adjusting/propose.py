"""`mhfd propose`: where the focus lies, by a pair of images: of two files, or taken at the instrument of a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mhfd_client.commands.common import CONFIG, JSON, SET, STATE, WatchedFolder, echo, echo_json, say

if TYPE_CHECKING:
    from mhfd.contract.proposal import Proposal

EXIT_REFUSED: Final = 3
"""There is no answer; what was printed says why."""
_FILE: Final = click.Path(path_type=Path)


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@click.option("--pair", nargs=2, type=_FILE, metavar="A B", help="Two images of one field; A at the longer distance.")
@click.option(
    "--perturbation", metavar="LENGTH", help="A was taken so much further away, B so much nearer: 1um to 10um."
)
@click.option("--field", metavar="NAME", help="With DIR: which field's images.  [default: where the stage stands]")
@click.option("--calibration", type=_FILE, metavar="FILE", help="What a known move showed; without it, the sign alone.")
@click.option("--package", metavar="P", help="Folder, name or title.  [default: the champion, or the one that ships]")
@click.option(
    "--max-age",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Refuse files that are older.  [default: of any age]",
)
@STATE
@CONFIG
@SET
@JSON
def propose(
    directory: str | None,
    pair: tuple[Path, Path] | None,
    perturbation: str | None,
    calibration: Path | None,
    package: str | None,
    field: str | None,
    max_age: float | None,
    state: Path | None,
    config: Path | None,
    pairs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say where the focus lies: what is to be added to the working distance, or why that is not known.

    With --pair and --perturbation, of two images that were taken on both sides of a working distance. With DIR, a pair
    is taken at the instrument that its state folder's `instrument.toml` names, and the lens comes back. Exit code 0
    with an answer, 3 with a refusal, 2 where the arguments are wrong.
    """
    from mhfd_client.adjustment.proposing import propose as asked
    from mhfd_client.adjustment.typed import length

    if directory is not None:
        if pair is not None or max_age is not None:
            raise click.UsageError("DIR: a pair is taken at its instrument; leave out --pair and --max-age, or DIR")
        um = None if perturbation is None else length(perturbation, "--perturbation")
        folder = WatchedFolder(directory, state, config, pairs)
        _tell(_at_instrument(folder, um, calibration, package, field, as_json=as_json), as_json=as_json)
        return
    if pair is None:
        raise click.UsageError("give the pair: --pair A B --perturbation 5um; or DIR, to take one at its instrument")
    if perturbation is None:
        raise click.UsageError("--perturbation: by how much was A further away, and B nearer? As in --perturbation 5um")
    said = asked(
        *pair,
        perturbation_um=length(perturbation, "--perturbation"),
        calibration=calibration,
        package=package,
        most_age_s=max_age,
        config=config,
    )
    _tell(said, as_json=as_json)


def _tell(said: Proposal, *, as_json: bool) -> None:
    say(said.model_dump(mode="json"), lines(said), as_json=as_json)
    if said.refusal is not None:
        sys.exit(EXIT_REFUSED)


def _at_instrument(
    folder: WatchedFolder,
    perturbation_um: float | None,
    calibration: Path | None,
    package: str | None,
    field: str | None,
    *,
    as_json: bool,
) -> Proposal:
    """Of a pair that is taken now. What a rule forbids ends it as a refusal does."""
    from mhfd_client.adjustment.applying import propose_at
    from mhfd_client.adjustment.asked import asker
    from mhfd_client.adjustment.lens import restore
    from mhfd_client.commands.adjusting.lens import instrument_of
    from mhfd_client.errors import AdjustmentRefused
    from mhfd_client.settings.places import models_home

    state_dir, home = folder.state_dir(), models_home(folder.loaded().settings)
    with instrument_of(state_dir) as (settings, instrument):
        try:
            if words := restore(state_dir, instrument):
                echo(words, err=True)
            ask = asker(state_dir, instrument, home=home, package=package, calibration=calibration)
            return propose_at(
                state_dir,
                ask=ask,
                instrument=instrument,
                config=settings,
                perturbation_um=perturbation_um,
                field=field,
            )
        except AdjustmentRefused as error:
            if not as_json:
                raise
            nothing = dict.fromkeys(("sign", "move_um", "sd_um", "stig_x", "stig_y", "package", "title"))
            echo_json({**nothing, "refusal": "rule", "why": str(error)})
            sys.exit(EXIT_REFUSED)


def lines(said: Proposal) -> Iterator[str]:
    """A proposal for a person."""
    if said.refusal is not None:
        yield f"no proposal ({said.refusal.value}): {said.why}"
    elif said.move_um is None:
        yield f"move the working distance {'up' if said.sign == 1 else 'down'} (sign {said.sign:+d})"
        yield said.why or "how far is not known"
    else:
        yield f"add {said.move_um:+.2f} um to the working distance (standard deviation {said.sd_um:.2f} um)"
        if said.why:
            yield said.why
    for name, value in (("x", said.stig_x), ("y", said.stig_y)):
        if value is not None:
            yield f"add {value:+.3g} to stigmator {name}"
    yield f"by {said.speaker}"
