"""`mhfd simulate`: a pretend microscope with failures that are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import echo
from mhfd_client.microscope.plan import RunPlan

if TYPE_CHECKING:
    from mhfd_client.microscope.plan import Layout


@click.command()
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write: a new one."
)
@click.option("--sections", type=int, default=200, show_default=True, help="How many.")
@click.option("--size", type=int, default=512, show_default=True, help="Side of an image in pixels.")
@click.option("--tiles", default="1x1", show_default=True, metavar="ROWSxCOLUMNS", help="Mosaic of each section.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the tissue and of all that happens.")
@click.option("--failures", type=float, default=0.06, show_default=True, help="Part of the sections that fail.")
@click.option(
    "--layout",
    type=click.Choice(["atlas", "wafermapper", "sbemimage", "sbemimage2025", "plain"]),
    default="atlas",
    show_default=True,
    help="The instrument whose names are used.",
)
@click.option("--at-once", is_flag=True, help="As fast as images can be made, not one after the other as in life.")
@click.option("--interval", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Seconds an image.")
def simulate(
    into: Path,
    sections: int,
    size: int,
    tiles: str,
    seed: int,
    failures: float,
    layout: Layout,
    at_once: bool,
    interval: float,
) -> None:
    """A pretend microscope: writes simulated sections as an instrument would, with known failures.

    What is wrong with which image is written beside the folder, to DIR.truth.csv.
    """
    from mhfd_client.microscope import write as microscope

    rows, _, columns = tiles.partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise click.BadParameter(f"{tiles!r} is no mosaic; write 2x3", param_hint="--tiles")
    plan = RunPlan.of(
        seed, sections=sections, size=size, tiles=(int(rows), int(columns)), failures=failures, layout=layout
    )
    planted = 0
    for shot in microscope.simulate_run(into, plan, at_once=at_once, interval_s=interval):
        planted += shot.planted
        if not at_once:
            echo(shot.path)
    echo(f"{len(plan.shots)} images of {sections} sections, {planted} failures planted; see {into}.truth.csv")
