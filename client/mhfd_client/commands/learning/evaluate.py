"""`mhfd evaluate`: has anything that was learned earned its place?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mhfd_client.commands.common import CONFIG, JSON, counter, echo, echo_json

_SEVERAL: Final = ("--against", "--learner")


class _TakesSeveral(click.Command):
    """A command whose `--against` and `--learner` take all names that follow, up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--against mhfd a b` is `--against mhfd --against a --against b`."""
        given: list[str] = []
        option = ""
        for arg in args:
            if arg.startswith("-"):
                option = arg if arg in _SEVERAL else ""
                if not option:
                    given.append(arg)
            elif option:
                given += [option, arg]
            else:
                given.append(arg)
            if arg in _SEVERAL and arg is args[-1]:
                given.append(arg)  # without a name: click says so
        return super().parse_args(ctx, given)


@click.command(cls=_TakesSeveral)
@click.argument("labels", type=click.Path(path_type=Path), metavar="LABELS.csv|DATASET")
@click.option(
    "--against",
    multiple=True,
    metavar="mhfd PACKAGE...",
    help="Only with these: folders, names or titles of packages.  [default: the champion, what ships, all learners]",
)
@click.option(
    "--learner",
    multiple=True,
    metavar="NAME...",
    help="Ways to learn that are compared: logistic, trees, boosting, svm, knn. Needs the extra `learn`.",
)
@click.option(
    "--prevalence",
    type=float,
    metavar="P",
    help="The part of bad images in the run that this is for, as .01.  [default: models.prevalence]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.json there, and report.html for people.",
)
@click.option(
    "--instrument",
    metavar="NAME",
    help="The microscope that it is for: its images decide, against its champion.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds and draws.")
@CONFIG
@JSON
def evaluate(
    labels: Path,
    against: tuple[str, ...],
    learner: tuple[str, ...],
    prevalence: float | None,
    out: Path | None,
    instrument: str | None,
    seed: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Compare mhfd with what was learned, on labelled images of specimens that it has not seen, and decide.

    LABELS.csv has the columns path, label (good or bad) and group; more columns are covariates. mhfd is kept unless a
    challenger costs less, beyond the doubt that so few specimens leave: that is the usual answer, and a good one.
    Nothing is promoted by this: `mhfd models promote` does it, on the ground of report.json.
    """
    from mhfd.learning.evaluation.words import lines
    from mhfd_client.learning import evaluating

    found = evaluating.evaluate(
        labels,
        against=against or None,
        learner=learner or None,
        prevalence=prevalence,
        out=out,
        instrument=instrument,
        seed=seed,
        config=config,
        told=counter("images"),
        said=lambda words: echo(words, err=True),
    )
    if out is not None:
        echo(f"written to {out / evaluating.REPORT}", err=True)
    if as_json:
        echo_json(evaluating.document_of(found))
        return
    for line in lines(found):
        echo(line)
