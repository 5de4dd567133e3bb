"""Has a package earned its place at a microscope: asked of an endpoint before anything is brought from there.

What is decided is in the sealed report, which is an artefact of the work; here are the words and numbers that travel.
"""

from typing import Final, Literal

from pydantic import Field

from mhfd.contract.assessing import InstrumentName, LibraryTask, PackageName
from mhfd.contract.base import Wire
from mhfd.contract.request import Name
from mhfd.contract.work import WorkRequest

MOST_CHALLENGERS: Final = 4
MOST_SAID: Final = 32
"""Images of which an answer says what each entry said; of more the report does."""


class BenchmarkRequest(WorkRequest):
    """Compare packages with who judges now, on the test groups of a dataset that nothing was taught with.

    The library keeps how many tests a microscope has had: it lies below one of the endpoint's write roots too.
    """

    dataset: Name = Field(description="folder of the images, as the endpoint names it")
    library: Name = Field(description="folder of the library, as the endpoint names it")
    instrument: InstrumentName = Field(description="the microscope that it is for")
    task: LibraryTask = "focus"
    trained: tuple[Name, ...] = Field((), max_length=MOST_CHALLENGERS, description="folders of packages just trained")
    against: tuple[PackageName, ...] = Field((), max_length=MOST_CHALLENGERS, description="packages of the library")
    champion: PackageName | None = Field(None, description="who judges there now; null: mhfd, or what is classical")
    prevalence: float = Field(0.03, gt=0, lt=1, description="the part of bad images in the run that it is for")
    miss_cost: float = Field(20.0, gt=0, le=1e6, description="so many false alarms a bad image costs that nobody saw")
    seed: int = Field(0, ge=0, lt=1 << 63)


class BenchmarkEntry(Wire):
    """One who was compared."""

    name: str = Field(description="as the report calls it")
    package: PackageName | None = Field(None, description="null: mhfd, or what is classical")
    score: float | None = Field(None, description="higher is better, in what `Benchmarked.measure` says")
    low: float | None = Field(None, description="of its 95% interval")
    high: float | None = None
    barred: tuple[str, ...] = Field((), description="why it cannot be promoted, whatever it scores")


class ImageSaid(Wire):
    """What each entry said of one image."""

    sha256: str
    bad: bool | None = Field(None, description="its label; null: it has none")
    scores: dict[str, float | None] = Field(description="by the entry's name; higher is worse, null: it said nothing")
    far: dict[str, float | None] = Field(
        description="by package: how far the image's rings are from those that it was taught with, 1 being the edge; "
        "null: unknown"
    )


class Benchmarked(Wire):
    """What came of a benchmark: the result of `mhfd_benchmark`."""

    schema_version: Literal[1] = 1
    task: LibraryTask
    instrument: InstrumentName
    decision: Literal["kept", "promoted"]
    line: str = Field(description="decision and reason, as people read them")
    champion: PackageName | None = Field(description="who judged before; null: mhfd, or what is classical")
    challenger: PackageName | None = Field(description="who was promoted, or came nearest to it; null: nobody stood")
    measure: str
    saved: float | None = Field(None, description="what the challenger saves over the champion")
    low: float | None = Field(None, description="of its 95% interval, over specimens")
    high: float | None = None
    images: int = Field(ge=0)
    groups: int = Field(ge=0)
    test: int | None = Field(None, ge=1, description="which test of the microscope's life it was; null: none was made")
    entries: tuple[BenchmarkEntry, ...]
    said: tuple[ImageSaid, ...] = Field((), max_length=MOST_SAID, description="of few images what each entry said")
    report: str = Field(description="digest that seals the report")
