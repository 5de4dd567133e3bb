"""Everything that can be typed after `mhfd`, from the commands themselves; and what is said to what cannot work."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import click
import pytest
from click.testing import CliRunner

from mhfd_client.cli import main


def every(group: click.Group = main, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, those of groups too."""
    for name, command in group.commands.items():
        yield (*names, name), command
        if isinstance(command, click.Group):
            yield from every(command, *names, name)


def typed_here(words: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code of a command, and all that it says, in this process: a start of Python is most of what one costs.

    There is no terminal. `env`: the whole environment; what is not among the ends of a command is raised.
    """
    with pytest.MonkeyPatch.context() as patch:
        if env is not None:
            for name in set(os.environ) - set(env):
                patch.delenv(name)
            for name, value in env.items():
                patch.setenv(name, value)
        done = CliRunner().invoke(main, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def refused(words: Sequence[str]) -> str:
    """What is said to what cannot work."""
    code, told = typed_here(words)
    assert code == 2, told
    return told
