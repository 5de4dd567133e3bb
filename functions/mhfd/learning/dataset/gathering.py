"""A dataset with its images in its own folder, so that it can travel: each file copied once, byte by byte as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import Dataset, with_paths
from mhfd.whole import whole

IMAGES: Final = "images"
_BLOCK: Final = 1 << 22


def gathered(dataset: Dataset, out: Path, *, tell: Callable[[int, int], object] = lambda done, of: None) -> Dataset:
    """The same dataset, of the same digest, with every file below `out`; its manifest is not written.

    Args:
        dataset: The dataset.
        out: The folder that is to travel; a file that lies in it stays.
        tell: Called with how many files are there, of how many.

    Raises:
        UsageError: A file cannot be read or written, or is not the one of the dataset.
    """
    files = {path: sha256 for row in dataset.rows for sha256, path in row.files}
    root, placed = out.resolve(), dict[str, str]()
    for done, (path, sha256) in enumerate(files.items(), 1):
        inside = Path(path).resolve().is_relative_to(root)
        placed[path] = path if inside else str(_copied(Path(path), sha256, out / IMAGES))
        tell(done, len(files))
    return Dataset(tuple(with_paths(row, placed.__getitem__) for row in dataset.rows), dataset.split)


def _copied(path: Path, sha256: str, folder: Path) -> Path:
    """Named by its content: two files of one name do not meet, and one that is there is not copied again."""
    to = folder / f"{sha256[:20]}{path.suffix.lower()}"
    digest = hashlib.sha256()
    try:
        if to.is_file():
            return to
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, whole(to) as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                target.write(block)
            if digest.hexdigest() != sha256:
                raise UsageError(f"{path}: is not the file that was labelled: its sha256 is another; label it anew")
    except OSError as error:
        raise UsageError(f"{path}: cannot be copied into {folder}: {error.strerror or error}") from None
    return to
