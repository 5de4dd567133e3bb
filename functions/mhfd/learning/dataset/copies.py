"""Images that are made for a dataset: copies of one that was taken, turned, cut out or blurred, and simulated ones.

A copy names its parent and has its group, so that it is on the parent's side of every split. Who calls says which rows
get which copies; files go into the dataset's folder `images`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import ImageInfo
from mhfd.errors import UsageError
from mhfd.learning.dataset.labels_csv import beside_of, sha256_of
from mhfd.learning.dataset.rows import IMAGES, DatasetRow, ImageCause, Origin, Target
from mhfd.learning.dataset.simulated import SimulatedImage

CUT: Final = 0.75
"""Of a side: a part that is cut out has three quarters of each."""
_LEAST_CUT: Final = 128  # pixels a side of a part
_ANOTHER: Final = "{}: it is not the file that was labelled: its bytes changed; label it anew"
_LEAST_BLURRED: Final = 64  # pixels a side
LINED: Final = (ImageCause.BANDING, ImageCause.JITTER, ImageCause.CHARGING)
"""What follows the scan lines: turned by a quarter it is what no microscope does."""


class NotAnImage(UsageError):
    """A row's file cannot be read, or is another than when it was labelled."""


class MadeImages:
    """The folder that images are made in; each is read once, however many rows name it."""

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        """Of a dataset's folder."""
        self._folder = folder / IMAGES
        self._seed = seed
        self._pixel_nm: dict[str, float | None] = {}

    def augmented(self, row: DatasetRow) -> Iterator[DatasetRow]:
        """Mirrored, turned by a quarter, and a part: three copies, or fewer where one would be wrong."""
        pixels = self._pixels(row)
        rng = np.random.default_rng([self._seed, int(row.sha256[:8], 16), 42])
        axis = int(rng.integers(2))
        yield self._copy(row, "mirrored", np.flip(pixels, axis))
        if row.target.cause not in LINED:
            yield self._copy(row, "turned", np.rot90(pixels, 1 + 2 * int(rng.integers(2))))
        height, width = (int(CUT * side) for side in pixels.shape)
        if min(height, width) >= _LEAST_CUT:
            top, left = (
                int(rng.integers(1 + side - part)) for side, part in zip(pixels.shape, (height, width), strict=True)
            )
            yield self._copy(row, "part", pixels[top : top + height, left : left + width])

    def blurred(self, row: DatasetRow, radii: tuple[float, float]) -> Iterator[DatasetRow]:
        """Out of focus, by a radius that is drawn so that each factor of two is as likely."""
        from mhfd.learning.dataset.blurring import blurred

        rng = np.random.default_rng([self._seed, int(row.sha256[:8], 16), 43])
        radius = round(float(np.exp(rng.uniform(*np.log(radii)))), 2)
        sharp = self._pixels(row)
        if min(sharp.shape) < _LEAST_BLURRED:
            raise NotAnImage(
                f"{row.path}: {sharp.shape} pixels are too few to blur; {_LEAST_BLURRED} a side are needed"
            )
        pixels = blurred(sharp, radius, seed=int(rng.integers(1 << 30)))
        target = Target(bad=True, radius_px=radius, cause=ImageCause.DEFOCUS)
        yield self._copy(row, "blurred", pixels, target=target, origin=Origin.SIMULATED, said_by=None)

    def simulated(self, image: SimulatedImage) -> Iterator[DatasetRow]:
        """A simulated section as a file and a row."""
        name = f"{image.group.specimen.replace(' ', '-')}-{image.section:04}.tif"
        path = self._write(name, image.pixels)
        yield DatasetRow(
            sha256=sha256_of(path),
            path=str(path),
            group=image.group,
            section=image.section,
            origin=Origin.SIMULATED,
            target=image.target,
            pixel_nm=image.pixel_nm,
            covariates=image.covariates,
            beside=tuple(
                beside_of(what, self._write(f"{Path(name).stem}.{what}.tif", pixels))
                for what, pixels in image.beside.items()
            ),
        )

    def _copy(self, row: DatasetRow, how: str, pixels: NDArray[Any], **changed: object) -> DatasetRow:
        path = self._write(f"{row.sha256[:16]}-{how}.tif", pixels)
        known = {"sha256": sha256_of(path), "path": str(path), "parent": row.sha256, "beside": ()}
        pixel_nm = row.pixel_nm or self._pixel_nm[row.sha256]
        return row.model_copy(update={**known, "pixel_nm": pixel_nm, **changed})

    def _pixels(self, row: DatasetRow) -> NDArray[Any]:
        pixels, self._pixel_nm[row.sha256] = pixels_of(row)
        return pixels

    def _write(self, name: str, pixels: NDArray[Any]) -> Path:
        import tifffile

        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, np.ascontiguousarray(pixels), photometric="minisblack", metadata=None)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
        return path


def pixels_of(row: DatasetRow) -> tuple[NDArray[Any], float | None]:
    """What of a row's file is image, and its pixel size; NotAnImage where it is not the file that was labelled."""
    pixels, info = image_of(row)
    return pixels, info.pixel_nm


def image_of(row: DatasetRow) -> tuple[NDArray[Any], ImageInfo]:
    """The same, with all that is known of the file."""
    from mhfd import images

    image = images.load(row.path)
    pixels = image.pixels
    if pixels is None:
        raise NotAnImage(f"{row.path}: {image.detail or image.finding}; take it out, or put the image back")
    if image.info.sha256 != row.sha256:
        raise NotAnImage(_ANOTHER.format(row.path))
    return np.asarray(pixels), image.info


def middle_of(row: DatasetRow, height: int) -> tuple[NDArray[Any], tuple[int, int]]:
    """So many rows of the middle of an image, or all where it has fewer, and its shape; however large it is.

    NotAnImage as `pixels_of`.
    """
    from mhfd import images

    try:
        with images.opened(row.path) as image:
            if image.rows is None:
                raise NotAnImage(f"{row.path}: {image.detail or image.finding}; take it out, or put the image back")
            if image.info.sha256 != row.sha256:
                raise NotAnImage(_ANOTHER.format(row.path))
            shape = image.rows.shape
            top = max(0, (shape[0] - height) // 2)
            return np.array(image.rows.read(top, min(shape[0], top + height))), (shape[0], shape[1])
    except images.Flaw as flaw:
        raise NotAnImage(f"{row.path}: {flaw.detail}; take it out, or put the image back") from flaw
