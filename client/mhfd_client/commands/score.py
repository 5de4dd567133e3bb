"""`mhfd score`: how much in focus images are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mhfd.api import Device
    from mhfd.contract import Params

__all__ = ["score"]

EXIT_UNSCORED = 1


def _params(preset: str, n: int | None, min_t: float | None, max_t: float | None) -> Params:
    from mhfd.contract import Params

    base = Params.preset(preset)
    given = {k: v for k, v in {"n": n, "min_t": min_t, "max_t": max_t}.items() if v is not None}
    return Params.checked(**(base.model_dump() | given)) if given else base


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="One FocusReport a line, for every path, in the order given.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    help="Draw the features and the density of the cells: a PNG for one image, a folder for many.",
)
@click.option("--params", "preset", default="robust", show_default=True, help="robust, paper_text or paper_code.")
@click.option("--n", type=int, help="Number of scales, instead of the preset's.")
@click.option("--min-t", type=float, help="Smallest scale in pixels, instead of the preset's.")
@click.option("--max-t", type=float, help="Largest scale in pixels, instead of the preset's.")
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Images at a time.  [default: one a processor core]")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def score(
    paths: tuple[str, ...],
    as_json: bool,
    overlay: Path | None,
    preset: str,
    n: int | None,
    min_t: float | None,
    max_t: float | None,
    device: Device,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Measure how much in focus images are.

    PATH may be a pattern in quotes ('run/*.tif'). The exit code is 0 when every image was scored, 1 when one could not
    be (its line says why), 2 for wrong usage.
    """
    from mhfd_client import scoring

    unscored = scoring.run(
        paths,
        params=_params(preset, n, min_t, max_t),
        device=device,
        jobs=jobs,
        as_json=as_json,
        overlay=overlay,
        progress=not quiet and sys.stderr.isatty(),
    )
    if unscored:
        sys.exit(EXIT_UNSCORED)
