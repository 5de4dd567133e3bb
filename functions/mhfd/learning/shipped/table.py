"""Drawn images as numbers: each scored, its features taken, and compared with the sharp ones of its specimen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.api import score
from mhfd.learning import features
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.learners.baseline import against_baseline
from mhfd.learning.shipped.drawing import Drawn

CAUSES: Final = tuple(ImageCause)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnTable:
    """A row an image."""

    values: NDArray[np.float32]
    families: tuple[str, ...]
    mhfd: NDArray[np.float64]
    """The logarithm of the cross-spectrum; NaN where there is none."""
    groups: tuple[str, ...]
    section: NDArray[np.float64]
    pixel_nm: NDArray[np.float64]
    radius_px: NDArray[np.float64]
    cause: NDArray[np.intp]
    """The place of each among all causes."""

    @property
    def digest(self) -> str:
        """Of all that is learned from."""
        said = hashlib.sha256(repr((self.families, self.groups)).encode())
        for numbers in (self.values, self.section, self.pixel_nm, self.radius_px, self.cause.astype(np.int64)):
            said.update(np.ascontiguousarray(numbers).tobytes())
        return said.hexdigest()

    @property
    def sharp(self) -> NDArray[np.bool_]:
        """In focus, and nothing else wrong."""
        sharp: NDArray[np.bool_] = self.cause == CAUSES.index(ImageCause.IN_FOCUS)
        return sharp

    def over_baseline(
        self, *, groups: Sequence[str] | None = None, fields: Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        """Features less those of sharp images of the specimen that show another field.

        Args:
            groups: Of each row; nothing for the specimens.
            fields: What each row shows; nothing for its section.
        """
        return self._compared(self.values, groups, fields).astype(np.float32)

    def mhfd_over_baseline(
        self, *, groups: Sequence[str] | None = None, fields: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """The same of mhfd's own number."""
        return self._compared(self.mhfd, groups, fields)

    def _compared(
        self, values: NDArray[Any], groups: Sequence[str] | None, fields: Sequence[str] | None
    ) -> NDArray[np.float64]:
        shown = fields or [f"{group} {section:g}" for group, section in zip(self.groups, self.section, strict=True)]
        return against_baseline(values, groups or self.groups, self.sharp, self.section, family=shown)


def table_of(images: Iterable[Drawn], families: Sequence[str]) -> DrawnTable:
    """Measure images, on one thread of the processor: the same everywhere."""
    rows: list[tuple[Any, ...]] = []
    for drawn in images:
        report = score(drawn.pixels, device="cpu", threads=1)
        number = np.log(report.cross_spectrum) if report.cross_spectrum else np.nan
        rows.append(
            (
                features.features_of(drawn.pixels, report, families),
                number,
                drawn.specimen,
                float(drawn.section),
                drawn.pixel_nm,
                np.nan if drawn.radius_px is None else drawn.radius_px,
                CAUSES.index(drawn.cause),
            )
        )
    values, numbers, groups, section, pixel, radius, cause = zip(*rows, strict=True)
    return DrawnTable(
        values=np.array(values, np.float32),
        families=tuple(families),
        mhfd=np.array(numbers, np.float64),
        groups=groups,
        section=np.array(section),
        pixel_nm=np.array(pixel),
        radius_px=np.array(radius),
        cause=np.array(cause, np.intp),
    )
