"""What a package says of a pair: a sign, a size only where a known move has shown it, or a refusal by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import packages

from mhfd import simulate
from mhfd.contract.proposal import PairCalibration, Proposal, ProposalRefusal
from mhfd.errors import UsageError
from mhfd.learning.learners.export import said_by
from mhfd.learning.learners.graph import Graph
from mhfd.learning.manifold.asking import PairSession, champion_or_shipped
from mhfd.learning.manifold.pair import LEVEL_NAMES, PAIR_VERSION, RING_NAMES, ImagePair, measured
from mhfd.learning.packages import Library, Package, Reach, Recipe, write_package

SIDE = 320
CODE = ProposalRefusal


@cache
def field(seed: int, origin: tuple[int, int]) -> Any:
    return simulate.Specimen(seed=seed).scene((SIDE, SIDE), origin=origin)


@cache
def taken(defocus_um: float, seed: int = 5, take: int = 0, origin: tuple[int, int] = (0, 0)) -> Any:
    optics = simulate.Optics(defocus_um=defocus_um)
    return simulate.Specimen(seed=seed).recorded(field(seed, origin), 0, take, optics)


def pair(middle_um: float = -3.0, perturbation_um: float = 2.0, **known: Any) -> ImagePair:
    """In the middle so far from the focus: what is to be added is the opposite."""
    a, b = taken(middle_um + perturbation_um), taken(middle_um - perturbation_um, take=1)
    return replace(ImagePair(a, b, perturbation_um, pixel_nm=8.0), **known)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return champion_or_shipped(Library(tmp_path_factory.mktemp("library")))


@pytest.fixture(scope="module")
def session(shipped: Package) -> PairSession:
    return PairSession(shipped)


def calibrated(session: PairSession, **changed: Any) -> PairCalibration:
    """By one known move: from 1 um off to 2 um off."""
    one, two = session.units(pair(-1.0)), session.units(pair(-2.0))
    assert isinstance(one, float)
    assert isinstance(two, float)
    known: dict[str, Any] = {
        "package": session.package.name,
        "um_a_unit": 1.0 / (two - one),
        "sd_part": 0.1,
        "perturbation_um": 2.0,
        "pixel_nm": 8.0,
    }
    return PairCalibration(**(known | changed))


@pytest.mark.parametrize("middle", [-6.0, -3.0, -1.0, 1.0, 3.0, 6.0])
def test_what_ships_says_the_sign_alone(session: PairSession, middle: float) -> None:
    said = session.propose(pair(middle))

    assert (said.sign, said.move_um, said.sd_um, said.refusal) == (-np.sign(middle), None, None, None)
    assert said.package == session.package.name
    assert "calibrate" in (said.why or "")


def test_a_known_move_gives_the_size(session: PairSession) -> None:
    said = session.propose(pair(-2.0), calibrated(session))

    assert said.move_um == pytest.approx(2.0, abs=0.4)
    assert said.sd_um is not None
    assert 0.1 * (said.move_um or 0.0) <= said.sd_um < 1.0
    assert said.why is None


@pytest.mark.parametrize(
    ("known", "calibration", "why"),
    [
        ({}, {"package": "0" * 64}, "the calibration is of another package"),
        ({"pixel_nm": None}, {}, "do not say how large a pixel is"),
        ({"pixel_nm": 4.0}, {}, "a pixel was 8 nm, and now 4"),
        ({"dwell_ns": 400.0}, {"dwell_ns": 800.0}, "the dwell time was 800 ns, and now 400"),
        ({"beam_kv": 5.0}, {"beam_kv": 2.0}, "the voltage was 2 kV, and now 5"),
        ({"instrument": "Merlin"}, {"instrument": "Gemini"}, "the calibration is of Gemini, and this is Merlin"),
    ],
)
def test_where_a_calibration_does_not_hold_the_sign_remains(
    session: PairSession, known: dict[str, Any], calibration: dict[str, Any], why: str
) -> None:
    said = session.propose(pair(**known), calibrated(session, **calibration))

    assert (said.sign, said.move_um, said.refusal) == (1, None, None)
    assert why in (said.why or "")


def same(one: ImagePair) -> ImagePair:
    return replace(one, b=one.a)


def blank(one: ImagePair) -> ImagePair:
    a, b = np.random.default_rng(3).normal(120, 10, (2, SIDE, SIDE)).astype(np.uint8)
    return replace(one, a=a, b=b)


def other_field(one: ImagePair) -> ImagePair:
    return replace(one, b=taken(-5.0, seed=6))


def drifted(one: ImagePair) -> ImagePair:
    return replace(one, b=taken(-5.0, take=1, origin=(40, 0)))


@pytest.mark.parametrize(
    ("made", "code", "why"),
    [
        (lambda one: replace(one, flaw="a.tif is blank"), CODE.UNREADABLE, "a.tif is blank"),
        (lambda one: replace(one, b=one.b[:-8]), CODE.SIZES_DIFFER, "320 x 320 and 312 x 320"),
        (lambda one: replace(one, pixels_nm=(8.0, 16.0)), CODE.OTHER_PIXEL, "8 and 16 nm"),
        (same, CODE.SAME_IMAGE, "the same image"),
        (lambda one: replace(one, distances_um=(4998.0, 5002.0)), CODE.DISAGREES, "A was taken 4 um nearer than B"),
        (lambda one: replace(one, distances_um=(7000.0, 3000.0)), CODE.DISAGREES, "4 mm apart, and not 4 um"),
        (lambda one: replace(one, age_s=61.0), CODE.PAIR_TOO_OLD, "61 s old, more than 60 s"),
        (blank, CODE.NO_STRUCTURE, "nothing stands out of the noise"),
        (other_field, CODE.TWO_FIELDS, "do not show the same field"),
        (drifted, CODE.DRIFT, "B lies -40 rows and 0 columns from A, more than 16 pixels"),
    ],
)
def test_what_is_no_pair_is_refused_by_name(
    session: PairSession, made: Callable[[ImagePair], ImagePair], code: ProposalRefusal, why: str
) -> None:
    said = session.propose(made(pair()), calibrated(session), most_age_s=60.0)

    assert (said.sign, said.move_um, said.refusal) == (None, None, code)
    assert why in (said.why or "")
    assert isinstance(session.units(made(pair()), most_age_s=60.0), Proposal)


@pytest.mark.parametrize(
    "known",
    [
        {"distances_um": (5000.0, 5000.0)},
        {"distances_um": (5010.0, 5000.0)},
        {"distances_um": (5001.0, 5000.0)},
        {"age_s": 1e9},
        {"pixel_nm": 2600.0},
        {"pixel_nm": None},
        {"instrument": "any"},
    ],
)
def test_what_files_say_in_passing_refuses_nothing(session: PairSession, known: dict[str, Any]) -> None:
    assert session.propose(pair(**known)).sign == 1


def test_brightness_and_a_small_shift_refuse_nothing(session: PairSession) -> None:
    b = taken(-5.0, take=1, origin=(7, -4))

    assert session.propose(replace(pair(), b=0.5 * b + 40)).sign == 1


def test_as_sharp_as_each_other_is_unsure_until_it_has_a_size(session: PairSession) -> None:
    even = replace(pair(), a=taken(2.0), b=taken(2.0, take=1))
    said = session.propose(even)
    sized = session.propose(even, calibrated(session))

    assert said.refusal in (CODE.UNSURE, None)
    assert sized.move_um == pytest.approx(0.0, abs=0.3)


def test_images_that_are_equal_at_two_known_places_have_no_way_to_go(session: PairSession) -> None:
    plain = taken(0.0)
    said = session.propose(ImagePair(plain, plain, 2.0, distances_um=(5002.0, 4998.0)))

    assert said.refusal is CODE.UNSURE


def test_what_has_nothing_in_common_is_not_said_to_be_in_focus(
    session: PairSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = replace(measured(pair()), upright=1.0, slope=0.0)
    known = calibrated(session)
    monkeypatch.setattr("mhfd.learning.manifold.asking.measured", lambda _: nothing)

    assert session.propose(pair(), known).refusal is CODE.UNSURE


@pytest.mark.parametrize("far", [-40.0, -25.0, 25.0, 40.0])
def test_far_away_it_refuses_or_has_the_sign(session: PairSession, far: float) -> None:
    said = session.propose(pair(far), calibrated(session))

    assert said.refusal is not None or said.sign == -np.sign(far)


def learned(folder: Path, *, chosen: dict[str, float] | None = None, um: float = 10.0, **changed: Any) -> PairSession:
    """A package that says um: so many times the sum of two rings."""
    names = (RING_NAMES[8], RING_NAMES[9], LEVEL_NAMES[10])
    weights = np.array([[um], [um], [0.0]], np.float32)
    graph = Graph(len(names))
    recipe = Recipe(
        learner="pca",
        families=("pair",),
        names=names,
        features_version=PAIR_VERSION,
        method_version=4,
        baseline=False,
        says=("move_um",),
        chosen={"sd_um": 0.2, "perturbation_low_um": 2.0, "perturbation_high_um": 2.0} | (chosen or {}),
    )
    test = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    usual = {"task": "adjust", "recipe": recipe, "reach": None, "groups_seen": ("SEM 7/mouse/a",), "pixel_nm": (8, 8)}
    package = write_package(
        folder,
        packages.card_of(**(usual | changed)),
        graph.bytes_of(graph.step("MatMul", "features", graph.constant(weights)), 1),
        test,
        test @ weights,
        packages.README,
    )
    return PairSession(package)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PairSession]:
    """Made without the process in which a stranger's package answers its test."""
    monkeypatch.setattr(
        "mhfd.learning.packages.package.tried", lambda weights, test, _: {"said": said_by(weights, test)}
    )
    return lambda **changed: learned(tmp_path, **changed)


