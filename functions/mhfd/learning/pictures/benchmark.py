"""What a comparison of pictures says: who makes the better ones, how sure that is, and who is champion by it.

Only the words and numbers; who decides is `promotion`'s.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.learning.evaluation.benchmark import Range
from mhfd.learning.pictures.classical import PictureTask

PictureRole = Literal["as it came", "classical", "champion", "challenger"]


class PicturesRow(Wire):
    """How one entry did on the images of one specimen."""

    group: str
    images: int
    score: float | None


class PicturesEntry(Wire):
    """How good one's pictures are."""

    name: str
    role: PictureRole
    package: str | None = Field(None, description="its full name; null: nobody taught it")
    score: float | None = Field(None, description="mean over specimens; higher is better")
    low: float | None = Field(None, description="of its 95% interval, over specimens")
    high: float | None = None
    refused: int = Field(0, description="images of which it makes none: there the image as it came counts, or no map")
    more: dict[str, float | None] = Field(default_factory=dict, description="what is shown beside, mean over specimens")
    groups: tuple[PicturesRow, ...] = ()
    barred: tuple[str, ...] = Field((), description="why it cannot be promoted, whatever it scores")


class PicturesDuel(Wire):
    """A challenger against one that is in its way. Positive is in the challenger's favour."""

    challenger: str
    against: str
    gained: float
    range: Range
    p: float = Field(description="how often no better a challenger would look as good")


class PicturesBenchmark(Wire):
    """A comparison of pictures, its decision and what it rests on."""

    schema_version: Literal[1] = 1
    task: PictureTask
    instrument: str | None = None
    decision: Literal["kept", "promoted"]
    kept: str = Field(description="who is champion if the decision is followed")
    reason: str
    line: str = Field(description="decision and reason as they are printed")
    challenger: str | None = Field(None, description="who was promoted, or came nearest to it; a package's full name")
    champion: str = Field("mhfd", description="who was champion before; mhfd stands for what is classical")
    measure: str
    gained: float | None = Field(None, description="by the challenger, over who is hardest to beat")
    low: float | None = Field(None, description="of its 95% interval, over specimens")
    high: float | None = None
    test: int | None = Field(None, description="which test of the library's life this is; null: none was made")
    alpha: float = Field(description="how likely this test's promotion may be wrong")
    seed: int
    draws: int
    unit: str = "specimens"
    groups: tuple[str, ...] = Field(description="on which the decision rests")
    images: int
    entries: tuple[PicturesEntry, ...]
    duels: tuple[PicturesDuel, ...] = ()
    scores_by_image: dict[str, dict[str, float | None]] = Field(
        default_factory=dict, description="by entry, then by the image's sha256; null: nothing is known"
    )
    remarks: tuple[str, ...] = Field((), description="what was left out or chosen, and on what")
    dataset: str | None = Field(None, description="digest of the dataset")
    packages: dict[str, str] = Field(default_factory=dict, description="full name of each package among the entries")
    digest: str | None = Field(None, description="seals all else")
