"""The options of `mhfd train` that train on an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--endpoint", metavar="UUID", help="Train a network on this endpoint of Globus Compute."),
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
    decorated: Any = function
    for decorate in reversed(_OPTIONS):
        decorated = decorate(decorated)
    return cast("F", decorated)