def test_who_learned_from_moves_says_um(own: Callable[..., PairSession]) -> None:
    said = own().propose(pair())

    assert said.sign == 1
    assert said.move_um is not None
    assert said.move_um > 0
    assert said.sd_um is not None
    assert said.sd_um >= 0.2


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"pixel_nm": None}, "do not say how large a pixel is"),
        ({"instrument": "SEM 8"}, "learned on SEM 7"),
        ({"perturbation_um": 5.0}, "taught with pairs at 2 um"),
    ],
)
def test_where_it_did_not_learn_the_sign_remains(
    own: Callable[..., PairSession], known: dict[str, Any], why: str
) -> None:
    said = own().propose(pair(**known))

    assert (said.sign, said.move_um) == (1, None)
    assert why in (said.why or "")


def test_it_does_not_speak_of_another_pixel(own: Callable[..., PairSession]) -> None:
    assert own().propose(pair(pixel_nm=4.0)).refusal is CODE.OTHER_PIXEL
    assert own().propose(pair(pixel_nm=8.1)).refusal is None


def test_it_goes_no_farther_than_it_was_taught(own: Callable[..., PairSession]) -> None:
    said = own(chosen={"low_um": -4.0, "high_um": 4.0}, um=100.0).propose(pair())

    assert said.move_um == 4.0
    assert said.sd_um is not None
    assert said.sd_um > 4.0
    assert "then a pair again" in (said.why or "")


