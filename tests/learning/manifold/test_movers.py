"""What is learned of moves is odd, scales, is not led astray by a row, and says how far it may be off."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.move_tables import move_table_of

from mhfd.learning.learners.export import said_by
from mhfd.learning.learners.learner import NotExportable
from mhfd.learning.manifold.diffusion import DiffusionMap
from mhfd.learning.manifold.model import (
    NAMES,
    AdjustmentModel,
    HeldMoves,
    MoveSpread,
    input_of,
    stigs_within_um,
    taught_by,
)
from mhfd.learning.manifold.movers import MOVE_LEARNERS
from mhfd.learning.manifold.pair import PAIR_NAMES
from mhfd.learning.manifold.table import MoveTable

NEW = move_table_of(15, 4, seed=1, hand_um=0.0, stigs=True, name="new")


def model_of(table: MoveTable, learner: str = "pca") -> AdjustmentModel:
    """Its doubt is made up: that of specimens held back takes its time."""
    held = HeldMoves(table.move_um + 0.1, np.full(len(table), 99.0))
    return taught_by(table, MOVE_LEARNERS[learner], held, seed=0)


@cache
def usual(learner: str = "pca", *, stigs: bool = False) -> AdjustmentModel:
    return model_of(move_table_of(stigs=stigs), learner)


@pytest.fixture(scope="module")
def pca() -> AdjustmentModel:
    table, learner = move_table_of(), MOVE_LEARNERS["pca"]
    return taught_by(table, learner, HeldMoves.of(table, learner, seed=0), seed=0)


def reversed_rows(table: MoveTable) -> MoveTable:
    """A and B exchanged."""
    return replace(table, pair=-table.pair, levels=table.levels[:, ::-1], move_um=-table.move_um, stig=-table.stig)


@pytest.mark.parametrize("learner", MOVE_LEARNERS)
def test_a_few_moves_teach_the_next_specimens(learner: str) -> None:
    model = usual(learner)
    said, sd = model.predict(input_of(NEW))[:, :2].T
    off = said - NEW.move_um
    clear = np.abs(NEW.move_um) > 1
    assert (np.sign(said) == np.sign(NEW.move_um))[clear].all()
    assert np.sqrt(np.square(off).mean()) < (0.4 if learner == "pca" else 1.5)
    assert (sd > 0).all()


@pytest.mark.parametrize("learner", MOVE_LEARNERS)
def test_what_is_said_of_a_reversed_pair_has_the_other_sign(learner: str) -> None:
    model = usual(learner)
    np.testing.assert_allclose(
        model.predict(input_of(reversed_rows(NEW)))[:, 0], -model.predict(input_of(NEW))[:, 0], atol=1e-5
    )


def test_rows_that_are_all_reversed_teach_the_same() -> None:
    table = move_table_of()
    one, other = usual(), model_of(reversed_rows(table))
    np.testing.assert_allclose(one.predict(input_of(NEW))[:, 0], other.predict(input_of(NEW))[:, 0], atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(scale=st.floats(0.3, 3.0), seed=st.integers(0, 5))
def test_moves_that_are_so_much_larger_are_said_so_much_larger(scale: float, seed: int) -> None:
    table = move_table_of(4, 4, seed=seed)
    learner = MOVE_LEARNERS["pca"]
    rings = table.pair[:, 2:14]
    fits = [
        learner.fit(rings, target, specimens=table.specimen, seed=0)
        for target in (table.move_um, scale * table.move_um)
    ]
    one, other = (fit.predict(NEW.pair[:, 2:14]) for fit in fits)
    assert fits[0].chosen == fits[1].chosen
    np.testing.assert_allclose(other, scale * one, rtol=1e-3, atol=1e-3)


def test_two_wrong_rows_of_24_do_not_lead_astray() -> None:
    table = move_table_of()
    wrong = table.move_um.copy()
    wrong[[3, 11]] += (6.0, -6.0)
    off = model_of(replace(table, move_um=wrong)).predict(input_of(NEW))[:, 0] - NEW.move_um
    assert np.sqrt(np.square(off).mean()) < 0.5


def test_rings_that_are_cut_off_teach_nothing() -> None:
    table = move_table_of()
    cut = table.pair.copy()
    cut[:, 12] = np.sign(table.move_um) * 2.0  # 4 over a perturbation of 2 um
    model = model_of(replace(table, pair=cut))
    assert 12 not in model.move.columns
    assert len(model.move.columns) == 11


def test_stigmators_are_said_where_the_rows_carry_them(pca: AdjustmentModel) -> None:
    assert pca.says == ("move_um", "sd_um", "distance")
    model = usual(stigs=True)
    assert model.says == ("move_um", "sd_um", "stig_x", "stig_y", "distance")
    off = model.predict(input_of(NEW))[:, 2:4] - NEW.stig
    assert np.sqrt(np.square(off).mean()) < 0.2


def test_stigmators_are_said_as_far_from_the_focus_as_they_help() -> None:
    table = move_table_of(stigs=True)
    good, half = table.stig.copy(), np.abs(table.move_um) <= 3
    assert stigs_within_um(table, good) == pytest.approx(np.abs(table.move_um).max(), abs=1e-3)
    good[~half] += 20
    assert stigs_within_um(table, good) == pytest.approx(np.abs(table.move_um[half]).max(), abs=1e-3)
    assert stigs_within_um(table, -table.stig) == 0


def test_stigmators_that_nobody_turned_are_not_said() -> None:
    table = move_table_of(stigs=True)
    assert model_of(replace(table, stig=np.zeros_like(table.stig))).stig == ()


def test_the_graph_says_the_same() -> None:
    table = move_table_of(stigs=True)
    model = usual(stigs=True)
    rows = input_of(NEW)
    np.testing.assert_allclose(said_by(model.to_onnx(table), rows), model.predict(rows), rtol=1e-4, atol=1e-4)
    assert rows.shape[1] == len(NAMES)


@pytest.mark.parametrize("learner", ["lle", "diffusion"])
def test_what_is_looked_up_is_no_graph(learner: str) -> None:
    table = move_table_of()
    with pytest.raises(NotExportable, match="looked up"):
        usual(learner).to_onnx(table)


def test_the_doubt_holds_what_it_says(pca: AdjustmentModel) -> None:
    said = pca.predict(input_of(NEW))
    within = np.abs(said[:, 0] - NEW.move_um) <= 2 * said[:, 1]
    assert within.mean() >= 0.9


def test_the_doubt_grows_beyond_what_was_taught() -> None:
    spread = MoveSpread.of(np.array([0.1, -0.2, 0.15] * 6), np.array([1.0, -4.0, 3.0] * 6), np.full(18, 4.0))
    assert spread.range_um == 4.0
    near, edge, far = spread.apply(np.array([0.0, -4.0, 8.0]))
    assert near == edge < far
    assert far - edge == pytest.approx(1.6)


def test_a_move_beyond_all_that_others_taught_is_no_measure_of_doubt() -> None:
    off, move, reach = np.full(16, 0.1), np.full(16, 2.0), np.full(16, 5.0)
    off[0], move[0] = 4.0, 9.0
    assert MoveSpread.of(off, move, reach).sd_um == pytest.approx(0.1)


def test_blurred_images_lie_farther_from_the_sharp_ones(pca: AdjustmentModel) -> None:
    rows = input_of(NEW)
    farther = rows.copy()
    farther[:, len(PAIR_NAMES) :] -= np.linspace(0, 4, rows.shape[1] - len(PAIR_NAMES), dtype=np.float32)
    near, far = (pca.predict(one)[:, -1] for one in (rows, farther))
    assert (far > near).mean() > 0.9
    assert (near < pca.chosen["far"]).all()
    strange = rows.copy()
    strange[:, len(PAIR_NAMES) :: 2] += 9
    assert (pca.predict(strange)[:, -1] > pca.chosen["far"]).all()


def test_a_diffusion_map_lays_a_curve_out_straight() -> None:
    along = np.linspace(0, 1, 40)
    rows = np.stack([np.cos(3 * along), np.sin(3 * along), np.zeros(40)], axis=1)
    made = DiffusionMap.of(rows, 2)
    placed = made.place(rows)
    order = np.corrcoef(np.argsort(np.argsort(placed[:, 0])), np.arange(40))[0, 1]
    assert abs(order) > 0.98
    np.testing.assert_allclose(placed, made.vectors, atol=1e-6)
    assert np.isfinite(made.place(rows * 100)).all()
