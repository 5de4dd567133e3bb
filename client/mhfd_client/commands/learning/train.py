"""`mhfd train`: teach a learner with what people said of images, or train a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mhfd_client.commands.common import CONFIG, EXIT_INTERRUPTED, JSON, chosen_options, counter, echo, echo_json
from mhfd_client.commands.learning.endpoint_options import endpoint_options
from mhfd_client.commands.learning.network_options import network_options

if TYPE_CHECKING:
    from mhfd_client.learning.training import TaughtLesson

_LESSONS = ["focus", "cause", "radius", "denoise", "segment"]


@click.command()
@click.argument("lesson", type=click.Choice(_LESSONS), metavar="|".join(_LESSONS))
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET")
@click.option(
    "--learner",
    metavar="NAME",
    help="Of features: logistic, trees, boosting, svm or knn; for the radius linear too. A network: small or mcnn for "
    "focus and cause, residual for denoise, regions for segment.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the package into this folder.  [default: this user's library]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--baseline/--no-baseline",
    default=None,
    help="Learn from features less those of the group's sharp images, or from features as they are.  [default: less "
    "those, for focus and radius, where most images have any]",
)
@click.option(
    "--balance",
    type=click.Choice(["weights", "sampling", "none"]),
    help="Where bad images are rare: let them count more, leave out some of the others, or do nothing.  [default: "
    "weights]",
)
@click.option(
    "--prepare",
    multiple=True,
    type=click.Choice(["flat_field", "denoise", "stretch"]),
    help="What is done to pixels before features are taken, fitted on the training groups; may be repeated.",
)
@click.option("--licence", metavar="TEXT", help="Of the data, as in CC-BY-4.0.  [default: unknown, not for sharing]")
@click.option("--title", metavar="TEXT", help="What people call the package.  [default: lesson and learner]")
@click.option(
    "--from",
    "parent",
    metavar="PACKAGE",
    help="A network: train this package of the library further, by its name, title or folder.",
)
@network_options
@endpoint_options
@CONFIG
@JSON
def train(
    lesson: TaughtLesson,
    dataset: Path,
    learner: str | None,
    out: Path | None,
    seed: int,
    baseline: bool | None,
    balance: Literal["weights", "sampling", "none"] | None,
    prepare: tuple[str, ...],
    licence: str | None,
    title: str | None,
    config: Path | None,
    as_json: bool,
    maps: tuple[str, ...],
    choices: tuple[str, ...],
    **network: Any,
) -> None:
    """Teach a learner, or train a network, by a dataset's training groups and write a package; it is not promoted.

    The test groups stay closed: `mhfd evaluate` says on them whether the package is worth having. The same data, words
    and release make the same package. Learners of features need the extra `learn`; networks need `train`, are the
    learners that the last options are for, and go on where they were when the same is typed again.
    """
    from mhfd_client.learning import training

    try:
        trained = training.train(
            lesson,
            dataset,
            learner=learner,
            out=out,
            seed=seed,
            baseline=baseline,
            balance=balance,
            prepare=prepare,
            licence=licence,
            title=title,
            config=config,
            told=counter("images"),
            said=lambda words: echo(words, err=True),
            map=maps,
            options=chosen_options(choices),
            **network,
        )
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ("ended",)):
            echo(note, err=True)
        sys.exit(EXIT_INTERRUPTED)
    if as_json:
        echo_json(trained.as_json())
        return
    for line in trained.words:
        echo(line)
    echo(f"package {trained.package.name[:12]}: {trained.package.folder}")
