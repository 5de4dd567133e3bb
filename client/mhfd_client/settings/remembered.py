"""Which state folder a watched folder was given last: a small file of this user's for each, so that nobody repeats it.

It says where state lies and is none itself. Never in the watched folder. A file that cannot be read, and a folder that
is gone, are errors and not "none": a watch that took another folder instead would score everything again.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mhfd_client import files
from mhfd_client.errors import StateError

SCHEMA_VERSION: Final = 1
_ANOTHER: Final = "name the folder with --state, or delete this file and the default is used"


def recalled(note: Path) -> Path | None:
    """The state folder that a note names; None where there is no note."""
    try:
        held = json.loads(note.read_bytes())
        if held["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {held['schema_version']}, not {SCHEMA_VERSION}")
        folder = Path(os.fsdecode(bytes.fromhex(held["state_dir"])))
        if not folder.is_absolute():
            raise ValueError("state_dir is no whole path")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StateError(f"{note}: cannot be read: {error.strerror}; {_ANOTHER}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{note}: does not say where a state folder is ({error}); {_ANOTHER}") from None
    if not folder.is_dir():
        raise StateError(
            f"{files.shown(folder)} is gone, where {note} remembers the state of this folder: mount or move it back, "
            f"or {_ANOTHER}"
        )
    return folder


def remember(note: Path, root: str, state_dir: Path) -> None:
    """From now on it is this one. Several processes may do so at once."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "root": files.text_of(root),  # for people
        "state_dir": os.fsencode(os.path.realpath(state_dir)).hex(),  # a name may have any bytes
        "state": files.text_of(os.path.realpath(state_dir)),
    }
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = files.opened_lock(note.with_suffix(".lock"))
    except OSError as error:
        raise StateError(f"{note}: cannot be written: {error.strerror}; the next command needs --state again") from None
    with files.held(lock):
        files.write_whole(note, json.dumps(document, indent=1).encode() + b"\n")


def every(folder: Path) -> Iterator[Path]:
    """All state folders that are remembered and there."""
    for note in sorted(folder.glob("*.json")):
        try:
            found = recalled(note)
        except StateError:
            continue  # whoever asks for its own folder is told
        if found is not None:
            yield found
