"""`mhfd adjust script`: the file that an operator runs at the microscope, given out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mhfd_client.commands.common import echo

_SCRIPTS: Final = {
    "micromanager": "micromanager_bridge.py",
    "sbemimage": "lens_by_files.py",
    "serialem": "lens_by_files.py",
}


@click.command()
@click.argument("kind", type=click.Choice(list(_SCRIPTS)))
@click.option("--into", type=click.Path(path_type=Path, dir_okay=False), help="Write it there: a new file.")
def script(kind: str, into: Path | None) -> None:
    """Give out the script that the operator runs in the microscope's own program.

    It needs no mhfd there. Without --into it is printed.
    """
    from importlib import resources

    from mhfd_client.files import shown, write_whole

    text = (resources.files("mhfd_client.instruments.scripts") / _SCRIPTS[kind]).read_text(encoding="utf-8")
    if into is None:
        click.echo(text, nl=False)  # a file of ours, as it is
        return
    if into.exists():
        raise click.UsageError(f"--into: {shown(into)} is there already; name a new file")
    write_whole(into, text.encode())
    echo(f"{shown(into)}: copy it to the microscope's computer; its first lines say how it is run")
