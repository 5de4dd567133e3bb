"""What bars a network: it answers to anything, unless its card says how far it reaches."""

from __future__ import annotations

import numpy as np
import pytest
from tests.rigs.networks import network_card, network_of, network_session

from mhfd import simulate
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.dataset.simulated import drawn
from mhfd.learning.learners.reach import reach_of
from mhfd.learning.preparation.normalisation import NORMALISATION
from mhfd.learning.preparation.outline import OUTLINE, outline_of
from mhfd.learning.promotion import gates


@pytest.fixture(scope="module")
def outlines() -> np.ndarray:
    """Of tissue of several specimens, sharp and not, as a training would see it."""
    return np.stack(
        [
            outline_of(
                NORMALISATION.of(
                    simulate.Specimen(seed=seed).section((192, 192), optics=simulate.Optics(defocus_um=defocus))
                )
            )
            for seed in range(8)
            for defocus in (0.0, 1.5)
        ]
    )


def test_without_a_reach_it_is_sure_where_nothing_can_be_known(outlines: np.ndarray) -> None:
    assert list(gates._sure_on(network_session())) == ["inverted"]
    card = network_card(network_of(outline=OUTLINE), reach=reach_of(outlines))
    session = network_session(card=card)
    assert list(gates._sure_on(session)) == []
    tissue = gates.probes()["inverted"]
    assert session.answer(255 - tissue).refusal is None, "the same, as it is"


def test_taught_with_whatever_a_run_brings_it_still_knows_an_inverted_image() -> None:
    """Blurred, banded, charged and of low dose: then the outlines lie far apart, but lines are dark in all."""
    causes = (ImageCause.DEFOCUS, ImageCause.BANDING, ImageCause.CHARGING, ImageCause.JITTER)
    rng = np.random.default_rng(4)
    varied = np.stack(
        [
            outline_of(NORMALISATION.of(drawn(cause, specimen=seed, section=0, size=128, rng=rng, dose=dose).pixels))
            for seed in range(40, 48)
            for cause in (ImageCause.IN_FOCUS, *causes)
            for dose in (80, 300)
        ]
    )
    sessions = [
        network_session(card=network_card(network_of(outline=OUTLINE), reach=reach_of(varied, limits=limits)))
        for limits in (False, True)
    ]
    assert [list(gates._sure_on(session)) for session in sessions] == [["inverted"], []]


def test_its_time_is_that_of_all_it_does() -> None:
    assert gates.cpu_times(network_session(), side=256) > 0
