"""`mhfd learn`: a library of packages, for one microscope."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from mhfd_client.commands.common import CONFIG, EXIT_INTERRUPTED, JSON, chosen_options, echo, echo_json
from mhfd_client.commands.learning.endpoint_options import endpoint_options
from mhfd_client.commands.learning.network_options import network_options

if TYPE_CHECKING:
    from mhfd.contract.assessing import LibraryTask

_TASKS: Final = ["focus", "denoise", "segment"]


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET...", nargs=-1, required=True)
@click.option("--instrument", metavar="NAME", help="The microscope.  [default: models.instrument]")
@click.option("--task", type=click.Choice(_TASKS), default="focus", show_default=True, help="What is learned.")
@click.option(
    "--learner",
    metavar="NAME",
    help="Only such networks are trained further: small or mcnn for focus, residual for denoise, regions for segment.",
)
@click.option(
    "--best",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help="So many of the best packages are trained, at most; 0: none, the best is benchmarked as it stands.",
)
@click.option(
    "--prevalence", type=float, metavar="P", help="The part of bad images in the run.  [default: models.prevalence]"
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option("--title", metavar="TEXT", help="What people call the package.  [default: microscope and network]")
@click.option("--licence", metavar="TEXT", help="Of the data, as in CC-BY-4.0.  [default: unknown, not for sharing]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.json and report.html there.  [default: a folder of its own below this user's state]",
)
@click.option(
    "--via",
    type=click.Choice(["compute", "flow"]),
    help="How the endpoint is asked: directly, or by a flow that brings the images there.  [default: compute]",
)
@network_options
@endpoint_options
@CONFIG
@JSON
def learn(
    dataset: tuple[Path, ...],
    task: LibraryTask,
    via: Literal["compute", "flow"] | None,
    out: Path | None,
    config: Path | None,
    as_json: bool,
    maps: tuple[str, ...],
    choices: tuple[str, ...],
    **asked: Any,
) -> None:
    """Learn for a microscope: assess a library with its images, train the best further, and let the rule decide.

    DATASET is the folder of a dataset with both sides of a split, or watched folders whose labels make one. Every
    package of the library is assessed on the training groups; the best is trained further there, unless the library is
    as good as who judges now; what came of it is benchmarked on the test groups, against mhfd, the champion and the
    next best. It is champion of this microscope where the report says 'promoted', else challenger. The library is
    yours, or with --endpoint or --via flow one far away. The same words go on where they were.
    """
    from mhfd_client.learning.from_library import learn as learning

    try:
        learned = learning.learn(
            dataset[0] if len(dataset) == 1 else dataset,
            task=task,
            via=via,
            out=out,
            config=config,
            map=maps,
            options=chosen_options(choices),
            told=lambda line: echo(line, err=as_json),
            said=lambda words: echo(words, err=True),
            **asked,
        )
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ("ended; the same again goes on",)):
            echo(note, err=True)
        sys.exit(EXIT_INTERRUPTED)
    if as_json:
        echo_json(learned.as_json())
