"""`mhfd check`: is what a station keeps still what it wrote?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, WatchedFolder, folder_options, say

if TYPE_CHECKING:
    from mhfd_client.soundness.examine import Soundness


@click.command()
@folder_options
@click.option("--repair", "mend", is_flag=True, help="Make anew what can be; not while a station runs.")
@JSON
def check(folder: WatchedFolder, mend: bool, as_json: bool) -> None:
    """Whether all that a station keeps is what it wrote, byte by byte.

    Looks at the journal, the sidecars, the small pictures, the inbox and the alerts. The exit code is 1 when something
    is unsound, after the repair if there was one. Nothing is changed without --repair.
    """
    from mhfd_client.soundness.examine import examine, repair

    state_dir, loaded = folder.state_dir(), folder.loaded()
    found = (repair if mend else examine)(folder.root, state_dir, loaded)
    say(found.as_json(), _lines(found, folder.root), as_json=as_json)
    if found.flaws:
        sys.exit(EXIT_PERSON)


def _lines(found: Soundness, root: str) -> Iterator[str]:
    yield from (f"mended: {flaw}" for flaw in found.mended)
    for flaw in found.flaws:
        yield f"unsound: {flaw}" + (f"; {flaw.do}" if flaw.do else "")
    of = f"{found.state_dir}: {found.images:,} images"
    if not found.flaws:
        yield f"{of}; all of it is sound"
    else:
        yield f"{of}; {len(found.flaws):,} flaws"
        if not found.mended and any(flaw.mend for flaw in found.flaws):
            stop = "stop its watch, then " if found.running else ""
            yield f"{stop}`mhfd check {root} --repair` makes anew what can be"
