"""Files that work has made and its run has brought back: each is what the endpoint says it made, or is not believed.

A run brings them into a folder of its own, where each lies under the end of the path that it has over there. Touches
shares that may hang: none of it is for the station's loop.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mhfd.contract.work import Artefact


@dataclass(frozen=True, slots=True)
class Brought:
    """What came back. `here`: the same files, by their paths on this machine."""

    here: tuple[Artefact, ...] = ()
    wrong: str = ""
    """Why it is not believed; empty when all are what they should be."""
    missing: bool = False
    """One is not there, or not whole: it may come late."""


def brought(folder: Path, made: Iterable[Artefact]) -> Brought:
    """The files of one run, each read and hashed."""
    here, wrong, missing = [], [], False
    for one in made:
        found, why = _found(folder, one)
        if found is None:
            wrong.append(f"{PurePosixPath(one.path).name} {why}")
            missing = True
        elif why:
            wrong.append(f"{found} {why}")
        else:
            here.append(one.model_copy(update={"path": str(found)}))
    return Brought(tuple(here), "; ".join(wrong[:3]), missing)


def _found(folder: Path, made: Artefact) -> tuple[Path | None, str]:
    """Where a file is, and why it is not the one."""
    last: tuple[Path | None, str] = None, f"is not in {folder}"
    for path in _places(folder, made.path):
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            continue
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size != made.bytes:
                last = path, f"has {size} bytes, and had {made.bytes} on the endpoint"
                continue
            file.seek(0)
            if hashlib.file_digest(file, "sha256").hexdigest() == made.sha256:
                return path, ""
        last = path, "has another SHA-256 than on the endpoint"
    return last


def _places(folder: Path, path: str) -> Iterator[Path]:
    """Where it may lie: the name alone, its folder's too, and so on."""
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    for first in reversed(range(len(parts))):
        if ".." not in parts[first:]:
            yield folder.joinpath(*parts[first:])
