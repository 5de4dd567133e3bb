"""Which packages of a library suit a microscope: asked of an endpoint with its first images, and what is answered.

Nothing is decided by it but which package is worth training: who judges at the microscope is `benchmarking`'s.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.contract.estimate import DIGEST
from mhfd.contract.request import Name
from mhfd.contract.work import WorkRequest

LibraryTask = Literal["focus", "denoise", "segment"]
"""What packages of a library are assessed for, and earn a place in."""

_INSTRUMENT: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$"

InstrumentName = Annotated[str, Field(pattern=_INSTRUMENT)]
"""What a microscope is called, as the groups of its images have it."""

PackageName = Annotated[str, Field(pattern=DIGEST)]
"""A package: the sha256 of its sorted manifest."""

MOST_TRAINED: Final = 2
"""Packages that are trained after one assessment."""


def no_instrument(name: str) -> str | None:
    """Why a microscope cannot be called so, in words; None: it can.

    A library keeps a folder for each, beside files that end with `.json`; `none` is what a setting says of nobody.
    """
    if re.fullmatch(_INSTRUMENT, name) and name != "none" and not name.endswith((".json", ".", " ")):
        return None
    return (
        f"{name!r} is no name of a microscope: write at most 64 letters, digits, blanks, dots, dashes and underscores, "
        "a letter or digit first, not `none`, and no dot, blank or `.json` at the end"
    )


class AssessRequest(WorkRequest):
    """Assess every package of a library with the training images of a dataset; its test groups stay closed."""

    dataset: Name = Field(description="folder of the first images, as the endpoint names it")
    library: Name = Field(description="folder of the library, as the endpoint names it")
    instrument: InstrumentName = Field(description="the microscope that the images are of")
    task: LibraryTask = "focus"
    learner: str | None = Field(None, max_length=40, description="only such a network is trained; null: any")
    champion: PackageName | None = Field(None, description="who judges there now; null: mhfd, or what is classical")
    train_at_most: int = Field(1, ge=0, le=MOST_TRAINED, description="packages that are to be trained")
    seed: int = Field(0, ge=0, lt=1 << 63, description="of what is drawn for intervals")


class AssessedPackage(Wire):
    """One package of the library: how well it does on these images, and what is to become of it."""

    package: PackageName | None = Field(description="null: a folder of another name, which is no package")
    title: str = Field(description="of one that is damaged its folder's name")
    instruments: tuple[str, ...] = Field(description="the microscopes that it was taught with")
    rank: int | None = Field(None, ge=1, description="1 is the best; null: it could not be assessed")
    score: float | None = Field(None, description="higher is better, in what `Assessment.measure` says")
    low: float | None = Field(None, description="of its 95% interval, over groups")
    high: float | None = None
    images: int = Field(0, ge=0, description="of which it said something")
    train: bool = Field(False, description="it is to be trained with these images")
    reason: str = Field(description="why it stands there, is trained or is not, in words")


class Assessment(Wire):
    """What a library is worth on one microscope's first images: the result of `mhfd_assess`."""

    schema_version: Literal[1] = 1
    task: LibraryTask
    instrument: InstrumentName
    dataset: str = Field(description="digest of the dataset")
    images: int = Field(ge=0, description="of the microscope, with what is needed to tell good from bad")
    groups: int = Field(ge=0, description="specimens that these are of")
    measure: str = Field(description="what the scores are, in words")
    bar: str = Field(description="who is to be reached: the champion, mhfd, or what is classical")
    bar_score: float | None = None
    packages: tuple[AssessedPackage, ...] = Field(description="every one of the library, the best first")
    train: tuple[PackageName, ...] = Field((), max_length=MOST_TRAINED, description="the best, the best two, or none")
    best: PackageName | None = Field(None, description="the first of the ranked; null: none could be assessed")
    words: str = Field(description="what is to be trained, and why, in a sentence")
