"""What was learned of moves is promoted where it ends nearer to the focus, and where not, the reason says why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd.learning.manifold.comparing import MoveEntry, MoveVerdict, compare_moves

RNG = np.random.default_rng(3)
TRUTH = RNG.normal(0, 3, 24)
SPECIMENS = [f"s{n // 4}" for n in range(24)]
NOBODY = MoveEntry("no move", "no move", np.zeros(24))


def found(
    said: NDArray[np.float64],
    *others: MoveEntry,
    specimens: Sequence[str] = SPECIMENS,
    barred: tuple[str, ...] = (),
    alpha: float = 0.025,
    unseen: dict[str, NDArray[np.bool_]] | None = None,
) -> MoveVerdict:
    entries = [NOBODY, *others, MoveEntry("pca", "challenger", said, np.full(24, 0.2), barred)]
    return compare_moves(entries, TRUTH, specimens, alpha=alpha, seed=0, unseen=unseen)


GOOD = TRUTH + RNG.normal(0, 0.2, 24)


def test_who_ends_nearer_is_promoted() -> None:
    verdict = found(GOOD)
    assert verdict.promoted
    assert verdict.tested
    assert "nearer to the focus than no move" in verdict.reason
    placing = verdict.placings[-1]
    assert placing.rmse_um is not None
    assert placing.rmse_um < 0.3
    assert (placing.wrong_signs, placing.refused) == (0, 0)
    assert placing.within_2sd is not None
    assert placing.within_2sd > 0.8


def test_a_sign_that_is_broken_on_purpose_is_kept_out() -> None:
    verdict = found(-GOOD)
    assert not verdict.promoted
    assert "farther from it than no move" in verdict.reason
    assert verdict.placings[-1].wrong_signs == verdict.placings[-1].signs > 10


def test_chance_is_no_reason() -> None:
    verdict = found(RNG.normal(0, 0.3, 24))
    assert not verdict.promoted
    assert "may be chance" in verdict.reason
    assert verdict.tested


def test_five_specimens_are_too_few() -> None:
    verdict = found(GOOD, specimens=[f"s{n // 5}" for n in range(24)])
    assert (verdict.promoted, verdict.tested, verdict.duels) == (False, False, ())
    assert "5 specimens are too few" in verdict.reason


def test_a_champion_that_is_as_good_stays() -> None:
    verdict = found(GOOD, MoveEntry("old", "champion", TRUTH + RNG.normal(0, 0.2, 24)))
    assert not verdict.promoted
    assert "than old" in verdict.reason


def test_a_champion_that_is_worse_goes() -> None:
    verdict = found(GOOD, MoveEntry("old", "champion", 0.4 * TRUTH))
    assert verdict.promoted
    assert [duel.against for duel in verdict.duels] == ["no move", "old"]


def test_a_champion_that_refuses_moves_nothing() -> None:
    verdict = found(GOOD, MoveEntry("old", "champion", np.full(24, np.nan)))
    assert verdict.promoted
    assert verdict.placings[1].refused == 24
    assert verdict.placings[1].rmse_um is None
    assert verdict.duels[1].saved_um == verdict.duels[0].saved_um


def test_what_a_champion_had_seen_does_not_count_where_enough_is_new() -> None:
    two = np.concatenate([TRUTH, TRUTH])
    names = [*SPECIMENS, *(f"n{n // 4}" for n in range(24))]
    champion = MoveEntry("old", "champion", np.concatenate([TRUTH, 0.6 * TRUTH]))
    entries = [
        MoveEntry("no move", "no move", np.zeros(48)),
        champion,
        MoveEntry("pca", "challenger", np.concatenate([GOOD, GOOD])),
    ]
    new = np.arange(48) >= 24
    assert not compare_moves(entries, two, names, alpha=0.025, seed=0).promoted
    assert compare_moves(entries, two, names, alpha=0.025, seed=0, unseen={"old": new}).promoted


@pytest.mark.parametrize("role", ["champion", "sign only"])
def test_one_more_sign_wrong_is_a_reason(role: str) -> None:
    said = GOOD.copy()
    at = int(np.argmin(np.where(np.abs(TRUTH) >= 1, np.abs(TRUTH), np.inf)))
    said[at] = -said[at]
    other = MoveEntry("other", "champion" if role == "champion" else "sign only", 0.3 * TRUTH)
    verdict = found(said, other)
    assert not verdict.promoted
    assert verdict.reason == "pca has 1 signs wrong, other 0"


def test_who_says_no_sign_is_no_measure_of_signs() -> None:
    said = GOOD.copy()
    at = int(np.argmin(np.where(np.abs(TRUTH) >= 1, np.abs(TRUTH), np.inf)))
    said[at] = -said[at]
    assert found(said, MoveEntry("silent", "sign only", np.full(24, np.nan))).promoted


def test_who_is_barred_is_not_tested() -> None:
    verdict = found(GOOD, barred=("is the champion already",))
    assert (verdict.promoted, verdict.tested) == (False, False)
    assert verdict.reason == "pca is the champion already"


def test_nothing_to_promote_is_said() -> None:
    verdict = compare_moves([NOBODY], TRUTH, SPECIMENS, alpha=0.025, seed=0)
    assert verdict.reason == "nothing that was learned can be a package"
