"""What lies in the watched folder, and which of it is ours.

Names only: a listing costs no look at the files themselves, so it can be had often. Links are never followed: one
image has one path, and nothing outside the watched folder is read. Names keep undecodable bytes as surrogate escapes.
"""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NO_IMAGE: Final = "no image"
_PICTURES: Final = ((".bmp",), (".png",), (".jpg", ".jpeg"))
"""Endings of what programs make of an image to be looked at, and what instruments write too."""


class Rules:
    """Which names are images, and which are left alone. Case does not matter: shares of Windows machines have none."""

    def __init__(self, patterns: Iterable[str], ignore: Iterable[str]) -> None:
        ignore = tuple(ignore)
        self._patterns = tuple(patterns)
        self._ours = _any_of(self._patterns)
        self._files = _any_of(p for p in ignore if not p.endswith("/"))
        self._folders = _any_of(p.rstrip("/") for p in ignore if p.endswith("/") or p.startswith("."))
        self._ignore = ignore

    def file(self, name: str) -> str | None:
        """Why a file of this name is left alone; None: it is an image."""
        low = name.lower()
        if self._files.match(low):
            return f"left alone: its name matches {self._which(low, folder=False)!r}"
        if not self._ours.match(low):
            return f"{NO_IMAGE}: its name matches none of {', '.join(self._patterns)}"
        return None

    def folder(self, name: str) -> str | None:
        """Why a folder of this name is left alone; None: it is looked into."""
        low = name.lower()
        if self._folders.match(low):
            return f"left alone: the folder's name matches {self._which(low, folder=True)!r}"
        return None

    def path(self, path: str) -> str | None:
        """The same for a path below the watched folder."""
        folder, _, name = path.rpartition("/")
        return (self.folders(folder) if folder else None) or self.file(name)

    def folders(self, path: str) -> str | None:
        """Why nothing in this folder, below the watched one, is looked at."""
        return next(filter(None, map(self.folder, path.split("/"))), None)

    def _which(self, low: str, *, folder: bool) -> str:
        return next(p for p in self._ignore if fnmatch.fnmatchcase(low, (p.rstrip("/") if folder else p).lower()))


@dataclass(slots=True)
class Listing:
    """One folder's listing. `error` says why it could not be listed, or not to its end."""

    path: str  # relative, "" for the watched folder itself
    images: list[str] = field(default_factory=list)  # names
    folders: list[str] = field(default_factory=list)  # names of those that are looked into
    others: list[str] = field(default_factory=list)  # names of files that no pattern makes images
    ignored: list[tuple[str, str]] = field(default_factory=list)  # name, why
    error: OSError | None = None


def walk(root: str, rules: Rules, *, start: str = "", keep_ignored: bool = False) -> Iterator[Listing]:
    """Every folder at and below `start`, in the order of their names."""
    waiting = [start]
    while waiting:
        folder = _list(root, waiting.pop(), rules, keep_ignored)
        yield folder
        waiting += [inside(folder.path, name) for name in reversed(folder.folders)]


def inside(folder: str, name: str) -> str:
    """The relative path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def is_preview(root: str, path: str, rules: Rules) -> bool:
    """Whether a file is somebody's preview of another, which only its whole folder tells."""
    if not _rank(path):
        return False
    folder, _, name = path.rpartition("/")
    return name not in _list(root, folder, rules, keep_ignored=False).images


def _list(root: str, path: str, rules: Rules, keep_ignored: bool) -> Listing:
    folder = Listing(path)
    ignored = folder.ignored if keep_ignored else None
    try:
        with os.scandir(f"{root}/{path}" if path else root) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_symlink():
                    why: str | None = _link(root, entry.path) if keep_ignored else "a link"
                elif entry.is_dir(follow_symlinks=False):
                    why = rules.folder(name)
                    if why is None:
                        folder.folders.append(name)
                        continue
                    name += "/"
                else:
                    why = rules.file(name)
                    if why is None and not entry.is_file(follow_symlinks=False):
                        why = "no file: a device, a pipe or a socket"
                    if why is None:
                        folder.images.append(name)
                        continue
                    if why.startswith(NO_IMAGE):
                        folder.others.append(name)
                if ignored is not None:
                    ignored.append((name, why or ""))
    except OSError as error:
        folder.error = error
    _drop_previews(folder, ignored)
    folder.images.sort()
    folder.folders.sort()
    folder.ignored.sort()
    return folder


def _drop_previews(folder: Listing, ignored: list[tuple[str, str]] | None) -> None:
    """`a.jpg` beside `a.tif` is somebody's preview of it: of one stem, the image is the file that holds most."""
    pictures = [name for name in folder.images if _rank(name)]
    if not pictures:
        return
    best: dict[str, str] = {}
    for name in sorted(folder.images, key=_rank):
        best.setdefault(_stem(name), name)
    for name in pictures:
        image = best[_stem(name)]
        if _rank(image) < _rank(name):
            folder.images.remove(name)
            if ignored is not None:
                ignored.append((name, f"left alone: a preview of {image} beside it"))


def _rank(name: str) -> int:
    """0: no other program's picture of an image; else the higher the less it holds of one."""
    return next((rank for rank, endings in enumerate(_PICTURES, 1) if name.lower().endswith(endings)), 0)


def _stem(name: str) -> str:
    """The name up to its first ending: `a.ome.tif` and `a.png` are of one image."""
    return re.split(r"(?:\.ome)?\.[^.]*$", name.lower(), maxsplit=1)[0]


def _link(root: str, path: str) -> str:
    target = Path(os.path.realpath(path))
    if target.is_relative_to(os.path.realpath(root)):
        return "left alone: a link; what it leads to is seen in its own place"
    return "left alone: a link that leads out of the watched folder"


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    parts = [fnmatch.translate(pattern.lower()) for pattern in patterns]
    return re.compile("|".join(parts) if parts else r"(?!)")
