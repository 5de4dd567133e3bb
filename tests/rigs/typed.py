"""Everything that can be typed after `mhfd`, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mhfd_client.cli import main


def every(group: click.Group = main, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, those of groups too."""
    for name, command in group.commands.items():
        yield (*names, name), command
        if isinstance(command, click.Group):
            yield from every(command, *names, name)
