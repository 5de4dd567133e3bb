"""`mhfd simulate`: a pretend microscope with failures that are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import echo

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
@click.option(
    "--causes",
    metavar="all|CAUSE,...",
    help="What is wrong with images, each at least once.  [default: a choice of them]",
)
@click.option("--blurred-start", type=int, default=0, show_default=True, help="So many sections are blurred at first.")
@click.option(
    "--focus-drift", type=float, default=0.0, show_default=True, help="The focus drifts to a disc of so many pixels."
)
@click.option("--focus-drift-from", type=int, default=1, show_default=True, help="The section where that begins.")
@click.option(
    "--noise",
    type=click.Choice(["white", "line", "grain", "frames"]),
    default="white",
    show_default=True,
    help="Of the detector: coloured along the line, or both ways, or of averaged frames.",
)
@click.option("--jpeg", type=int, help="Compress the files, with this quality from 1 to 100.  [default: not at all]")
@click.option("--two-kinds", is_flag=True, help="Every second section is of other tissue.")
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
    causes: str | None,
    blurred_start: int,
    focus_drift: float,
    focus_drift_from: int,
    noise: str,
    jpeg: int | None,
    two_kinds: bool,
    at_once: bool,
    interval: float,
) -> None:
    """A pretend microscope: writes simulated sections as an instrument would, with known failures.

    What is wrong with which image is written beside the folder, to DIR.truth.csv.
    """
    from mhfd_client.microscope import write as microscope
    from mhfd_client.microscope.causes import causes_named
    from mhfd_client.microscope.plan import NoiseKind, RunPlan

    rows, _, columns = tiles.partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise click.BadParameter(f"{tiles!r} is no mosaic; write 2x3", param_hint="--tiles")
    plan = RunPlan.of(
        seed,
        sections=sections,
        size=size,
        tiles=(int(rows), int(columns)),
        failures=failures,
        layout=layout,
        blurred_start=blurred_start,
        focus_drift_px=focus_drift,
        focus_drift_from=focus_drift_from,
        causes=causes_named(causes) if causes is not None else None,
        noise=NoiseKind(noise),
        jpeg=jpeg,
        two_kinds=two_kinds,
    )
    planted = 0
    for shot in microscope.simulate_run(into, plan, at_once=at_once, interval_s=interval):
        planted += shot.planted
        if not at_once:
            echo(shot.path)
    echo(f"{len(plan.shots)} images of {sections} sections, {planted} failures planted; see {into}.truth.csv")
