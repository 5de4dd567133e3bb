"""A folder of images -> rows: in subfolders `good` and `bad`, or all of them sharp. It reads no pixel but to see that
each file is an image.

`a.take.tif`, `a.mask.png` and `a.truth.tif` are no images of their own, they lie beside `a.tif`: another take of its
field, what its pixels show, and its field without noise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd.learning.dataset.labels_csv import LABELS, beside_of, sha256_of
from mhfd.learning.dataset.rows import BESIDE, BesideImage, DatasetRow, Origin, SourceGroup, Target

ENDINGS: Final = frozenset({".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg", ".mrc"})


def rows_in(
    folder: Path,
    *,
    sharp: bool = False,
    group: SourceGroup | None = None,
    but: Path | None = None,
    section_of: Callable[[str], int | None] = lambda _: None,
) -> Iterator[DatasetRow]:
    """A row for each image; the group is the folder's name and what lies between it and the image.

    Args:
        folder: Where they lie, at any depth.
        sharp: All are; else the nearest folder called good or bad says it.
        group: Of all of them, where somebody knows better than the folders' names.
        but: A folder that is left out.
        section_of: An image's section, from its path in the folder.
    """
    found = False
    for path in images_in(folder, but=but):
        inside = path.relative_to(folder)
        label = None if sharp else _label(inside)
        beside = tuple(_beside(path))
        if label is None and not sharp and not beside:
            continue
        found = True
        yield DatasetRow(
            sha256=sha256_of(path),
            path=str(path.absolute()),
            group=group or _group(folder, inside),
            section=section_of(inside.as_posix()),
            origin=Origin.FOLDER,
            target=Target(bad=False if sharp else label, radius_px=0.0 if sharp else None),
            beside=beside,
        )
    if not found:
        what = "no image" if sharp else "no image in a folder called good or bad"
        raise UsageError(
            f"{folder}: {what}; give --sharp where all are in focus, a table `path,label,group`, or the state folder "
            "of a watch"
        )


def images_in(folder: Path, *, but: Path | None = None) -> Iterator[Path]:
    """Every file with an image's ending, in order; hidden ones, those beside others and those of `but` are left out."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if but is not None and Path(top).resolve().is_relative_to(but.resolve()):
            folders.clear()
            continue
        for name in sorted(files):
            if _is_image(name) and _beside_what(name) is None:
                yield Path(top, name)


def _beside(image: Path) -> Iterator[BesideImage]:
    """What lies beside an image, of each kind one."""
    for what in BESIDE:
        found = [image.with_name(f"{image.stem}.{what}{ending}") for ending in sorted(ENDINGS)]
        if there := next((path for path in found if path.is_file()), None):
            yield beside_of(what, there.absolute())


def _beside_what(name: str) -> str | None:
    """What a file is by its name, where it lies beside an image."""
    kind = Path(Path(name).stem).suffix.removeprefix(".")
    return kind if kind in BESIDE else None


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in ENDINGS and not name.startswith(".") and _is_text(name)


def _label(inside: Path) -> bool | None:
    said = [LABELS[part.casefold()] for part in inside.parts[:-1] if part.casefold() in LABELS]
    return said[-1] if said else None


def _group(folder: Path, inside: Path) -> SourceGroup:
    between = [part for part in inside.parts[:-1] if part.casefold() not in LABELS]
    parts = [folder.resolve().name or "root", *between]
    return SourceGroup.of("/".join(parts))


def _is_text(name: str) -> bool:
    """A manifest is text: other names cannot be in it."""
    return name.encode("utf-8", "replace").decode() == name
