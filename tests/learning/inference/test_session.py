"""A package answers with an estimate, or with why it has none; whatever it is, the image keeps its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from tests.rigs import packages
from tests.rigs.estimates import tissue
from tests.rigs.focus_reports import report

import mhfd
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.learning import features
from mhfd.learning.features.part import LARGEST, part_of, part_of_array
from mhfd.learning.inference import Session
from mhfd.learning.inference.session import features_by_name
from mhfd.learning.packages import Card, Package, Reach, Recipe
from mhfd.rows import InMemory

FAMILY = "report"
NAMES = features.names((FAMILY,))
MIDDLE = dict.fromkeys(NAMES, 0.0)


def recipe(**changed: Any) -> Recipe:
    usual: dict[str, Any] = {
        "learner": "made up",
        "families": (FAMILY,),
        "names": NAMES,
        "features_version": features.VERSION,
        "method_version": METHOD_VERSION,
        "baseline": False,
        "says": ("bad",),
    }
    return Recipe(**(usual | changed))


@dataclass(frozen=True)
class InMemoryPackage:
    """A package that was verified, without its folder: to verify one is a process of its own."""

    card: Card
    model: bytes
    name: str = "5e" * 32

    def weights(self) -> bytes:
        return self.model


def make(bias: tuple[float, ...] = (0.0,), *, squash: str = "Sigmoid", weight: float = 1.0, **card: Any) -> Session:
    """Says the squashed sum of its features and a constant, for each of what it says."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["biased"]),
        helper.make_node(squash, ["biased"], ["said"]),
    ]
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(NAMES)])
    said = helper.make_tensor_value_info("said", TensorProto.FLOAT, [None, len(bias)])
    weights = np.full((len(NAMES), len(bias)), weight, np.float32)
    held = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(bias, np.float32), "bias")]
    graph = helper.make_graph(nodes, "made_up", [given], [said], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    usual = {"recipe": recipe(), "reach": None, "pixel_nm": None, "title": "lab-focus"}
    held_package = InMemoryPackage(packages.card_of(**(usual | card)), model.SerializeToString())
    return Session(cast(Package, held_package))


def test_an_image_smaller_than_all_that_it_was_taught_with_is_refused() -> None:
    """Of small images the features lie elsewhere: a blur of 5.9 px was read as 7.2, with a range that left it out."""
    told = report()
    side = min(told.image.part_shape or (0,))
    made = make(recipe=recipe(chosen={"least_side": side + 1.0})).made(MIDDLE, told).estimate
    assert made.refusal == f"it was taught with images of {side + 1} pixels a side at least, and this one has {side}"
    assert made.p is None
    assert make(recipe=recipe(chosen={"least_side": float(side)})).made(MIDDLE, told).estimate.refusal is None


def test_it_says_how_likely_the_image_is_out_of_focus() -> None:
    made = make((1.0,)).made(MIDDLE, report())
    assert made.estimate.p == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-4)
    assert made.estimate.refusal is None
    assert made.estimate.ms is not None
    assert made.features == bytes(4 * len(NAMES))


def test_it_says_a_radius() -> None:
    estimate = (
        make((2.1, 0.5), squash="Identity", recipe=recipe(says=("radius_px", "sd"))).made(MIDDLE, report()).estimate
    )
    assert estimate.radius_px == pytest.approx(2.1)
    assert estimate.sd == pytest.approx(0.5)
    assert estimate.p is None


def test_it_says_a_cause_or_that_it_is_not_sure() -> None:
    says = ("in_focus", "defocus", "low_dose")
    sure = (
        make((0.0, 0.0, 3.0), squash="Softmax", recipe=recipe(says=says), task="cause").made(MIDDLE, report()).estimate
    )
    assert sure.cause == "low_dose"
    assert sure.p == pytest.approx(np.exp(3) / (np.exp(3) + 2), abs=1e-4)
    unsure = (
        make((0.0, 0.1, 0.2), squash="Softmax", recipe=recipe(says=says), task="cause").made(MIDDLE, report()).estimate
    )
    assert unsure.refusal == "it is not sure: low dose (p .37) or defocus (p .33)"
    braver = recipe(says=says, chosen={"least_p": 0.3})
    assert make((0.0, 0.1, 0.2), squash="Softmax", recipe=braver, task="cause").made(MIDDLE, report()).estimate.cause


