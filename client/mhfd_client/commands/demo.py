"""`mhfd demo`: the whole road in front of your eyes."""

import sys
from pathlib import Path

import click

from mhfd_client.commands.common import EXIT_PERSON


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything goes.  [default: demo-out for --focus-series, else a new temporary folder]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another one is another run.")
@click.option("--sections", type=click.IntRange(8), default=200, show_default=True, help="Length of the run.")
@click.option("--size", type=click.IntRange(256), default=512, show_default=True, help="Side of an image in pixels.")
@click.option("--focus-series", is_flag=True, help="Instead: one field further and further out of focus, as a page.")
@click.option("--page", "stay", is_flag=True, help="Leave the page running for a visitor, until Ctrl-C.")
def demo(into: Path | None, seed: int, sections: int, size: int, focus_series: bool, stay: bool) -> None:
    """Simulate a run with known failures, watch it, and grade what was found and what rang.

    The exit code is 1 when a planted failure was missed, a good image was called a failure, or an alert rang for
    nothing.
    """
    if focus_series:
        from mhfd_client.demo import focus_series as page

        page.run(into or Path("demo-out"), seed=seed)
        return
    from mhfd_client.demo import watch as road

    if not road.run(into, seed=seed, sections=sections, size=size, stay=stay):
        sys.exit(EXIT_PERSON)
