"""The options of `mhfd train` and `mhfd learn` that do it on an endpoint."""

from __future__ import annotations

from typing import Final

import click

from mhfd_client.commands.common import F, decorated_by

_OPTIONS: Final = (
    click.option("--endpoint", metavar="UUID", help="Do it on this endpoint of Globus Compute."),
    click.option(
        "--library",
        metavar="FOLDER",
        help="With --endpoint: its folder of the library, as it names it (of train: that --from is in).",
    ),
    click.option(
        "--key", metavar="KEY", help="With --endpoint: of the work.  [default: it follows from what is asked]"
    ),
    click.option(
        "--into",
        metavar="FOLDER",
        help="With --endpoint: its folder in which the work has its own.  [default: mhfd-works in the first that it "
        "may write]",
    ),
    click.option(
        "--map",
        "maps",
        multiple=True,
        metavar="HERE=THERE",
        help="With --endpoint: DATASET is this machine's, and the endpoint has folder HERE as THERE; may be repeated.",
    ),
    click.option(
        "--option",
        "choices",
        multiple=True,
        metavar="KEY=VALUE",
        help="With --endpoint: what it lets a user choose, as in nodes=2; may be repeated.  [default: purpose=train]",
    ),
)


def endpoint_options(function: F) -> F:
    """All of them, in this order in the help."""
    return decorated_by(function, _OPTIONS)
