"""`mhfd dataset`: what people said of images, or folders of them, as one dataset; and what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, Group, say

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.dataset.checking import DatasetCheck


@click.group(cls=Group)
def dataset() -> None:
    """What your operators know, as a dataset that learning can read: built, and checked before anything is learned."""


@dataset.command()
@click.argument("sources", nargs=-1, metavar="[STATE|DATASET|TABLE|FOLDER]...")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the dataset is written."
)
@click.option("--sharp", is_flag=True, help="All images of each FOLDER are in focus; a blurred copy of each is made.")
@click.option("--augment", is_flag=True, help="Each image mirrored, turned by a quarter and cut out too.")
@click.option("--simulate", type=int, default=0, metavar="N", help="N sections of the simulator too.")
@click.option("--group", metavar="TEXT", help="instrument/specimen/session of the runs and folders.")
@click.option(
    "--radii",
    type=float,
    nargs=2,
    default=(1.5, 12.0),
    show_default=True,
    metavar="FROM TO",
    help="By how many pixels sharp images are blurred.",
)
@click.option("--size", type=int, default=512, show_default=True, help="Pixels a side of simulated images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and of all that is drawn.")
@click.option("--takes", is_flag=True, help="Another take of its field beside each simulated section.")
@click.option("--masks", is_flag=True, help="What its pixels show beside each simulated section.")
@click.option("--copy", is_flag=True, help="Copy the images into DIR too, so that it can travel.")
@JSON
def build(
    sources: tuple[str, ...],
    out: Path,
    sharp: bool,
    augment: bool,
    simulate: int,
    group: str | None,
    radii: tuple[float, float],
    size: int,
    seed: int,
    takes: bool,
    masks: bool,
    copy: bool,
    as_json: bool,
) -> None:
    """Build a dataset of what was confirmed and rejected in runs, and of images in folders.

    Each of them is the state folder of a watch or the folder it watches, a dataset, a table `path,label,group`, or a
    FOLDER with subfolders `good` and `bad`. Several are merged. A fifth of the groups (instrument, specimen, session)
    is kept for the test; that is written into the dataset. Images are not copied unless that is said; those that are
    made lie in it.

    a.take.tif beside a.tif is another take of its field, a.mask.png what each of its pixels shows: 0 resin, 1 tissue,
    2 artefact, 255 where nobody knows. Such an image needs no label.
    """
    from mhfd_client.learning.datasets import built
    from mhfd_client.progress import bar

    if not sources and not simulate:
        raise click.UsageError("name a state folder, a dataset, a table or a folder, or give --simulate")
    with bar(1, None, transient=True) as shown:
        made = built(
            sources,
            out,
            sharp=sharp,
            augment=augment,
            simulate=simulate,
            group=group,
            radii=radii,
            size=size,
            seed=seed,
            takes=takes,
            masks=masks,
            copy=copy,
            tell=lambda done, of: shown.say(f"image {done} of {of}"),
        )
    document = {"out": out, **_document(made.dataset), "left_out": made.left_out}
    say(document, _built_lines(made.dataset, made.left_out, out), as_json=as_json)


@dataset.command()
@click.argument("source", metavar="DATASET|TABLE", type=click.Path(path_type=Path))
@JSON
def check(source: Path, as_json: bool) -> None:
    """What is wrong with a dataset before anything is learned from it. Exit code 1 where something has to be mended."""
    from mhfd.learning.dataset.checking import check as checked
    from mhfd_client.learning.datasets import read
    from mhfd_client.progress import bar

    given = read(source)
    with bar(len({sha256 for row in given.rows for sha256, _ in row.micrographs}), None, transient=True) as shown:
        found = checked(given, tell=lambda done, of: shown.reach(done))
    document = found.model_dump(mode="json")
    for problem, told in zip(found.problems, document["problems"], strict=True):
        told["refused"] = problem.refused
    say(document, _check_lines(found), as_json=as_json)
    if found.refused:
        sys.exit(EXIT_PERSON)


def _document(dataset: Dataset) -> dict[str, object]:
    labels = [row.target.bad for row in dataset.rows if row.pair is None]
    return {
        "digest": dataset.digest,
        "rows": len(dataset.rows),
        "images": len({sha256 for row in dataset.rows for sha256, _ in row.micrographs}),
        "good": labels.count(False),
        "bad": labels.count(True),
        "unlabelled": labels.count(None),
        "moves": sum(row.is_move for row in dataset.rows),
        "takes": sum(row.besides("take") is not None for row in dataset.rows),
        "masks": sum(row.besides("mask") is not None for row in dataset.rows),
        "groups": {key: str(dataset.split[key]) for key in dataset.groups},
    }


def _built_lines(dataset: Dataset, left_out: list[str], out: Path) -> Iterator[str]:
    from mhfd.learning.dataset.checking import counted

    for line in left_out:
        yield f"left out: {line}"
    told = _document(dataset)
    test = [key for key in dataset.groups if dataset.split[key] == "test"]
    yield _counts(told)
    yield f"{counted(len(dataset.groups), 'group')}, {len(test)} of them for the test" + (
        f": {', '.join(test)}" if test else ""
    )
    yield f"written to {out}; next: mhfd dataset check {out}"


def _counts(told: Mapping[str, Any]) -> str:
    """What the rows are."""
    from mhfd.learning.dataset.checking import counted

    more = [counted(told[what], what[:-1]) for what in ("moves", "takes", "masks") if told[what]]
    said = [f"{told['good']} good", f"{told['bad']} bad"] if told["good"] or told["bad"] or not more else []
    if said and told["unlabelled"]:
        said.append(f"{told['unlabelled']} without a label")
    said += more
    return f"{counted(told['rows'], 'row')} of {counted(told['images'], 'image')}: {', '.join(said)}"


def _check_lines(found: DatasetCheck) -> Iterator[str]:
    from mhfd.learning.dataset.checking import counted

    yield _counts(found.model_dump())
    yield f"{counted(found.groups, 'group')}: {found.train_groups} for training, {found.test_groups} for the test"
    for problem in found.problems:
        yield f"{'refused' if problem.refused else 'note'}: {problem.kind}: {problem.sentence}"
    if not found.problems:
        yield "nothing is wrong with it"
    elif found.refused:
        yield f"{len(found.refused)} to mend before anything is learned"
