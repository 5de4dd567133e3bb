"""`mhfd adjust learn`: a package that proposes moves, of moves that were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from mhfd_client.commands.common import CONFIG, JSON, counter, echo, echo_json


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATASET|DIR...")
@click.option(
    "--learner",
    type=click.Choice(["pca", "lle", "diffusion"]),
    default="pca",
    show_default=True,
    help="pca becomes a package; lle and diffusion are compared. All three are in every table.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the package and report.json into this folder.  [default: this user's library]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option("--licence", metavar="TEXT", help="Of the data, as in CC-BY-4.0.  [default: unknown, not for sharing]")
@click.option("--title", metavar="TEXT", help="What people call the package.  [default: adjust and the learner]")
@CONFIG
@JSON
def learn(
    sources: tuple[Path, ...],
    learner: Literal["pca", "lle", "diffusion"],
    out: Path | None,
    seed: int,
    licence: str | None,
    title: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Learn from recorded moves how far a lens is to be moved; write a package, and whether it earned to be used.

    DATASET is a folder that `mhfd adjust moves --out` wrote, DIR a watched folder whose moves were recorded. At least
    12 moves are needed, to both sides, on two specimens; six specimens decide. Moves nothing, promotes nothing. Needs
    the extra `learn`.
    """
    from mhfd_client.adjustment.learned import learn_moves

    learned = learn_moves(
        sources,
        learner=learner,
        out=out,
        seed=seed,
        licence=licence,
        title=title,
        config=config,
        told=counter("pairs"),
        said=lambda words: echo(words, err=True),
    )
    if as_json:
        echo_json(learned.as_json())
        return
    for line in learned.words:
        echo(line)
