"""A network is asked about the pixels of an image, or it is said why not; the image has its report either way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.rigs.estimates import tissue
from tests.rigs.focus_reports import report
from tests.rigs.networks import SAYS, answered, begun, network_card, network_of, network_session

import mhfd
from mhfd.contract.focus_report import Finding
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd.learning.features.part import part_of_array
from mhfd.learning.inference import NetworkSession, network
from mhfd.learning.inference.meaning import why_not_reach
from mhfd.learning.learners.reach import reach_of
from mhfd.learning.packages import Card, Reach
from mhfd.learning.preparation.normalisation import NORMALISATION, padded
from mhfd.learning.preparation.outline import OUTLINE, outline_of

TISSUE = tissue()
SCORED = mhfd.score(TISSUE)


def test_it_says_a_verdict_a_radius_and_how_far_off_that_may_be() -> None:
    estimate = network_session(begun(bias=(2.0, 1.0, -1.0))).estimate(TISSUE, SCORED)
    given = answered(begun(bias=(2.0, 1.0, -1.0)), network_card(), NORMALISATION.of(TISSUE)[None])["said"][0]
    assert (estimate.p, estimate.radius_px, estimate.sd) == pytest.approx(given, rel=1e-4)
    assert estimate.words.startswith(f"radius {given[1]:.1f} px (")
    assert f"out of focus: p {given[0]:.2f}".replace("0.", ".") in estimate.words
    assert estimate.words.endswith("says lab-net 4e4e")
    assert estimate.ms is not None


def test_its_map_covers_the_image_and_no_more() -> None:
    """The sides are padded to multiples of 64: a place that has no pixel of the image is not given."""
    cut = TISSUE[:200, :130]
    answer = network_session().answer(cut, mhfd.score(cut))
    assert answer.refusal is None
    assert answer.map is not None
    assert answer.map.shape == (len(SAYS), 4, 3)
    whole = answered(begun(), network_card(), padded(NORMALISATION.of(cut), 64)[None])
    assert (answer.map == whole["map"][0, :, :4, :3]).all()
    assert answer.said == pytest.approx(whole["said"][0])


def test_it_says_a_cause_by_its_name() -> None:
    says = ("in_focus", "defocus", "low_dose")
    card = network_card(network_of(), says, task="cause")
    estimate = network_session(begun(bias=(0.0, 0.0, 3.0), says=says), card).estimate(TISSUE, SCORED)
    assert estimate.cause == "low_dose"
    assert estimate.p is not None
    assert estimate.p > 0.8


@pytest.mark.parametrize(
    ("card", "of_report", "why"),
    [
        ({}, {"finding": Finding.BLANK}, "nothing was measured: the image is blank"),
        ({"pixel_nm": (20.0, 30.0)}, {}, "it was taught with pixels of 20 to 30 nm, and here they are 8 nm"),
        ({"network": network_of(channels=3)}, {}, "it takes images of 3 channels, and this one has one channel"),
    ],
)
def test_it_refuses_where_what_it_assumes_does_not_hold(
    card: dict[str, Any], of_report: dict[str, Any], why: str
) -> None:
    estimate = network_session(card=network_card(**card)).estimate(TISSUE, report(**of_report))
    assert estimate.refusal == why
    assert (estimate.p, estimate.radius_px) == (None, None)


def test_it_needs_no_preset_of_the_report() -> None:
    """It sees the pixels, and not what they were measured with."""
    assert network_session().estimate(TISSUE, report(params=Params(n=8))).refusal is None


def test_what_is_smaller_than_a_place_of_its_map_is_refused() -> None:
    answer = network_session().answer(TISSUE[:63, :200])
    assert answer.refusal == "it takes images of 64 pixels a side at least, and this one has 63"


def test_several_channels_without_a_report() -> None:
    card = network_card(network_of(channels=3), ("actin", "kinase"), task="cause")
    answer = network_session(begun(channels=3, says=("actin", "kinase")), card).answer(np.stack([TISSUE] * 3))
    assert answer.said is not None
    assert answer.said.sum() == pytest.approx(1.0)


def test_of_a_large_image_the_middle_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LARGEST_PICTURE", 128)
    answer = network_session().answer(TISSUE)
    middle = answered(begun(), network_card(), NORMALISATION.of(part_of_array(TISSUE, 128))[None])["said"][0]
    assert answer.said is not None
    assert answer.said == pytest.approx(middle)
    assert answer.origin == (64, 64)
    assert answer.map is not None
    assert answer.map.shape == (len(SAYS), 2, 2)


def test_a_network_of_many_numbers_is_shown_less() -> None:
    """Its memory is what a pixel costs it, times the pixels."""
    assert network_session().largest == 4096
    assert network_session(card=network_card(network_of(parameters=2_500_000))).largest == 2048


def reach() -> Reach:
    """Of many parts of one picture."""
    parts = [TISSUE[top : top + 128, left : left + 128] for top in range(0, 128, 16) for left in range(0, 128, 16)]
    return reach_of(np.stack([outline_of(NORMALISATION.of(part)) for part in parts]))


def outlined(**changed: Any) -> Card:
    return network_card(network_of(outline=OUTLINE), **({"reach": reach()} | changed))


def test_what_is_unlike_all_that_it_was_taught_with_is_refused() -> None:
    session = network_session(card=outlined())
    assert session.answer(TISSUE[40:168, 50:178]).refusal is None
    noise = np.random.default_rng(1).integers(0, 255, (256, 256)).astype(np.uint8)
    assert "unlike all that it was taught with" in (session.answer(noise).refusal or "")
    stripes = np.tile(np.repeat([0, 255], 8), (256, 16)).astype(np.uint8)
    assert "unlike all that it was taught with" in (session.answer(stripes).refusal or "")


def test_an_outline_of_another_mhfd_is_refused_when_it_is_opened() -> None:
    card = network_card(network_of(outline=("grey_mean", "colour")))
    with pytest.raises(UsageError, match="its reach is of 'colour', which this mhfd does not have"):
        network_session(card=card)


def test_a_normalisation_of_another_mhfd_is_refused_when_it_is_opened() -> None:
    with pytest.raises(UsageError, match="no way of ours is 'histogram'"):
        network_session(card=network_card(network_of(normalisation="histogram")))


def test_what_makes_pictures_is_not_asked() -> None:
    card = network_card(network_of(gives=("map",), grid=1), ("picture",), task="denoise")
    with pytest.raises(UsageError, match="judges none: `mhfd models apply` asks it"):
        network_session(card=card)


def test_whatever_its_model_does_is_a_refusal() -> None:
    class Fails:
        def answered(self, _images: object) -> dict[str, Any]:
            raise RuntimeError("out of memory")

    session: NetworkSession = network_session()
    vars(session)["_runtime"] = Fails()
    assert session.estimate(TISSUE, SCORED).refusal == "its model fails with RuntimeError: out of memory"
    for given, why in (
        ({"said": np.zeros((1, 2))}, "its model answers with shape (1, 2), and not (1, 3)"),
        ({"said": np.full((1, 3), np.nan)}, "its model answers with what is no number"),
        ({"said": np.array([[2.0, 0, 0]])}, "its model gives a probability that is none"),
        ({"said": np.array([[0.5, 0, -1]])}, "its model gives a spread below 0"),
        ({"said": np.zeros((1, 3)), "map": np.zeros((1, 3, 1, 1))}, "its model gives a map of shape (1, 3, 1, 1)"),
    ):
        vars(session)["_runtime"] = type("Says", (), {"answered": lambda _self, _images, given=given: given})()
        assert (session.estimate(TISSUE, SCORED).refusal or "").startswith(why)


def test_the_outline_tells_an_inverted_image() -> None:
    """And is the same for a brighter and for a steeper one: it is of the picture that the network is shown."""
    skewed = np.square(TISSUE.astype(np.float64))
    plain, brighter, inverted = (outline_of(NORMALISATION.of(one)) for one in (skewed, 3 * skewed + 50, -skewed))
    assert brighter == pytest.approx(plain, abs=1e-4)
    assert plain[OUTLINE.index("grey_mean")] == pytest.approx(-inverted[OUTLINE.index("grey_mean")], abs=1e-4)
    assert abs(plain[OUTLINE.index("grey_mean")]) > 0.05
    for name in ("lines_1", "lines_2"):
        assert plain[OUTLINE.index(name)] == pytest.approx(-inverted[OUTLINE.index(name)], abs=1e-3)
        assert abs(plain[OUTLINE.index(name)]) > 0.05


def test_a_plain_picture_has_no_lines() -> None:
    assert outline_of(np.zeros((1, 64, 64), np.float32))[-2:].tolist() == [0, 0]


def test_one_number_where_it_never_was_is_too_far() -> None:
    """However near the others are: a reach over varied images is wide."""
    taught = np.random.default_rng(3).normal(0, 1, (200, len(OUTLINE)))
    taught[:, OUTLINE.index("lines_2")] = np.linspace(-0.8, 0.1, 200)
    card = outlined(reach=reach_of(taught, limits=True))
    assert why_not_reach(card, np.zeros(len(OUTLINE))) is None
    inverted = np.zeros(len(OUTLINE))
    inverted[OUTLINE.index("lines_2")] = 0.2
    assert "lines_2 is 0.2, and not -0.89 to 0.19: is it inverted?" in (why_not_reach(card, inverted) or "")
    wide = outlined(reach=reach_of(taught))
    assert why_not_reach(wide, inverted) is None
    with pytest.raises(ValidationError, match="low and high come together"):
        Reach(center=(0.0,), spread=(1.0,), far=1.0, low=(0.0,))
    assert "low" not in reach_of(taught).model_dump(mode="json")
