"""The station's own folder: that it lies on a local disk, that one station has it, that files in it are whole.

Knows nothing of images or of SQL. The folder that is watched is never written; everything is written here.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import IO, Final

from mhfd_client import mounts
from mhfd_client.errors import StateDamaged, StateLocked, StateOnNetwork
from mhfd_client.files import _lock, named, text_of

_OWN_ROOT: Final = {"9p", "virtiofs"}  # as `/` they are a virtual machine's own disk


def prepare(folder: Path, *, table: Path = mounts.MOUNTINFO) -> Path:
    """Make the folder, for its owner only; refuse it where locks cannot be trusted."""
    folder = folder.absolute()
    network = on_network(folder, table=table)
    if network is not None:
        raise StateOnNetwork(
            f"state folder {text_of(folder)} lies on a network file system ({network}): SQLite's locks do "
            "not hold there and the journal can be damaged; give a folder on a local disk with --state"
        )
    with named(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def on_network(folder: Path, *, table: Path = mounts.MOUNTINFO) -> str | None:
    """The network file system that a folder lies on, in words; None: a local disk."""
    mount = mounts.of(folder, table=table)
    local = mount is None or not mount.network or (mount.point == "/" and mount.fstype in _OWN_ROOT)
    return None if local else text_of(str(mount))


def records(state_dir: Path) -> Path:
    """Where the sidecars are."""
    return state_dir / "records"


def refuse_emptied(journal: Path) -> None:
    """A journal without a byte, beside sidecars that it once told of: it was lost, and must not start over unsaid."""
    wal = journal.with_name(f"{journal.name}-wal")  # a journal that was being made when its station died has one
    lost = journal.is_file() and not journal.stat().st_size and not (wal.is_file() and wal.stat().st_size)
    if lost and records(journal.parent).is_dir():
        raise StateDamaged(
            f"{text_of(journal)} is empty, though {text_of(records(journal.parent))} tells of images that it knew (did "
            "the power fail?): put back a copy of it; or delete it, and `mhfd watch` scores every image again"
        )


def thumbnails(state_dir: Path) -> Path:
    """Where the small pictures are."""
    return state_dir / "thumbs"


def picture_of(folder: Path, image: int) -> Path:
    """The small picture of an image of the journal; a thousand lie in one folder."""
    return folder / f"{image // 1000:04d}" / f"{image}.jpg"


class Lock:
    """One station a folder. The system lets go of it when the process dies, however it dies."""

    def __init__(self, folder: Path, *, root: str) -> None:
        self._path = folder / "lock"
        with named(folder):
            self._file: IO[bytes] = self._path.open("a+b")
            try:
                _lock(self._file)
            except OSError:
                holder = self._holder()
                self._file.close()
                raise StateLocked(
                    f"state folder {text_of(folder)} is in use by {holder}; stop that station first, or give this one "
                    "its own folder with --state"
                ) from None
            who = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "root": text_of(root)}
            about = {"schema_version": 1, **who}
            try:
                self._file.truncate(0)
                self._file.write(json.dumps(about).encode())
                self._file.flush()
            except OSError:
                self._file.close()
                raise

    def close(self) -> None:
        """Let the next station have the folder."""
        self._file.close()

    def _holder(self) -> str:
        try:
            about = json.loads(self._path.read_bytes())
            return f"process {about['pid']} on {about['host']}, watching {about['root']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process (it has not said which)"
