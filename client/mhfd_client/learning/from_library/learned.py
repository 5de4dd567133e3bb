"""What comes of learning for a microscope, typed and in words: a line a step. Decides nothing, and opens no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import MOST_CHALLENGERS, Benchmarked

if TYPE_CHECKING:
    from mhfd.learning.packages import ChampionChange, Package
    from mhfd.learning.trained import Training


@dataclass(frozen=True, slots=True)
class LearnedNetwork:
    """A package of the library that was trained further."""

    package: str
    parent: str
    workers: int
    before: float | None
    """Validation loss of what it began with; None: it was not measured."""
    after: float | None
    """Of what it became."""
    words: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of_training(cls, training: Training, parent: str) -> LearnedNetwork:
        """Of one here."""
        network = None if training.network is None else asdict(training.network)
        return cls._of(training.package.name, parent, network, training.words, training.warnings)

    @classmethod
    def of_result(cls, result: Mapping[str, Any], parent: str) -> LearnedNetwork:
        """Of what `mhfd_train` answered."""
        words, warnings = result.get("words") or (), result.get("warnings") or ()
        return cls._of(str(result.get("package")), parent, result.get("network"), words, warnings)

    @classmethod
    def known(cls, kept: Mapping[str, Any]) -> LearnedNetwork:
        """As it was kept."""
        return cls(**{**kept, "words": tuple(kept["words"]), "warnings": tuple(kept["warnings"])})

    @classmethod
    def _of(
        cls, package: str, parent: str, network: Mapping[str, Any] | None, words: Any, warnings: Any
    ) -> LearnedNetwork:
        network = network or {}
        losses = [one["validation_loss"] for one in network.get("epochs") or () if "validation_loss" in one]
        return cls(
            package,
            parent,
            int(network.get("workers") or 1),
            (network.get("untrained") or {}).get("validation_loss"),
            min(losses, default=None),
            tuple(map(str, words)),
            tuple(map(str, warnings)),
        )


@dataclass(frozen=True, slots=True)
class Came:
    """What a way of learning ends with, on this machine; nobody is champion by it yet."""

    assessment: Assessment | None
    """None: a run of a flow whose log could not be read at its end."""
    trainings: tuple[LearnedNetwork, ...]
    benchmark: Benchmarked
    package: Package | None
    """In this user's library: who was promoted, or came nearest; None: nothing came home."""
    report: Path
    """The folder with report.json and report.html."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned for a microscope, and what became of it."""

    key: str
    assessment: Assessment | None
    trainings: tuple[LearnedNetwork, ...]
    benchmark: Benchmarked
    package: Package | None
    report: Path
    change: ChampionChange | None
    """Who is champion or challenger now; None: nothing has changed."""
    words: tuple[str, ...]
    """A line a step, as `mhfd learn` prints them."""

    @classmethod
    def known(cls, key: str, kept: Mapping[str, Any], package: Package | None) -> Learned:
        """As `as_json` had it, with the package that lies there now."""
        from mhfd.learning.packages import ChampionChange

        assessment, change = kept["assessment"], kept["change"]
        return cls(
            key,
            None if assessment is None else Assessment.model_validate(assessment),
            tuple(LearnedNetwork.known(one) for one in kept["trainings"]),
            Benchmarked.model_validate(kept["benchmark"]),
            package,
            Path(kept["report"]),
            None if change is None else ChampionChange.model_validate(change),
            tuple(kept["words"]),
        )

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "key": self.key,
            "assessment": None if self.assessment is None else self.assessment.model_dump(mode="json"),
            "trainings": [asdict(one) for one in self.trainings],
            "benchmark": self.benchmark.model_dump(mode="json"),
            "package": None if self.package is None else self.package.name,
            "folder": None if self.package is None else str(self.package.folder),
            "report": str(self.report),
            "change": None if self.change is None else self.change.model_dump(mode="json"),
            "words": list(self.words),
        }


def others(assessment: Assessment, champion: str | None) -> tuple[str, ...]:
    """Who else is benchmarked: ranked packages that are neither trained nor the champion, the best first."""
    ranked = [one.package for one in assessment.packages if one.rank is not None and one.package is not None]
    return tuple(one for one in ranked if one not in (*assessment.train, champion))[:MOST_CHALLENGERS]


def assessed_told(found: Assessment) -> str:
    """As `assessed 3: best north-small .91 [.86, .95] (mhfd .94); train north-small: ...`."""
    ranked = [one for one in found.packages if one.rank is not None]
    if not ranked:
        return f"assessed {len(found.packages)}: none can be asked; {found.words}"
    best = ranked[0]
    bar = "" if found.bar_score is None else f" ({found.bar} {number(found.bar_score)})"
    score = scored(best.score, best.low, best.high)
    return f"assessed {len(found.packages)}: best {best.title} {score}{bar}; {found.words}"


def trained_told(one: LearnedNetwork, assessment: Assessment | None) -> Iterator[str]:
    """As `trained north-small further by 2 workers: validation loss .83 before, .41 after`; a line more a warning."""
    packages = () if assessment is None else assessment.packages
    parent = next((known.title for known in packages if known.package == one.parent), one.parent[:12])
    many = f"{one.workers} worker{'s' * (one.workers != 1)}"
    before = "" if one.before is None else f"{number(one.before)} before, "
    after = "nothing is known" if one.after is None else f"validation loss {before}{number(one.after)} after"
    yield f"trained {parent} further by {many}: {after}"
    yield from (f"mind: {warning}" for warning in one.warnings)


def benchmarked_told(found: Benchmarked) -> str:
    """As `benchmarked with 40 images of 8 groups: kept: ...`.

    Where nothing could be tested, with what the difference was all the same: else the reason has it.
    """
    saved = ""
    if found.saved is not None:
        gap = scored(found.saved, found.low, found.high)
        if found.task != "focus":
            saved = f"; gains {gap}"
        elif found.test is None:
            who = next((one.name for one in found.entries if one.package == found.challenger), "the package")
            saved = f"; on these {who} saves {gap} false alarms an image"
    images = f"{found.images} image{'s' * (found.images != 1)} of {found.groups} group{'s' * (found.groups != 1)}"
    return f"benchmarked with {images}: {found.line}{saved}"


def scored(value: float | None, low: float | None, high: float | None) -> str:
    """As `.91 [.86, .95]`."""
    if value is None:
        return "unknown"
    return number(value) + (f" [{number(low)}, {number(high)}]" if low is not None and high is not None else "")


def number(value: float) -> str:
    """Two digits that mean something, and none before the point where that is 0."""
    text = f"{value:.{2 if abs(value) >= 0.1 else 3}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
