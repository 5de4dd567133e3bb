"""What a simulated run can be asked for: each cause with its truth, the detector's noise, JPEG, two kinds, a drift."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from numpy.typing import NDArray

import mhfd
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd_client.cli import main
from mhfd_client.commands.simulate import simulate
from mhfd_client.microscope import images
from mhfd_client.microscope.causes import CAUSES, causes_named
from mhfd_client.microscope.plan import NoiseKind, RunPlan
from mhfd_client.microscope.truth import Shot, ShotKind, answer, grade, read_truth, write_truth
from mhfd_client.verdicts.blur.blur import BlurKind

PLAN = RunPlan.of(5, sections=60, size=256, causes=causes_named("all"))
SHARP = Shot(9, "r1-c1", "sharp.tif", ShotKind.SHARP, "in_focus")
HARMLESS = ("wrinkle", "particles", "charging", "resin", "shading", "banding", "jitter")


def one(kind: ShotKind, plan: RunPlan = PLAN) -> Shot:
    return next(shot for shot in plan.shots if shot.kind is kind)


def energy(picture: NDArray[np.uint8] | NDArray[np.uint16], axis: int) -> float:
    """Of waves along the axis, 4 to 10 pixels long, less the noise."""
    values = (picture - picture.mean()) * np.hanning(picture.shape[0])[:, None] * np.hanning(picture.shape[1])
    power = np.abs(np.fft.fft2(values)) ** 2
    down, along = (np.abs(np.fft.fftfreq(n)) for n in picture.shape)
    that, other = (down[:, None], along[None]) if axis == 0 else (along[None], down[:, None])
    noise = power[(down[:, None] > 0.42) & (along[None] > 0.42)].mean()
    return float(power[(that > 0.1) & (that < 0.25) & (other < 0.05)].mean() - noise)


def test_all_draws_every_cause_and_sharp_images_between() -> None:
    kinds = [shot.kind for shot in PLAN.shots if not shot.retake_of]
    assert set(kinds) == set(CAUSES)
    assert kinds.count(ShotKind.SHARP) > len(kinds) / 2
    assert [shot.section for shot in PLAN.shots if not shot.retake_of] == list(range(1, 61))


def test_a_list_draws_these_and_no_others() -> None:
    plan = RunPlan.of(1, sections=40, size=128, causes=causes_named("vibration, motion_across,shading,sharp"))
    assert {shot.kind for shot in plan.shots} == {
        ShotKind.VIBRATION,
        ShotKind.MOTION_ACROSS,
        ShotKind.SHADING,
        ShotKind.SHARP,
    }
    assert {shot.kind for shot in RunPlan.of(1, sections=8, causes=[]).shots} == {ShotKind.SHARP}


@pytest.mark.parametrize("text", ["defocus,blurry", "", "all,defocus", "drifted"])
def test_a_cause_that_is_none_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(UsageError, match=r"^causes: '\w*' is none; give all, or a list.*astigmatic.*saturated$"):
        causes_named(text)


def test_a_run_too_short_for_its_causes_says_how_long_it_must_be() -> None:
    with pytest.raises(UsageError, match=r"^sections: 20 are too few for 19 causes; give at least 38$"):
        RunPlan.of(0, sections=20, causes=causes_named("all"))
    with pytest.raises(UsageError, match=r"^failures: 0 leaves no room"):
        RunPlan.of(0, failures=0, causes=causes_named("defocus"))
    shortest = RunPlan.of(0, sections=38, causes=causes_named("all"))
    assert {shot.kind for shot in shortest.shots} == set(CAUSES)


def test_the_words_of_the_truth_are_those_of_a_verdict() -> None:
    assert {shot.blur for shot in PLAN.shots} == {"", *BlurKind}


@pytest.mark.parametrize("kind", CAUSES, ids=str)
def test_truth_says_what_blurs_how_much_and_which_way(kind: ShotKind) -> None:
    shot = one(kind)
    if kind in (ShotKind.LOW_DOSE, ShotKind.SATURATED):
        assert shot.expected == "either"
    elif kind in (*HARMLESS, ShotKind.SHARP):
        assert shot.expected == "in_focus"
    else:
        assert shot.planted
    part = 0.75 if kind is ShotKind.TILTED else 1  # a side's mean, where the amount is at its far end
    assert shot.px == (part * shot.amount if shot.blur or kind is ShotKind.SHARP else 0)
    match shot.blur:
        case "" | "defocus":
            assert shot.angle_deg is None
        case "motion_across":
            assert (shot.angle_deg, 3.5 <= shot.px <= 5) == (90, True)
        case "motion_along":
            assert (shot.angle_deg, 3.5 <= shot.px <= 5) == (0, True)
        case "vibration":
            assert shot.px == 0.3 if kind is ShotKind.JITTER else 1.5 <= shot.px <= 2.5
        case "astigmatism":
            assert 3 <= shot.px <= 5
            assert 0 < shot.shorter_px <= 0.35 * shot.px
        case _:
            assert shot.angle_deg in (0, 90, 180, 270)


def test_the_truth_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    write_truth(path, PLAN.shots)
    assert read_truth(path) == PLAN.shots
    with path.open(newline="") as file:
        rows = {row["kind"]: row for row in csv.DictReader(file)}
    assert rows["astigmatic"]["blur"] == "astigmatism"
    assert float(rows["vibration"]["px"]) == one(ShotKind.VIBRATION).amount
    assert rows["wrinkle"]["blur"] == rows["wrinkle"]["angle_deg"] == ""


def test_a_truth_of_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(
        "section,tile,path,kind,expected,amount,take,retake_of\n3,r1-c1,a.tif,defocus,out_of_focus,2.5,0,\n"
    )
    assert read_truth(path) == (Shot(3, "r1-c1", "a.tif", ShotKind.DEFOCUS, "out_of_focus", 2.5),)


@pytest.mark.parametrize(
    ("kind", "down", "along"),
    [
        (ShotKind.MOTION_ALONG, (0.8, 1.1), (0.0, 0.4)),
        (ShotKind.MOTION_ACROSS, (0.0, 0.4), (0.8, 1.1)),
        (ShotKind.DEFOCUS, (0.0, 0.1), (0.0, 0.1)),
        (ShotKind.VIBRATION, (0.8, 1.3), (0.0, 0.4)),
        (ShotKind.JITTER, (0.9, 1.1), (0.7, 1.0)),
    ],
)
def test_what_is_blurred_one_way_keeps_the_other(
    kind: ShotKind, down: tuple[float, float], along: tuple[float, float]
) -> None:
    shot = one(kind)
    sharp = images.picture(PLAN, replace(SHARP, section=shot.section))
    drawn = images.picture(PLAN, shot)
    for axis, (low, high) in enumerate((down, along)):
        assert low <= energy(drawn, axis) / energy(sharp, axis) <= high, axis


@pytest.mark.parametrize("angle", [0.0, 90.0])
def test_an_astigmatic_image_is_sharper_across_its_ellipse(angle: float) -> None:
    shot = replace(one(ShotKind.ASTIGMATIC), angle_deg=angle)
    drawn = images.picture(PLAN, shot)
    longer, shorter = (1, 0) if angle == 0 else (0, 1)
    assert energy(drawn, longer) < 0.2 * energy(drawn, shorter)


@pytest.mark.parametrize(("angle", "worse"), [(0, "right"), (90, "bottom"), (180, "left"), (270, "top")])
def test_a_tilted_image_gets_worse_where_the_truth_says(angle: int, worse: str) -> None:
    drawn = images.picture(PLAN, replace(one(ShotKind.TILTED), angle_deg=float(angle), amount=6.0))
    parts = {"top": drawn[:80], "bottom": drawn[-80:], "left": drawn[:, :80], "right": drawn[:, -80:]}
    assert min(parts, key=lambda side: energy(parts[side], 0) + energy(parts[side], 1)) == worse


def test_a_saturated_image_is_white_and_one_of_low_dose_is_noisy() -> None:
    assert (images.picture(PLAN, one(ShotKind.SATURATED)) == 255).mean() > 0.2
    assert images.picture(PLAN, one(ShotKind.LOW_DOSE)).std() > 1.15 * images.picture(PLAN, SHARP).std()


def test_low_dose_is_nothing_to_grade_and_an_operator_calls_it_sharp() -> None:
    dim = [one(ShotKind.LOW_DOSE), one(ShotKind.SATURATED)]
    for said in ("in_focus", "out_of_focus", "undetermined"):
        graded = grade(dim, {shot.path: said for shot in dim})
        assert (graded.planted, graded.false_alarms, graded.untold) == (0, (), ())
    assert all(answer(dim, [shot.path for shot in dim]).values())


@pytest.mark.parametrize("noise", list(NoiseKind), ids=str)
def test_noise_has_the_detectors_colour(noise: NoiseKind) -> None:
    """Of empty resin, where there is nothing else: how alike neighbours are, along the line and across."""
    blank = Shot(2, "r1-c1", "a.tif", ShotKind.BLANK, "undetermined")
    drawn = images.picture(replace(PLAN, noise=noise), blank)[20:-20, 20:-20].astype(float)
    along, across = (float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in (
        (drawn[:, 1:], drawn[:, :-1]),
        (drawn[1:], drawn[:-1]),
    ))  # fmt: skip
    coloured = {"white": (False, False), "line": (True, False), "grain": (True, True), "frames": (False, False)}
    assert (along > 0.15, across > 0.1) == coloured[noise]
    assert coloured[noise] == (True, True) or abs(across) < 0.05


def test_jpeg_loses_a_little_and_is_read(tmp_path: Path) -> None:
    path, plan = tmp_path / "a.tif", replace(PLAN, jpeg=60)
    path.write_bytes(images.tiff(plan, SHARP))
    kept, plain = tifffile.imread(path).astype(float), images.picture(plan, SHARP).astype(float)
    assert 0 < np.abs(kept - plain).mean() < 15
    assert len(path.read_bytes()) < 0.6 * len(images.tiff(PLAN, SHARP))
    report = mhfd.score(path, threads=1)
    assert report.finding is Finding.OK
    assert report.image.pixel_nm == 8


def test_every_second_section_is_of_another_kind() -> None:
    plan = replace(PLAN, two_kinds=True)
    same, usual, other, plain = (
        images.picture(p, replace(SHARP, section=z)) for z in (10, 11) for p in (plan, PLAN)
    )  # fmt: skip
    assert np.array_equal(same, usual)
    assert other.mean() > plain.mean() + 3


def test_a_drift_of_focus_begins_where_it_is_told() -> None:
    plan = RunPlan.of(0, sections=50, failures=0, focus_drift_px=3, focus_drift_from=21)
    firsts = [shot for shot in plan.shots if not shot.retake_of]
    kinds = [shot.kind for shot in firsts]
    assert kinds == [ShotKind.SHARP] * 20 + [ShotKind.DRIFTED] * 30
    amounts = [shot.px for shot in firsts[20:]]
    assert amounts == pytest.approx(np.arange(1, 31) / 10)
    assert [shot.expected for shot in firsts[20:]] == ["in_focus"] * 11 + ["either"] * 8 + ["out_of_focus"] * 11
    from_the_start = RunPlan.of(0, sections=50, failures=0, focus_drift_px=3).shots
    assert from_the_start[24].px == 1.5


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("focus_drift_from", {"focus_drift_from": 99}),
        ("focus_drift_px", {"focus_drift_px": -1.0}),
        ("blurred_start", {"blurred_start": -1}),
        ("jpeg", {"jpeg": 0}),
    ],
)
def test_a_run_that_cannot_be_is_refused(field: str, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        RunPlan.of(0, sections=10, **options)  # type: ignore[arg-type]  # wrong on purpose


def test_every_noise_can_be_asked_for_in_words() -> None:
    (noise,) = (option.type for option in simulate.params if option.name == "noise")
    assert isinstance(noise, click.Choice)
    assert list(noise.choices) == [kind.value for kind in NoiseKind]  # written there too: help loads no numpy


def test_the_command_takes_all_of_it(tmp_path: Path) -> None:
    into = tmp_path / "run"
    asked = "--sections 8 --size 128 --at-once --causes vibration,banding --noise line --jpeg 80 --two-kinds "
    asked += "--blurred-start 1 --focus-drift 2 --focus-drift-from 5"
    done = CliRunner().invoke(main, ["simulate", "--into", str(into), *asked.split()])
    assert done.exit_code == 0, done.output
    truth = read_truth(tmp_path / "run.truth.csv")
    assert {"vibration", "banding", "drifted"} <= {shot.kind for shot in truth}
    assert all((into / shot.path).exists() for shot in truth)
    refused = CliRunner().invoke(main, ["simulate", "--into", str(tmp_path / "other"), "--causes", "fog"])
    assert refused.exit_code == 2
    assert "causes: 'fog' is none; give all, or a list" in refused.output
    assert not (tmp_path / "other").exists()