@pytest.mark.parametrize(
    ("card", "of_report", "why"),
    [
        ({}, {"finding": Finding.BLANK}, "nothing was measured: the image is blank"),
        ({}, {"finding": Finding.SATURATED}, "nothing was measured: the image is saturated"),
        ({}, {"finding": Finding.INVALID}, "nothing was measured: the image is invalid"),
        ({}, {"params": Params(n=8)}, "it knows reports of the preset robust, and this is one of 'custom'"),
        ({"pixel_nm": (20.0, 30.0)}, {}, "it was taught with pixels of 20 to 30 nm, and here they are 8 nm"),
        ({"recipe": recipe(features_version=99)}, {}, "it was made with features of version 99"),
        ({"recipe": recipe(method_version=1)}, {}, "it was made with mhfd's method 1"),
        ({"recipe": recipe(baseline=True)}, {}, "it compares with sharp images near this one, and there are none yet"),
        (
            {"reach": Reach(center=(9.0,) * len(NAMES), spread=(1.0,) * len(NAMES), far=3.0)},
            {},
            "the image is unlike all that it was taught with (3 of its reach)",
        ),
    ],
)
def test_it_refuses_where_what_it_assumes_does_not_hold(
    card: dict[str, Any], of_report: dict[str, Any], why: str
) -> None:
    estimate = make((1.0,), **card).made(MIDDLE, report(**of_report)).estimate
    assert estimate.refusal is not None
    assert why in estimate.refusal
    assert (estimate.p, estimate.radius_px, estimate.cause) == (None, None, None)


def test_pixels_a_little_beyond_or_unknown_are_no_reason() -> None:
    for pixel_nm in (8.0, None):
        session = make((1.0,), pixel_nm=(10.0, 12.0))
        assert session.made(MIDDLE, report(pixel_nm=pixel_nm)).estimate.refusal is None


def test_it_compares_with_the_baseline() -> None:
    session = make((0.0,), recipe=recipe(baseline=True))
    features_now = dict.fromkeys(NAMES, 2.0)
    made = session.made(features_now, report(), [2.0] * len(NAMES))
    assert made.estimate.p == 0.5
    assert made.features == np.full(len(NAMES), 2.0, "<f4").tobytes(), "what is kept is what it was shown"
    wrong = session.made(features_now, report(), [2.0]).estimate
    assert "the sharp images near this one have 1" in (wrong.refusal or "")


@pytest.mark.parametrize(
    ("bias", "squash", "says", "why"),
    [
        ((2.0,), "Identity", ("bad",), "a probability that is none"),
        ((1.0, -1.0), "Identity", ("radius_px", "sd"), "a spread below 0"),
        ((3e38,), "Identity", ("bad",), "no number"),
    ],
)
def test_an_answer_that_is_none_is_a_refusal(
    bias: tuple[float, ...], squash: str, says: tuple[str, ...], why: str
) -> None:
    features_now = dict.fromkeys(NAMES, 3e37 if why == "no number" else 0.0)
    estimate = make(bias, squash=squash, weight=9.0 if why == "no number" else 1.0, recipe=recipe(says=says))
    assert why in (estimate.made(features_now, report()).estimate.refusal or "")


def test_a_feature_that_is_not_there_is_named() -> None:
    estimate = make().made({}, report()).estimate
    assert f"it was made with the feature {NAMES[0]!r}, which this mhfd does not have" in (estimate.refusal or "")


def test_an_image_from_its_pixels() -> None:
    pixels = tissue()
    scored = mhfd.score(pixels)
    session = make((0.0,), weight=0.0)
    assert session.estimate(pixels, scored).p == 0.5
    blank = np.zeros((256, 256), np.uint8)
    assert "the image is blank" in (session.estimate(blank, mhfd.score(blank)).refusal or "")


def test_one_look_serves_every_package() -> None:
    pixels = tissue()
    scored: FocusReport = mhfd.score(pixels)
    found = features_by_name(pixels, scored, ["report", "rings", "no such family"])
    assert set(found) == set(features.names(("report", "rings")))
    assert np.isfinite(list(found.values())).all()


def test_of_a_large_image_the_middle_is_looked_at() -> None:
    wide = np.arange(3 * (LARGEST + 10), dtype=np.float32).reshape(3, LARGEST + 10)
    part = part_of(InMemory(wide))
    assert part.tolist() == wide[:, 5 : LARGEST + 5].tolist()
    assert part_of_array(wide).tolist() == part.tolist()
    small = wide[:, :7]
    assert part_of(InMemory(small)).tolist() == small.tolist()
