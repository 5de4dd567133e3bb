"""`mhfd models assess`: which packages of this user's library suit a microscope."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd.errors import UsageError
from mhfd_client.commands.common import CONFIG, JSON, SET, WatchedFolder, counter, say
from mhfd_client.commands.learning.library_options import INSTRUMENT

if TYPE_CHECKING:
    from mhfd.contract.assessing import LibraryTask


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET")
@INSTRUMENT
@click.option(
    "--task",
    type=click.Choice(("focus", "denoise", "segment")),
    default="focus",
    show_default=True,
    help="What the packages are for.",
)
@click.option("--learner", metavar="NAME", help="Only such a network would be trained further.  [default: any]")
@click.option(
    "--best", type=click.IntRange(0, 2), default=1, show_default=True, help="So many would be trained, at most."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws for intervals.")
@CONFIG
@SET
@JSON
def assess(
    dataset: Path,
    instrument: str | None,
    task: LibraryTask,
    learner: str | None,
    best: int,
    seed: int,
    config: Path | None,
    pairs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask every package of your library about a microscope's first images: who suits it, and is any worth training?

    DATASET is a folder of `mhfd dataset build`. Only its training groups are looked at, and of these the images of the
    microscope. The bar is its champion, else mhfd; for pictures the best way without learning. Trains nothing, and
    makes nobody champion. Needs the extra `models`.
    """
    from mhfd_client.learning.assessing import assess_here, lines

    settings = WatchedFolder("", None, config, pairs).loaded(models__instrument=instrument).settings
    if settings.models.instrument is None:
        raise UsageError("--instrument: packages are assessed for one microscope: name it, or set models.instrument")
    count = counter("packages")
    found = assess_here(
        dataset,
        instrument=settings.models.instrument,
        settings=settings,
        task=task,
        learner=learner,
        train_at_most=best,
        seed=seed,
        told=None if count is None else lambda done, of, _title: count(done, of),
    )
    say(found.model_dump(mode="json"), lines(found), as_json=as_json)
