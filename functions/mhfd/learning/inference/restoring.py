"""What a package makes of an image: a picture with less noise, or what each pixel shows. For the eye alone.

Asked part by part, so that memory has an end however large an image is. What is written says in its description which
package made it: `mhfd.images` knows the line, and nothing measures such a picture. It judges no image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.images.made import BEGINS
from mhfd.learning.inference.meaning import PIXEL_FACTOR, why_not_reach
from mhfd.learning.inference.runtime import NetworkRuntime
from mhfd.learning.preparation.normalisation import normalisation_of, padded
from mhfd.learning.preparation.outline import OUTLINE, outline_of
from mhfd.whole import whole

if TYPE_CHECKING:
    from mhfd.learning.packages import Package

RESTORES: Final = ("denoise", "segment")
_STEP: Final = 512
"""Pixels from one part that is asked about to the next."""
_AROUND: Final = 128
"""Pixels beside a part that are shown with it: as far as the networks that there are look, 124."""
_LEAST: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class RestoredImage:
    """What a package made of an image."""

    pixels: NDArray[Any]
    """With less noise, in the kind of numbers that the image has; or for each pixel the number of what it shows."""
    shows: tuple[str, ...]
    """By that number; none: it is a picture."""
    words: str
    """What was done, and by which package."""

    @property
    def shares(self) -> dict[str, float]:
        """What part of the image shows what."""
        return {name: float((self.pixels == number).mean()) for number, name in enumerate(self.shows)}

    def write(self, out: Path) -> None:
        """As a TIFF that says what it is. UsageError where it cannot be written, or something is there."""
        if out.suffix.lower() not in (".tif", ".tiff"):
            raise UsageError(f"{out}: it is written as a TIFF; give it a name that ends with .tif")
        import tifffile

        try:
            if out.exists():
                raise UsageError(f"{out}: is there already, and nothing is replaced; name another file")
            with whole(out) as file:
                tifffile.imwrite(
                    file, self.pixels, photometric="minisblack", metadata=None, description=f"{BEGINS}{self.words}"
                )
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error


class Restorer:
    """One package that makes pictures.

    Args:
        package: It was verified: its files are what its name says.
    """

    def __init__(self, package: Package) -> None:
        self.card = package.card
        network = self.card.recipe.network
        if network is None or self.card.task not in RESTORES or network.gives != ("map",):
            raise UsageError(
                f"{self.card.title}: is for {self.card.task} and makes no picture; `mhfd score --model` asks it"
            )
        if network.channels != 1:
            raise UsageError(f"{self.card.title}: takes images of {network.channels} channels, and these have one")
        if unknown := [name for name in network.outline if name not in OUTLINE]:
            raise UsageError(
                f"{self.card.title}: its reach is of {unknown[0]!r}, which this mhfd does not have: train it again"
            )
        self._outline = [OUTLINE.index(name) for name in network.outline]
        self._name, self._grid, self._multiple = package.name, network.grid, network.multiple
        self._normalisation = normalisation_of(network.normalisation)
        self._runtime = NetworkRuntime(package.weights(), channels=1, multiple=network.multiple, gives=network.gives)

    def of(self, pixels: NDArray[Any], *, pixel_nm: float | None = None) -> RestoredImage:
        """What it makes of an image. UsageError: it is unlike what the package was taught with, or no image.

        Args:
            pixels: Grey values (height, width).
            pixel_nm: Side of a pixel; nothing: unknown.
        """
        if pixels.ndim != 2 or min(pixels.shape) < _LEAST or pixels.dtype.kind not in "uif":
            raise UsageError(
                f"image: expected grey values, {_LEAST} a side at least, got {pixels.dtype} {pixels.shape}"
            )
        seen = self.card.pixel_nm
        if seen and pixel_nm and not seen[0] / PIXEL_FACTOR <= pixel_nm <= seen[1] * PIXEL_FACTOR:
            low, high = seen
            raise UsageError(
                f"{self.card.title}: was taught with pixels of {low:.3g} to {high:.3g} nm, and here they are "
                f"{pixel_nm:.3g} nm; train one with images of that kind"
            )
        by = f"by package {self._name[:12]} ({self.card.title})"
        if self.card.task == "denoise":
            return RestoredImage(self._denoised(pixels), (), f"noise taken away {by}, for the eye")
        says = self.card.recipe.says
        numbers = ", ".join(f"{number} {name}" for number, name in enumerate(says))
        return RestoredImage(self._shown(pixels), says, f"what each pixel shows ({numbers}) {by}")

    def _denoised(self, pixels: NDArray[Any]) -> NDArray[Any]:
        limits = self._normalisation.limits_of(pixels)
        if limits[1] <= limits[0]:
            return pixels.copy()
        made = self._asked(self._normalisation.between(pixels, limits))[0]
        grey = self._normalisation.back(made[: pixels.shape[0], : pixels.shape[1]], limits)
        if pixels.dtype.kind == "f":
            return np.asarray(grey, np.float32)
        known = np.iinfo(pixels.dtype)
        return np.clip(np.rint(grey), known.min, known.max).astype(pixels.dtype)

    def _shown(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        scores = self._asked(self._normalisation.of(pixels)[0])
        number = scores.argmax(axis=0).astype(np.uint8)
        full = number.repeat(self._grid, 0).repeat(self._grid, 1)
        return np.ascontiguousarray(full[: pixels.shape[0], : pixels.shape[1]])

    def _asked(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """The map of all of an image, part by part: (what it says, rows, columns)."""
        whole = padded(plane, max(self._multiple, _LEAST))
        if (why := why_not_reach(self.card, outline_of(whole[None])[self._outline])) is not None:
            raise UsageError(f"{self.card.title}: {why}; train one with images of that kind")
        grid = self._grid
        made: NDArray[np.float32] | None = None
        for down, kept_down in _windows(whole.shape[0]):
            for right, kept_right in _windows(whole.shape[1]):
                answer = self._runtime.answered(whole[None, None, down, right])["map"][0]
                wanted = ((down.stop - down.start) // grid, (right.stop - right.start) // grid)
                if answer.shape[1:] != wanted or not np.isfinite(answer).all():
                    raise UsageError(f"{self.card.title}: its model answers with what is no map of the image")
                if made is None:
                    made = np.empty((len(answer), *(side // grid for side in whole.shape)), np.float32)
                inside = tuple(
                    slice((kept.start - window.start) // grid, (kept.stop - window.start) // grid)
                    for kept, window in ((kept_down, down), (kept_right, right))
                )
                place = tuple(slice(kept.start // grid, kept.stop // grid) for kept in (kept_down, kept_right))
                made[:, place[0], place[1]] = answer[:, inside[0], inside[1]]
        assert made is not None  # noqa: S101  an image has a part
        return made


def _windows(side: int) -> Iterator[tuple[slice, slice]]:
    """What is shown along a side, and what of it is kept: together they are the side, each pixel once."""
    begin = 0
    while begin < side:
        end = begin + _STEP if side - begin - _STEP > _AROUND else side
        yield slice(max(0, begin - _AROUND), min(side, end + _AROUND)), slice(begin, end)
        begin = end
