"""One side of the dataset that a request names: each of its images, opened once by the administrator's folders.

What is worked with is a copy of the manifest in the work's own folder, with each image by the name that was opened,
links followed. So a manifest that is exchanged meanwhile changes nothing. Images are read by name later, by whoever
trains or asks: each has to have the bytes that the manifest tells of, so one that was put there instead is not shown
to it. Images of the other side are opened by nobody, and their names are left out.
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.contract.request import Code, Problem
from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import MANIFEST, Dataset, DatasetRow, Side, with_paths
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots
from mhfd.site import Site

_MOST_BYTES: Final = 1 << 28
"""Of a manifest: some 500,000 rows."""
_MOST_TOLD: Final = 10
_LOOK_AGAIN: Final = "correct the dataset, and ask again"


@dataclass(frozen=True, slots=True)
class RootedDataset:
    """A dataset whose images of one side may all be read."""

    dataset: Dataset
    images: int
    bytes: int
    """Of these images together."""

    def refuse_another(self, digest: str, doing: str, folder: str) -> None:
        """A `Refusal` where work began with another one.

        Args:
            digest: Of the one that it began with.
            doing: What the work is, in a word.
            folder: Where it lies, as it was asked for.
        """
        if digest != self.dataset.digest:
            why = f"the dataset is another one than when this {doing} began"
            remedy = "put back what it was, or ask with the new one under another key"
            raise Refusal(problem(Code.CHANGED, why, remedy, field="dataset", path=folder))


def rooted(folder: str, site: Site, side: Side = Side.TRAIN) -> RootedDataset:
    """The dataset in that folder, for who may see this side of it; a `Refusal` that names what may not be read."""
    roots, named = Roots.of(site, "read"), f"{folder.rstrip('/')}/{MANIFEST}"
    with roots.file(named) as opened:
        if not stat.S_ISREG(opened.status.st_mode) or opened.status.st_size > _MOST_BYTES:
            raise _wrong(f"{MANIFEST} is no file of at most {_MOST_BYTES >> 20} MiB", path=folder)
        held = f"/proc/self/fd/{opened.fd}"
        try:
            found = Dataset.read(Path(opened.real).parent, images=False, manifest=Path(held))
        except UsageError as error:
            raise _wrong(str(error).replace(held, named)) from None
    return _opened(found, roots, site, side)


def _opened(dataset: Dataset, roots: Roots, site: Site, side: Side) -> RootedDataset:
    rows: list[DatasetRow] = []
    wrong: list[Problem] = []
    sizes: dict[str, int] = {}
    for row in dataset.rows:
        if dataset.side(row) is not side:
            rows.append(with_paths(row, lambda path: f"/not-opened/{path.rpartition('/')[2]}"))
            continue
        try:
            files = {path: _image(path, roots, site) for _, path in row.files}
        except Refusal as refused:
            wrong += refused.problems
            if len(wrong) >= _MOST_TOLD:
                break
            continue
        sizes |= dict(files.values())
        rows.append(with_paths(row, lambda path, files=files: files[path][0]))  # type: ignore[misc]
    if wrong:
        raise Refusal(*wrong)
    return RootedDataset(Dataset(tuple(rows), dataset.split), len(sizes), sum(sizes.values()))


def _image(path: str, roots: Roots, site: Site) -> tuple[str, int]:
    """Where it is, without links, and how large."""
    with roots.file(path) as opened:
        if not stat.S_ISREG(opened.status.st_mode):
            raise _wrong("an image of the dataset is no file", path=path)
        if (size := opened.status.st_size) > site.max_bytes:
            raise _wrong(f"{size} bytes are more than an image may have here ({site.max_bytes})", path=path)
        return opened.real, size


def _wrong(why: str, *, path: str | None = None) -> Refusal:
    return Refusal(problem(Code.BAD_REQUEST, why, _LOOK_AGAIN, field="dataset", path=path))
