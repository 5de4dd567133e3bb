"""`mhfd evaluate`: has anything that was learned earned its place?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mhfd.errors import UsageError
from mhfd_client.commands.common import CONFIG, JSON, WatchedFolder, counter, echo, say
from mhfd_client.commands.learning.library_options import INSTRUMENT

if TYPE_CHECKING:
    from mhfd.learning.evaluation import Benchmark
    from mhfd.learning.pictures.benchmark import PicturesBenchmark

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
    "--task",
    type=click.Choice(("focus", "denoise", "segment")),
    default="focus",
    show_default=True,
    help="What is compared: who finds bad images, or who makes the better pictures.",
)
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
@INSTRUMENT
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds and draws.")
@CONFIG
@JSON
def evaluate(
    labels: Path,
    task: str,
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
    With --task denoise or segment packages that make pictures are compared with classical ways, by another take or a
    mask beside each image: the training groups choose the ways' settings, the test groups decide.
    Nothing is promoted by this: `mhfd models promote` does it, on the ground of report.json.
    """
    from mhfd.learning.evaluation import words
    from mhfd.learning.pictures import words as picture_words
    from mhfd_client.learning import evaluating
    from mhfd_client.learning.picturing import evaluate_pictures

    microscope = WatchedFolder("", None, config, ()).loaded(models__instrument=instrument).settings.models.instrument
    asked: dict[str, Any] = {"against": against or None, "instrument": microscope, "out": out, "seed": seed}
    asked |= {"config": config, "said": lambda said: echo(said, err=True)}
    found: Benchmark | PicturesBenchmark
    if task == "focus":
        of_focus: dict[str, Any] = {"learner": learner or None, "prevalence": prevalence, "told": counter("images")}
        found = evaluating.evaluate(labels, **asked, **of_focus)
        lines = words.lines(found)
    else:
        for option, value in (("--learner", learner or None), ("--prevalence", prevalence)):
            if value is not None:
                raise UsageError(f"{option}: is of who finds bad images; leave it out with --task {task}")
        found = evaluate_pictures(labels, task, **asked)
        lines = picture_words.lines(found)
    if out is not None:
        echo(f"written to {out / evaluating.REPORT}", err=True)
    say(evaluating.document_of(found), lines, as_json=as_json)
