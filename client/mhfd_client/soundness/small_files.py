"""Small pictures, labels that wait, and what a write left behind that was cut off."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from mhfd_client.files import text_of
from mhfd_client.journal.folder import thumbnails
from mhfd_client.soundness.flaw import Kind, StateFlaw, moved_aside, removal
from mhfd_client.station.inbox import unreadable

_OLD_S: Final = 3600.0
"""No write takes longer: what is older was left behind."""


def picture_flaws(state_dir: Path) -> Iterator[StateFlaw]:
    """Pictures that cannot be shown."""
    for file in sorted(thumbnails(state_dir).glob("*/*.jpg")):
        try:
            with Image.open(file) as picture:
                picture.load()
        except FileNotFoundError:
            continue
        except Exception as e:  # whatever a decoder makes of rubbish
            do = "`--repair` removes it; the next score of its image makes another"
            yield StateFlaw(Kind.PICTURE, text_of(file), f"it cannot be shown ({type(e).__name__})", do, removal(file))


def label_flaws(state_dir: Path) -> Iterator[StateFlaw]:
    """What lies in the inbox and is no label."""
    for file in unreadable(state_dir):
        do = "say it again; `--repair` puts it aside"
        yield StateFlaw(Kind.LABEL, text_of(file), "it is no label that can be read", do, partial(moved_aside, file))


def leftover_flaws(state_dir: Path, *, running: bool) -> Iterator[StateFlaw]:
    """Files that were being written when a process died."""
    for file in sorted(state_dir.rglob("*.part")):
        try:
            old = time.time() - file.lstat().st_mtime > _OLD_S
        except OSError:
            continue
        if old or not running:
            yield StateFlaw(Kind.LEFTOVER, text_of(file), "left behind by a write that was cut off", "", removal(file))
