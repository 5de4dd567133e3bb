"""What is done to pixels before features or a network see them: even light, less noise, the same grey values.

Each step is fitted on images of the training side alone, and what it learned is a short text in a package's recipe, so
that an image is prepared later as those were. What a network sees has a step of its own, which is fitted on nothing. A
report is that of the image as it is: nothing here changes a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.preparation.denoise import Denoise
from mhfd.learning.preparation.flat_field import FlatField
from mhfd.learning.preparation.normalisation import NORMALISATION, Normalisation, normalisation_of, padded
from mhfd.learning.preparation.step import PreparationStep, finite
from mhfd.learning.preparation.stretch import Stretch

__all__ = [
    "NORMALISATION",
    "STEPS",
    "Denoise",
    "FlatField",
    "Normalisation",
    "PreparationStep",
    "Prepared",
    "Stretch",
    "fitted",
    "normalisation_of",
    "padded",
    "read",
]

STEPS: Final[Mapping[str, type[PreparationStep]]] = MappingProxyType(
    {"flat_field": FlatField, "denoise": Denoise, "stretch": Stretch}
)
"""By name, in the order in which they are done."""


@dataclass(frozen=True)
class Prepared:
    """Steps that were fitted."""

    steps: tuple[PreparationStep, ...] = ()

    @property
    def text(self) -> tuple[str, ...]:
        """What a recipe keeps: `name:number,number`, a step each."""
        return tuple(f"{step.name}:{','.join(f'{n:g}' for n in step.numbers)}" for step in self.steps)

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The same picture, prepared; itself where there is no step. Values that are not finite count as 0."""
        if not self.steps:
            return pixels
        plane = finite(pixels)
        for step in self.steps:
            plane = step.apply(plane)
        return plane


def fitted(names: Sequence[str], images: Iterable[NDArray[Any]]) -> Prepared:
    """These steps, each fitted on the images as the one before leaves them.

    Args:
        names: Some of `STEPS`, in any order: done are they in that of `STEPS`.
        images: Of the training side, and of no other.
    """
    if unknown := [name for name in names if name not in STEPS]:
        raise UsageError(f"preparation: no step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    planes = [finite(image) for image in images] if names else []
    if names and not planes:
        raise UsageError("preparation: no image to fit it on; give those of the training side")
    steps: list[PreparationStep] = []
    for name, kind in STEPS.items():
        if name in names:
            step = kind.fit(planes)
            planes = [step.apply(plane) for plane in planes]
            steps.append(step)
    return Prepared(tuple(steps))


def read(texts: Sequence[str]) -> Prepared:
    """What `Prepared.text` said. UsageError where it is none of ours."""
    steps = []
    for text in texts:
        name, _, said = text.partition(":")
        if name not in STEPS:
            raise UsageError(f"preparation: no step {name!r}; a newer mhfd may have made this package: upgrade")
        try:
            numbers = tuple(float(number) for number in said.split(","))
        except ValueError:
            raise UsageError(f"preparation: {text!r} is not a step with its numbers") from None
        steps.append(STEPS[name].of(numbers))
    return Prepared(tuple(steps))
