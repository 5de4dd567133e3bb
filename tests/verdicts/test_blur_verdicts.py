"""What is said of an image by its blur, among the images of a run."""

from __future__ import annotations

import numpy as np
import pytest
from tests.rigs.focus_reports import DENSITY, RATIO, report, texture

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.contract.profile import HALVES, Profile
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.verdicts.blur import transfer
from mhfd_client.verdicts.blur.blur import BlurKind
from mhfd_client.verdicts.blur.calibration import Calibration, Interval
from mhfd_client.verdicts.blur.spectrum import HALF, LEVELS, WAY, WHOLE
from mhfd_client.verdicts.decision import blur_of, judge_report
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Cause


def profile(change: np.ndarray | float = 0.0, *, seed: int = 0, lines: float = 0.0) -> Profile:
    """Of tissue whose spectrum strays by 3% a ring from image to image."""
    rng = np.random.default_rng(seed)
    levels = -np.linspace(0, 4, LEVELS) + rng.normal(0, 0.03, LEVELS) + change

    def hundredths(values: np.ndarray) -> tuple[int, ...]:
        return tuple(np.rint(100 * values).astype(int).tolist())

    return Profile(
        whole=hundredths(levels[WHOLE]), whole_sd=(2,) * 18,
        halves=hundredths(levels[HALF]), halves_sd=(2,) * 36,
        ways=hundredths(levels[WAY]), ways_sd=(2,) * 56,
        lines=hundredths(rng.normal(lines, 0.02, 8)),
    )  # fmt: skip


def disc(radius: float) -> np.ndarray:
    models = transfer.discs()
    row = int(np.abs(models.sizes - radius * abs(radius)).argmin())
    return np.concatenate([models.whole[row], np.tile(models.halves[row], len(HALVES)), models.ways[row]])


def image(number: int, change: np.ndarray | float = 0.0, *, density: float = DENSITY) -> FocusReport:
    return report(density, RATIO).model_copy(update={"profile": profile(change, seed=number)})


def run(count: int = 20, *, confirm: bool = True, calibration: Calibration | None = None) -> RunJudge:
    judge = RunJudge(calibration=calibration)
    for number in range(1, count + 1):
        judge.see(number, image(number), Place(number))
    for number in (1, 2, 3) if confirm else ():
        judge.hear(number, True)
    judge.finish()
    return judge


HERE = Place(21)


@pytest.fixture(scope="module")
def settled() -> RunJudge:
    return run()


def test_a_small_blur_is_found_where_features_do_not_tell(settled: RunJudge) -> None:
    verdict = judge_report(image(21, disc(1.5)), HERE, settled.history, settled.settings)
    assert (verdict.kind, verdict.cause, verdict.provisional) == (Outcome.OUT_OF_FOCUS, Cause.MEASURED, False)
    assert verdict.blur is not None
    assert (verdict.blur.kind, verdict.blur.neighbours) == (BlurKind.DEFOCUS, 15)
    assert verdict.blur.low < 1.5 < verdict.blur.high
    low, high = verdict.blur.low, verdict.blur.high
    said = f"blurred by {verdict.blur.px:.1f} px ({low:.1f} to {high:.1f}) more than the 15 sharp images near it"
    assert said in verdict.sentence


@pytest.mark.parametrize("fewer", [0.6, 0.4])
def test_a_step_of_dose_is_no_blur(settled: RunJudge, fewer: float) -> None:
    verdict = judge_report(image(21, density=fewer * DENSITY), HERE, settled.history, settled.settings)
    assert verdict.kind is Outcome.IN_FOCUS
    assert verdict.blur is not None
    assert verdict.blur.kind is None


def test_a_side_that_has_fewer_features_is_no_tilt_where_its_spectrum_is_as_ever(settled: RunJudge) -> None:
    poor = report(DENSITY, RATIO, sides={"left": 0.4}).model_copy(update={"profile": profile(seed=21)})
    assert judge_report(poor, HERE, settled.history, settled.settings).kind is Outcome.IN_FOCUS


