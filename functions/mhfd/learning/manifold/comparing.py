"""Has what was learned of moves earned its place? Errors on the same rows, specimen by specimen, and a decision.

Promoted is who is less far off than nobody moving anything, and than the champion, by more than the doubt that so few
specimens leave, and who has no more signs wrong. It learns nothing, and promotes nobody by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.learning.evaluation.interval import doubt_of

Floats = NDArray[np.float64]
MoveRole = Literal["no move", "champion", "sign only", "challenger", "compared"]

NO_MOVE: Final = "no move"
CLEAR_UM: Final = 1.0
"""A sign counts where the move is at least as large."""
FEWEST_SPECIMENS: Final = 6
"""Of five that are all better, a coin does as much 1 time of 32."""
DRAWS: Final = 2000


@dataclass(frozen=True, eq=False)
class MoveEntry:
    """Something that says a move of each row."""

    name: str
    role: MoveRole
    said_um: Floats
    """NaN: it refuses, and nothing is moved."""
    sd_um: Floats | None = None
    barred: tuple[str, ...] = ()
    """Why it cannot be promoted, however well it does."""


class MovePlacing(Wire):
    """How one entry did. Of moves in um; null: it says none."""

    name: str
    role: MoveRole
    barred: tuple[str, ...] = ()
    rows: int
    refused: int
    rmse_um: float | None
    mean_um: float | None = Field(description="mean of |error|")
    median_um: float | None
    worst_um: float | None
    signs: int = Field(description="moves of 1 um and more of which it said a sign")
    wrong_signs: int
    within_2sd: float | None = Field(None, description="part of the rows whose error is at most twice its doubt")


class MoveDuel(Wire):
    """A challenger against one that is in its way. Positive is in the challenger's favour."""

    challenger: str
    against: str
    saved_um: float = Field(description="of |error|, in the mean over specimens")
    low: float | None
    high: float | None
    p: float


class AdjustReport(Wire):
    """A comparison of what says moves, its decision and all that it rests on. Unknown is null."""

    schema_version: Literal[1] = 1
    task: Literal["adjust"] = "adjust"
    decision: Literal["kept", "promoted"]
    kept: str = Field(description="who is champion if the decision is followed")
    reason: str
    line: str
    challenger: str | None = Field(description="full name of the package; null: there is none")
    champion: str = Field(description="full name of the package; mhfd: there was none")
    test: int | None = Field(description="which test of adjustments in the library's life; null: it was none")
    alpha: float | None
    seed: int
    draws: int = DRAWS
    dataset: str
    rows: int
    specimens: tuple[str, ...]
    entries: tuple[MovePlacing, ...]
    duels: tuple[MoveDuel, ...]
    remarks: tuple[str, ...] = ()
    digest: str | None = Field(None, description="seals all else")

    def placing(self, name: str) -> MovePlacing:
        """The entry of this name. KeyError."""
        return {one.name: one for one in self.entries}[name]


@dataclass(frozen=True)
class MoveVerdict:
    """What was found, before it is a report."""

    promoted: bool
    reason: str
    placings: tuple[MovePlacing, ...]
    duels: tuple[MoveDuel, ...]
    tested: bool
    """It was a test, not a refusal."""


