"""`mhfd propose`: where the focus lies, by a pair of images. Moves nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mhfd_client.commands.common import CONFIG, JSON, say

if TYPE_CHECKING:
    from mhfd.contract.proposal import Proposal

EXIT_REFUSED: Final = 3
"""There is no answer; what was printed says why."""
_FILE: Final = click.Path(path_type=Path)


@click.command()
@click.option("--pair", nargs=2, type=_FILE, metavar="A B", help="Two images of one field; A at the longer distance.")
@click.option(
    "--perturbation", metavar="LENGTH", help="A was taken so much further away, B so much nearer: 1um to 10um."
)
@click.option("--calibration", type=_FILE, metavar="FILE", help="What a known move showed; without it, the sign alone.")
@click.option("--package", metavar="P", help="Folder, name or title.  [default: the champion, or the one that ships]")
@click.option(
    "--max-age",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Refuse files that are older.  [default: of any age]",
)
@CONFIG
@JSON
def propose(
    pair: tuple[Path, Path] | None,
    perturbation: str | None,
    calibration: Path | None,
    package: str | None,
    max_age: float | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say where the focus lies: what is to be added to the working distance, or why that is not known.

    With --pair and --perturbation, of two images that were taken on both sides of a working distance. Exit code 0 with
    an answer, 3 with a refusal, 2 where the arguments are wrong. Nothing is moved.
    """
    from mhfd_client.adjustment.proposing import propose as asked
    from mhfd_client.adjustment.typed import length

    if pair is None:
        raise click.UsageError("give the pair: --pair A B --perturbation 5um")
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
    say(said.model_dump(mode="json"), lines(said), as_json=as_json)
    if said.refusal is not None:
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