def test_a_side_that_is_blurred_is_named(settled: RunJudge) -> None:
    change = np.zeros(LEVELS)
    change[HALF.start : HALF.start + 9] = disc(3.0)[HALF.start : HALF.start + 9]
    verdict = judge_report(image(21, change), HERE, settled.history, settled.settings)
    assert (verdict.kind, verdict.region) == (Outcome.OUT_OF_FOCUS, "left")
    assert verdict.blur is not None
    assert verdict.blur.kind is BlurKind.TILT
    assert "on its left side" in verdict.sentence


def test_what_no_blur_does_cannot_be_told(settled: RunJudge) -> None:
    strange = disc(3.0) + np.where(np.arange(LEVELS) % 2, 0.8, -0.8)
    verdict = judge_report(image(21, strange), HERE, settled.history, settled.settings)
    assert (verdict.kind, verdict.cause) == (Outcome.UNDETERMINED, Cause.MISFIT)
    assert verdict.blur is not None
    assert verdict.blur.kind is None
    assert "no blur" in verdict.sentence


def test_without_profiles_features_judge_as_ever(settled: RunJudge) -> None:
    verdict = judge_report(report(0.4 * DENSITY, 0.3 * RATIO), HERE, settled.history, settled.settings)
    assert (verdict.kind, verdict.blur) == (Outcome.OUT_OF_FOCUS, None)


def test_a_slow_drift_is_named_before_it_has_come_to_1_2_px() -> None:
    judge = run()
    named: float | None = None
    for number in range(21, 180):
        radius = 0.01 * (number - 20)
        judge.see(number, image(number, disc(radius)), Place(number))
        drift = next(iter(judge.drifts.values()), None)
        if drift is not None:
            named = radius
            assert drift.kind == "sharpness"
            assert drift.px is not None
            assert "px more than the images that you confirmed" in drift.sentence
            break
    assert named is not None
    assert named <= 1.2


def test_a_run_without_drift_has_none() -> None:
    judge = run()
    for number in range(21, 60):
        judge.see(number, image(number, density=0.6 * DENSITY), Place(number))
    assert not judge.drifts


def test_a_calibration_says_how_far_out_of_focus() -> None:
    mine = Interval(value=0.5, low=0.45, high=0.55)
    calibration = Calibration(
        made="2026-11-29T00:00:00Z", version="0", instrument=None, pixel_nm=8.0, dwell_ns=None, params=Params(),
        images=9, um_a_px=mine, half_angle_mrad=None, focus_um=Interval(value=0, low=-1, high=1), chi2=1.0,
        foretold=0.9, law=None,
    )  # fmt: skip
    judge = run(calibration=calibration)
    verdict = judge_report(image(21, disc(4.0)), HERE, judge.history, judge.settings)
    assert verdict.blur is not None
    assert verdict.blur.um == pytest.approx(2.0, abs=0.2)
    assert "out of focus by about" in verdict.sentence
    other = image(21, disc(4.0))
    other = other.model_copy(update={"image": other.image.model_copy(update={"dwell_ns": 400.0})})
    elsewhere = judge_report(other, HERE, judge.history, judge.settings)
    assert elsewhere.blur is not None
    assert elsewhere.blur.um is None


def test_the_blur_of_a_labelled_image_is_known_whatever_was_said() -> None:
    judge = run()
    judge.see(21, image(21, disc(2.0)), HERE)
    said = judge.hear(21, True)[0].verdict
    assert (said.kind, said.cause) == (Outcome.IN_FOCUS, Cause.OPERATOR)
    assert said.blur is not None
    assert (said.blur.kind, round(said.blur.px)) == (None, 2)
    found = blur_of(judge.history, judge.history.row(21), judge.settings)
    assert found is not None
    assert found.low < 2 < found.high


def test_without_a_pixel_size_what_a_disc_explains_is_no_other_magnification() -> None:
    def unsized(number: int, radius: float = 0.0) -> FocusReport:
        part = 0.5 if radius else 1.0
        moved = texture(magnified=2.0 if radius else 1.0)
        made = report(part * DENSITY, part * RATIO, pixel_nm=None, texture=moved)
        return made.model_copy(update={"profile": profile(disc(radius), seed=number)})

    judge = RunJudge()
    for number in range(1, 21):
        judge.see(number, unsized(number), Place(number))
    verdict = judge_report(unsized(21, 2.5), HERE, judge.history, judge.settings)
    assert (verdict.kind, verdict.cause) == (Outcome.OUT_OF_FOCUS, Cause.MEASURED)
