"""Who may change, read or write a path, by its rights and those of the folders above it. Asks nothing else."""

import os
import stat
from pathlib import Path


def others_can_write(path: Path) -> Path | None:
    """The path, or the folder above it, that somebody beside its owner and root could change.

    Of a link, the folders that hold it count too: who may replace the link chooses what is read.
    """
    path = path.absolute()
    links = _links(path)
    for link in links:
        if link.lstat().st_uid not in (0, os.getuid()):
            return link
    ends = (path.resolve(), *(link.parent.resolve() for link in links))
    for one in dict.fromkeys(above for end in ends for above in (end, *end.parents)):
        found = one.stat()
        sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            return one
        if found.st_uid not in (0, os.getuid()):
            return one
    return None


def all_can_read(path: Path) -> bool:
    """Whether any account may read this file, or look into this folder."""
    path = path.resolve()
    return bool(path.stat().st_mode & stat.S_IROTH) and all_can_reach(path)


def all_can_add(folder: Path) -> bool:
    """Whether any account may put a file of its own into this folder, and none may replace another's."""
    mode = folder.stat().st_mode
    needed = stat.S_IWOTH | stat.S_IXOTH | stat.S_ISVTX
    return stat.S_ISDIR(mode) and mode & needed == needed and all_can_reach(folder)


def all_can_reach(path: Path) -> bool:
    """Whether any account may go through the folders above."""
    return all(above.stat().st_mode & stat.S_IXOTH for above in path.resolve().parents)


def _links(path: Path) -> list[Path]:
    """Every link on the way to a path, those within links too."""
    found: list[Path] = []
    waiting = [path]
    while waiting:
        whole = waiting.pop()
        for one in (*reversed(whole.parents), whole):
            if one not in found and one.is_symlink():
                found.append(one)
                waiting.append(one.parent / one.readlink())
    return found
