"""`mhfd inspect`: what was read of files, and where."""

from __future__ import annotations

import sys

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, echo, echo_json


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@JSON
def inspect(files: tuple[str, ...], as_json: bool) -> None:
    """Tell what was read of image files, each value with its tag; what is unknown, and what that means.

    FILE may be a pattern in quotes. Nothing is scored. Send us what it prints when your microscope isn't read as it
    should be. The exit code is 1 when a file cannot be scored; its line `finding` says why.
    """
    from mhfd.contract.focus_report import Finding
    from mhfd_client.scoring.inspection import Inspection
    from mhfd_client.scoring.lines import expand

    told, unfit = [], False
    for path in expand(files):
        one = Inspection.of(path)
        unfit |= one.finding is not Finding.OK
        if as_json:
            told.append(one.as_json())
        else:
            for line in one.lines():
                echo(line)
    if as_json:
        echo_json({"files": told})
    if unfit:
        sys.exit(EXIT_PERSON)
