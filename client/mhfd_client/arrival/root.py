"""Ways into the watched folder: is it one, is it still the same, does a file open. Reads only."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from mhfd_client import mounts
from mhfd_client.arrival.extent import Extent, extent
from mhfd_client.arrival.troubles import said
from mhfd_client.errors import FolderNotThere, WatchError

Opener = Callable[[str], int]
"""How a file is opened: `open_to_read`, and others in tests."""


def checked_root(root: str | os.PathLike[str]) -> str:
    """The folder's absolute path, if it is one that can be watched."""
    text = os.fspath(root)
    if text.startswith("\\\\") or text[1:3] == ":\\":
        raise WatchError(
            f"{text} is a path of Windows: mount the share read-only and name the mount point, "
            "as in: mount -t cifs //SEMPC/atlas /mnt/sem -o ro,vers=3.0"
        )
    path = os.path.abspath(text)  # noqa: PTH100 - links in it stay: they may come to lead elsewhere
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise FolderNotThere(f"{path}: {said(error)}; name a folder that is there (is the share mounted?)") from None
    if not stat.S_ISDIR(mode):
        raise WatchError(f"{path} is a file; name the folder that it comes to")
    return path


def identify(root: str) -> tuple[int, int]:
    """What stands there now: another file system mounted or unmounted there is something else."""
    found = Path(root).stat()
    return found.st_dev, found.st_ino


def is_shared(root: str) -> bool:
    """Whether other machines can write there, or in something that is mounted inside: no notice tells of that."""
    mount = mounts.of(root)
    return (mount is not None and mount.network) or any(inner.network for inner in mounts.below(root))


def open_to_read(path: str) -> int:
    """A file descriptor. Does not follow a link that has taken the file's place, nor wait for a pipe."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)


def read_extent(path: str, size: int, opener: Opener) -> Extent:
    """Whether a file reaches as far as its header says."""
    fd = opener(path)
    try:
        return extent(fd, size)
    finally:
        os.close(fd)
