"""What may be wrong with a dataset, by name. Who finds it is `checking`, `moves` for pairs and `besides` for what
lies beside images; nothing here looks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from mhfd.contract.base import Wire


class ProblemKind(StrEnum):
    """What may be wrong."""

    CHANGED = "changed"
    ACROSS = "across"
    LEAK = "leak"
    CONTRADICTION = "contradiction"
    ONE_CLASS = "one_class"
    DISAGREEMENT = "disagreement"
    DUPLICATE = "duplicate"
    IMBALANCE = "imbalance"
    FEW = "few"
    FEW_GROUPS = "few_groups"
    LONE = "lone"
    BATCH = "batch"
    PATH = "path"
    SAME_IMAGE = "same_image"
    SIZES_DIFFER = "sizes_differ"
    REVERSED = "reversed"
    UNIT = "unit"
    ONE_SIDE = "one_side"
    MASK = "mask"
    APART = "apart"


REFUSED: Final = frozenset(
    (
        ProblemKind.CHANGED,
        ProblemKind.ACROSS,
        ProblemKind.LEAK,
        ProblemKind.CONTRADICTION,
        ProblemKind.ONE_CLASS,
        ProblemKind.SAME_IMAGE,
        ProblemKind.SIZES_DIFFER,
        ProblemKind.REVERSED,
        ProblemKind.UNIT,
        ProblemKind.ONE_SIDE,
        ProblemKind.MASK,
        ProblemKind.APART,
    )
)
"""Nothing is to be learned or compared before these are mended."""


class DatasetProblem(Wire):
    """One thing that is wrong."""

    kind: ProblemKind
    sentence: str
    paths: tuple[str, ...] = ()
    """Of images, some of them where they are many."""
    value: float | None = None
    """The number in the sentence, where there is one."""

    @property
    def refused(self) -> bool:
        """Whether nothing may be learned before it is mended."""
        return self.kind in REFUSED
