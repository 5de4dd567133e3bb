"""What a training ends with: the package, the same in words, and what it took. Of a network also how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from mhfd.errors import UsageError
from mhfd.learning.packages import Package

Row = TypeVar("Row")
_MOST_SAID: Final = {"title": 60, "licence": 120}
"""Characters that a card has room for."""


def said_of_card(*, title: str | None, licence: str) -> None:
    """What a person says of a package, looked at before hours are spent. UsageError where no card could have it."""
    for name, text in (("title", title), ("licence", licence)):
        most = _MOST_SAID[name]
        if text is not None and not (0 < len(text) <= most and text.isprintable()):
            raise UsageError(f"{name}: expected 1 to {most} characters that can be printed, got {text[: 2 * most]!r}")


def thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many of a table's, evenly, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(at * (len(rows) - 1) / (most - 1))] for at in range(most)]


@dataclass(frozen=True, slots=True)
class NetworkTrained:
    """How a network came about."""

    digest: str
    """Of its weights."""
    parameters: int
    step: int
    """Of the checkpoint that the package holds."""
    steps: int
    """Of the whole training, had it run to its end."""
    images: int
    """Seen until that step, each as often as it was shown."""
    workers: int
    threads: int
    """Of each worker."""
    epochs: tuple[Mapping[str, Any], ...]
    """A row each: epoch, step, loss, rate, validation_loss, top1, top5, seconds, images."""
    untrained: Mapping[str, Any] | None = None
    """What the validation said before the first step: validation_loss, top1. None: nobody asked."""


@dataclass(frozen=True, slots=True)
class Training:
    """What was learned: the package, the same in words, and what it took."""

    package: Package
    lesson: str
    words: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]
    """To `measure` the images, to `teach`, and to `ask` of 1,000 rows; of a network to `teach` alone. Not in the card:
    the same data, seed and source make the same package."""
    network: NetworkTrained | None = None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints; `network` is there where one was trained."""
        card = self.package.card
        return {
            "package": self.package.name,
            "folder": str(self.package.folder),
            "lesson": self.lesson,
            "task": card.task,
            "learner": card.recipe.learner,
            "baseline": card.recipe.baseline,
            "chosen": [{"name": name, "value": value} for name, value in card.recipe.chosen.items()],
            "groups": list(card.groups_seen),
            "table": [row.model_dump() for row in card.table],
            "seconds": dict(self.seconds),
            "warnings": list(self.warnings),
            "promoted": False,
        } | ({} if self.network is None else {"network": asdict(self.network)})
