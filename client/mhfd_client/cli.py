"""The command line. Thin: every command calls one function of the package that does the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import mhfd
from mhfd.errors import UsageError

if TYPE_CHECKING:
    from mhfd.api import Device
    from mhfd.contract import Params

__all__ = ["main"]

EXIT_UNSCORED = 1
EXIT_USAGE = 2


class Cli(click.Group):
    """Turns a wrong argument found deep inside into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UsageError as e:
            raise click.UsageError(str(e)) from e


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(mhfd.__version__, prog_name="mhfd")
def main() -> None:
    """Know, while the sample is still in the microscope, whether the image it just took is in focus."""


def _params(preset: str, n: int | None, min_t: float | None, max_t: float | None) -> Params:
    from mhfd.contract import Params

    base = Params.preset(preset)
    given = {k: v for k, v in {"n": n, "min_t": min_t, "max_t": max_t}.items() if v is not None}
    return Params.checked(**(base.model_dump() | given)) if given else base


@main.command()
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


@main.command()
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-out"), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def demo(into: Path, seed: int) -> None:
    """Simulate a focus series, score it, and make a page of pictures with the curve."""
    from mhfd_client import demo as page

    page.run(into, seed=seed)
