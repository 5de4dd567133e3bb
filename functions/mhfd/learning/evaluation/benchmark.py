"""What a comparison found: the form of report.json. Frozen and versioned; unknown is null, never 0."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from mhfd.contract.base import Wire

SCHEMA_VERSION: Final = 1
REPORT_BYTES: Final = 1_000_000
"""The most that report.json may take."""

Role = Literal["mhfd", "champion", "challenger", "beside"]


class Range(Wire):
    """What holds the true value 95 times of a hundred."""

    low: float
    high: float


class RatesAt(Wire):
    """What an entry would do in a run with this part of bad images, its threshold chosen on the other groups."""

    prevalence: float
    recall: float | None = Field(None, description="of the bad images, the part that is named")
    false_alarms: float | None = Field(None, description="of the sharp images, the part that is named")
    precision: float | None = Field(None, description="of the images that are named, the part that is bad")
    f: float | None = Field(None, description="harmonic mean of precision and recall")
    total_error: float | None = Field(None, description="of all images, the part that is named wrongly or missed")
    cost: float | None = Field(None, description="an image, in false alarms")


class Confusion(Wire):
    """Counts of the labelled images at the run's own prevalence. Where an entry abstains a person has to look."""

    found: int
    missed: int
    false_alarms: int
    passed: int
    abstained_bad: int
    abstained_sharp: int


class GroupRow(Wire):
    """One group under one entry."""

    group: str
    images: int
    bad: int
    auc: float | None = None
    missed: float | None = Field(None, description="a mean over thresholds chosen on halves of the other groups")
    false_alarms: float | None = None
    cost: float | None = Field(None, description="its share: the mean over groups is the entry's cost")


class CurvePoint(Wire):
    """A point of a curve, with what 95% of the draws of groups lie between."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Placing(Wire):
    """How one entry did."""

    name: str
    role: Role
    barred: tuple[str, ...] = Field((), description="why it cannot be promoted")
    groups_seen: tuple[str, ...] = ()
    images: int = Field(description="on which it spoke")
    abstained: int
    auc: float | None = Field(None, description="on the images on which every entry speaks")
    auc_range: Range | None = None
    rates: tuple[RatesAt, ...] = Field((), description="the run's own prevalence first")
    confusion: Confusion | None = None
    groups: tuple[GroupRow, ...] = ()
    roc: tuple[CurvePoint, ...] = Field((), description="false alarms, recall")
    precision_recall: tuple[CurvePoint, ...] = Field((), description="recall, precision at the run's own prevalence")
    train_s: float | None = Field(None, description="CPU seconds for the last fold's training")
    predict_s: float | None = Field(None, description="CPU seconds for 1,000 images, features not counted")


class Duel(Wire):
    """A challenger against one that is in its way. Positive is in the challenger's favour."""

    challenger: str
    against: str
    saved: float = Field(description="cost an image that the challenger saves, in false alarms")
    range: Range
    p: float = Field(
        description="how often no better a challenger would look as good, by the more cautious of two ways"
    )
    auc: float | None = Field(None, description="difference of AUC")
    auc_range: Range | None = None


class LearningPoint(Wire):
    """A point of the learning curve: how well a learner does with so much to learn from."""

    groups: float
    images: float
    auc: float


class LearningCurve(Wire):
    """What more labels would bring."""

    learner: str
    points: tuple[LearningPoint, ...]
    words: str
    images_more: int | None = None
    gain: float | None = None
    gain_range: Range | None = None


class Agreement(Wire):
    """How far people who labelled the same images agree, chance taken off."""

    people: tuple[str, ...]
    images: int
    kappa: float | None
    words: str


class CovariateRow(Wire):
    """Images that are alike in one covariate; of which fold, and how each entry does on them."""

    covariate: str
    value: str = Field(description="a word, or from what to what a number goes")
    fold: int | None = Field(None, description="null: over all folds")
    images: int
    bad: int
    auc: dict[str, float | None] = Field(default_factory=dict, description="by entry")


class ControlField(Wire):
    """The same place every N sections tells what changed in the instrument from what changed in the tissue."""

    images: int
    instrument: float | None = Field(None, description="change over 100 sections of log cross_spectrum, control field")
    all_else: float | None = Field(None, description="the same of the other sharp images")
    tissue: float | None = Field(None, description="what is left when the instrument's change is taken off")
    words: str


class WorstImage(Wire):
    """An image on which an entry was most wrong."""

    entry: str
    path: str
    sha256: str
    group: str
    bad: bool
    score: float
    rank: float = Field(description="of all images that this entry scored, the part below it")


class SplitTable(Wire):
    """AUC of every entry under one way of splitting."""

    name: str
    words: str
    decides: bool = False
    auc: dict[str, float | None]


class FamilyRow(Wire):
    """What a family of features is worth: AUC of one learner that is given it alone, specimens held out."""

    family: str = Field(description="'all together': every family")
    features: int
    less_baseline: float | None = Field(description="features less those of the group's sharp images")
    as_they_are: float | None
    taken: bool = Field(description="whether the learners of this comparison are given it")


class Benchmark(Wire):
    """A comparison, its decision and all that it rests on."""

    schema_version: int = SCHEMA_VERSION
    task: Literal["focus"] = "focus"
    decision: Literal["kept", "promoted"]
    kept: str = Field(description="who is champion if the decision is followed")
    reason: str
    line: str = Field(description="decision and reason as they are printed")
    challenger: str | None = Field(None, description="who was promoted, or came nearest to it; a package's full name")
    champion: str = Field("mhfd", description="who was champion before; a package's full name")
    instrument: str | None = Field(None, description="the microscope that it is decided for; null: any")
    prevalence: float
    miss_cost: float
    test: int | None = Field(description="which test of the library's life this is; null: none could be made")
    alpha: float | None = Field(description="how likely this test's promotion may be wrong")
    seed: int
    draws: int
    unit: str
    groups: tuple[str, ...] = Field(description="on which the decision rests")
    images: int
    bad: int
    entries: tuple[Placing, ...]
    duels: tuple[Duel, ...] = ()
    auc: dict[str, dict[str, float | None]] = Field(description="by entry, then by split; `decides` is what counts")
    precision_at: dict[str, dict[str, float | None]] = Field(description="by prevalence, then by entry")
    splits: tuple[SplitTable, ...] = ()
    remarks: tuple[str, ...] = Field((), description="what was left out, and why")
    dataset: str | None = Field(None, description="digest of what was labelled")
    packages: dict[str, str] = Field(default_factory=dict, description="full name of each package among the entries")
    curve: LearningCurve | None = None
    families: tuple[FamilyRow, ...] = Field((), description="none where no learner was compared")
    agreement: tuple[Agreement, ...] = ()
    covariates: tuple[CovariateRow, ...] = ()
    control: ControlField | None = None
    worst: tuple[WorstImage, ...] = ()
    digest: str | None = Field(None, description="seals all else")

    def placing(self, name: str) -> Placing:
        """The entry of this name. KeyError."""
        return {one.name: one for one in self.entries}[name]
