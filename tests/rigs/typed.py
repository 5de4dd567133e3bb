"""Everything that can be typed after `mhfd`, from the commands themselves; and what is said to what cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from click.testing import CliRunner

from mhfd_client.cli import main


def every(group: click.Group = main, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, those of groups too."""
    for name, command in group.commands.items():
        yield (*names, name), command
        if isinstance(command, click.Group):
            yield from every(command, *names, name)


def refused(words: Sequence[str]) -> str:
    """What a command says that cannot work, in this process: a start of Python for each is most of what it costs."""
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 2, done.output
    return done.stderr