@pytest.mark.parametrize(("level", "code"), [(50.0, CODE.TOO_FAR), (-50.0, CODE.UNLIKE)])
def test_beyond_its_reach_it_says_nothing(own: Callable[..., PairSession], level: float, code: ProposalRefusal) -> None:
    reach = Reach(center=(0.0, 0.0, level), spread=(1.0, 1.0, 1.0), far=3.0)

    assert own(reach=reach).propose(pair()).refusal is code


def test_one_of_another_task_is_not_asked(tmp_path: Path, own: Callable[..., PairSession]) -> None:
    with pytest.raises(UsageError, match="is for the task focus"):
        own(task="focus")
    with pytest.raises(UsageError, match="as another mhfd measures them: learn it again"):
        own(recipe=packages.card_of().recipe.model_copy(update={"names": RING_NAMES[:3]}))


def test_a_champion_is_asked_before_what_ships(shipped: Package, tmp_path: Path) -> None:
    class Promoted(Library):
        def champion(self, task: str, instrument: str | None = None) -> Package | None:
            return shipped if task == "adjust" else None

    assert champion_or_shipped(Promoted(tmp_path, tmp_path)) is shipped
    with pytest.raises(UsageError, match="not installed whole"):
        champion_or_shipped(Library(tmp_path, tmp_path))
