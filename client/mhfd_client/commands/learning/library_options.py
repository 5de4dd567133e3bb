"""Options of `mhfd models` that several commands have: where the library is, and which microscope is meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mhfd_client.commands.common import CONFIG, SET, WatchedFolder, decorated_by

F = TypeVar("F", bound=Callable[..., Any])

TASK: Final = click.argument("task", type=click.Choice(("focus", "cause", "adjust", "denoise", "segment")))
WHY: Final = click.option("--why", default="", metavar="TEXT", help="A word for the history.")
INSTRUMENT: Final = click.option(
    "--instrument", metavar="NAME", help="The microscope; `none`: no one in particular.  [default: models.instrument]"
)


def library_options(function: F) -> F:
    """The options that lead to the library, and the library."""

    @functools.wraps(function)
    def command(config: Path | None, pairs: tuple[str, ...], **options: object) -> object:
        return function(_library(WatchedFolder("", None, config, pairs).loaded().settings), **options)

    return decorated_by(command, (CONFIG, SET))  # type: ignore[return-value]


def seat_options(function: F) -> F:
    """The same, and the microscope."""

    @functools.wraps(function)
    def command(config: Path | None, pairs: tuple[str, ...], instrument: str | None, **options: object) -> object:
        loaded = WatchedFolder("", None, config, pairs).loaded(models__instrument=instrument)
        return function(_library(loaded.settings), loaded.settings.models.instrument, **options)

    return decorated_by(command, (INSTRUMENT, CONFIG, SET))  # type: ignore[return-value]


def _library(settings: Any) -> Any:
    from mhfd.learning.packages import Library
    from mhfd_client.settings.places import models_home

    return Library(models_home(settings))