def compare_moves(
    entries: Sequence[MoveEntry],
    move_um: Floats,
    specimens: Sequence[str],
    *,
    alpha: float,
    seed: int,
    unseen: Mapping[str, NDArray[np.bool_]] | None = None,
) -> MoveVerdict:
    """Who says moves best, and whether that is sure enough to change anything.

    Args:
        entries: `no move` among them, and at most one challenger.
        move_um: What is true of each row.
        specimens: Of each row.
        alpha: How likely a promotion may be wrong in this test.
        seed: Of the draws.
        unseen: By entry, the rows of specimens that it was not taught with: these alone decide against it, where they
            are of enough specimens.
    """
    placings = tuple(_placed(one, move_um) for one in entries)
    challenger = next((one for one in entries if one.role == "challenger"), None)
    if challenger is None:
        return MoveVerdict(False, "nothing that was learned can be a package", placings, (), tested=False)
    if challenger.barred:
        return MoveVerdict(False, f"{challenger.name} {'; '.join(challenger.barred)}", placings, (), tested=False)
    count = len(set(specimens))
    if count < FEWEST_SPECIMENS:
        reason = f"{count} specimens are too few to tell it from chance; record moves on {FEWEST_SPECIMENS} at least"
        return MoveVerdict(False, reason, placings, (), tested=False)
    duels = tuple(
        _duel(challenger, one, move_um, specimens, alpha, seed, (unseen or {}).get(one.name))
        for one in entries
        if one.role in ("no move", "champion")
    )
    against = {one.name: one for one in placings}
    own = against[challenger.name]
    for duel in duels:
        if duel.p > alpha:
            reason = f"{challenger.name} ends {_nearer(duel)}: that may be chance (p {duel.p:.2g}, at most {alpha:.2g})"
            return MoveVerdict(False, reason, placings, duels, tested=True)
    for one in placings:
        if one.role in ("champion", "sign only") and one.signs and own.wrong_signs > one.wrong_signs:
            reason = f"{challenger.name} has {own.wrong_signs} signs wrong, {one.name} {one.wrong_signs}"
            return MoveVerdict(False, reason, placings, duels, tested=True)
    wrong = f"{own.wrong_signs} of {own.signs} signs wrong"
    said = " and ".join(_nearer(duel) for duel in duels)
    reason = f"{challenger.name} ends {said}, on {count} specimens; {wrong}"
    return MoveVerdict(True, reason, placings, duels, tested=True)


def _placed(one: MoveEntry, move_um: Floats) -> MovePlacing:
    known = np.isfinite(one.said_um)
    clear = known & (np.abs(move_um) >= CLEAR_UM) & (one.role != "no move")
    wrong = clear & (np.sign(one.said_um) != np.sign(move_um))
    off = np.abs(one.said_um - move_um)[known] if one.role != "sign only" else np.empty(0)
    within = None
    if one.sd_um is not None and len(off):
        within = round(float((off <= 2 * one.sd_um[known]).mean()), 4)
    return MovePlacing(
        name=one.name,
        role=one.role,
        barred=one.barred,
        rows=len(move_um),
        refused=int((~known).sum()),
        rmse_um=_rounded(np.sqrt(np.square(off).mean())) if len(off) else None,
        mean_um=_rounded(off.mean()) if len(off) else None,
        median_um=_rounded(np.median(off)) if len(off) else None,
        worst_um=_rounded(off.max()) if len(off) else None,
        signs=int(clear.sum()),
        wrong_signs=int(wrong.sum()),
        within_2sd=within,
    )


def _duel(
    challenger: MoveEntry,
    other: MoveEntry,
    move_um: Floats,
    specimens: Sequence[str],
    alpha: float,
    seed: int,
    unseen: NDArray[np.bool_] | None,
) -> MoveDuel:
    named = np.asarray(specimens)
    rows = np.ones(len(move_um), bool)
    if unseen is not None and len(set(named[unseen])) >= FEWEST_SPECIMENS:
        rows = unseen
    off = [np.abs(np.nan_to_num(one.said_um) - move_um)[rows] for one in (other, challenger)]
    members = [np.flatnonzero(named[rows] == name) for name in dict.fromkeys(named[rows])]
    shares = np.array([float((off[0] - off[1])[at].mean()) for at in members])

    def drawn(weights: Floats) -> Floats:
        """The mean over specimens that were drawn so often."""
        mean: Floats = weights @ shares / weights.sum(axis=1)
        return mean

    doubt = doubt_of(shares, [drawn], alpha=alpha, draws=DRAWS, seed=seed)
    low, high = (round(end, 4) if np.isfinite(end) else None for end in (doubt.low, doubt.high))
    return MoveDuel(
        challenger=challenger.name,
        against=other.name,
        saved_um=_rounded(shares.mean()),
        low=low,
        high=high,
        p=float(f"{doubt.p:.4g}"),
    )


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)


def _nearer(duel: MoveDuel) -> str:
    """How much nearer to the focus, with what holds the true value 95 times of a hundred."""
    way = "nearer to the focus" if duel.saved_um >= 0 else "farther from it"
    told = f"{abs(duel.saved_um):.2f} um {way} than {duel.against}"
    return told if duel.low is None or duel.high is None else f"{told} (95%: {duel.low:+.2f} to {duel.high:+.2f})"
