"""What the station's instrument is called, as it said itself when somebody was connected: for moves that are typed.

A small file that saves a connection: who types a move must not wait for an instrument, and may not reach one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from mhfd_client.adjustment import places
from mhfd_client.errors import StateError
from mhfd_client.files import text_of, write_whole

_MOST: Final = 1000
_log = logging.getLogger("mhfd.adjust")


def note_instrument(state_dir: Path, name: str) -> None:
    """It is connected, and this is what it is called. Where that cannot be written, it is only said in the log."""
    if name != noted_instrument(state_dir):
        try:
            write_whole(_file(state_dir), name.encode("utf-8", "backslashreplace")[:_MOST])
        except StateError as error:
            _log.warning("the instrument's name is not kept: %s", error)


def noted_instrument(state_dir: Path) -> str | None:
    """What it was called when it was last connected; None: nobody knows."""
    try:
        with _file(state_dir).open("rb") as file:
            name = file.read(_MOST).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("%s cannot be read: %s", text_of(_file(state_dir)), error)
        return None
    return name or None


def _file(state_dir: Path) -> Path:
    return places.folder(state_dir) / "instrument-name"
