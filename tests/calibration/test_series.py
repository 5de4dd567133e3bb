"""A focus series: what it gives, and why one is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tests.rigs.focus_reports import report
from tests.rigs.focus_series import profile, series

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd_client.calibration import words
from mhfd_client.calibration.series import CalibratedSeries, calibrated
from mhfd_client.errors import SeriesRefused

FOCUS = tuple(float(um) for um in np.linspace(-4, 4, 9))


def found_in(reports: Sequence[FocusReport], focus: Sequence[float] = FOCUS) -> CalibratedSeries:
    of = {report.image.path: um for report, um in zip(reports, focus, strict=True)}
    return calibrated(reports, lambda usable: [of[one.image.path] for one in usable], made="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(("at", "px_a_um"), [(0.0, 1.0), (0.7, 1.2), (-1.3, 0.5)])
def test_um_a_px_and_focus_are_found(at: float, px_a_um: float) -> None:
    told = found_in(series(FOCUS, at=at, px_a_um=px_a_um)).calibration
    assert told.um_a_px.value == pytest.approx(1 / px_a_um, rel=0.05)
    assert told.um_a_px.low < 1 / px_a_um < told.um_a_px.high
    assert told.focus_um.low < at < told.focus_um.high
    assert told.half_angle_mrad is not None
    assert told.half_angle_mrad.value == pytest.approx(8 * px_a_um, rel=0.05)


def test_what_noise_hides_far_from_focus_does_no_harm() -> None:
    focus = tuple(np.linspace(-20, 16, 19))
    told = found_in(series(focus, px_a_um=1.0), focus).calibration
    assert told.um_a_px.low < 1 < told.um_a_px.high


def test_each_image_is_told_with_its_distance_and_its_blur() -> None:
    found = found_in(series(FOCUS, at=0.5))
    far = found.images[-1]
    assert (far.path, far.focus_um) == ("run/a_8.tif", 4.0)
    assert far.distance_um == pytest.approx(3.5, abs=0.2)
    assert far.px == pytest.approx(3.5, abs=0.3)
    assert far.expected_px == pytest.approx(3.5, abs=0.3)
    lines = [*words.table(found), *words.findings(found)]
    assert any(line.startswith("run/a_8.tif") for line in lines)
    assert "f': 0.5" in "\n".join(lines)
    assert any("the better is log-linear" in line for line in lines)


def test_working_distances_are_told_in_mm() -> None:
    focus = [um + 9070 for um in FOCUS]
    lines = list(words.findings(found_in(series(focus, at=9070.2), focus)))
    assert lines[0].startswith("f': 9.07")
    assert " mm (" in lines[0]


def test_without_a_pixel_size_there_is_no_half_angle() -> None:
    found = found_in(series(FOCUS, pixel_nm=None))
    assert found.calibration.half_angle_mrad is None
    assert "half-angle: not known without a pixel size; give --pixel-nm" in list(words.findings(found))


def test_an_image_that_says_nothing_is_left_out_by_name() -> None:
    reports = series(FOCUS)
    path = reports[2].image.path
    blank = report(finding=Finding.BLANK, detail="blank: one grey value")
    reports[2] = blank.model_copy(update={"image": blank.image.model_copy(update={"path": path})})
    reports[5] = reports[5].model_copy(update={"profile": None})
    reports[6] = reports[6].model_copy(update={"profile": profile([np.nan] * 18, 0.1)})
    found = found_in(reports)
    assert found.calibration.images == 6
    assert [(left.path, left.why.split(":")[0]) for left in found.left_out] == [
        ("run/a_2.tif", "blank"),
        ("run/a_5.tif", "its report has no profile; score it with this version"),
        ("run/a_6.tif", "noise hides its detail"),
    ]
    assert "left out: run/a_2.tif: blank: one grey value" in list(words.table(found))


def test_a_series_that_begins_at_focus_says_that_the_other_side_is_missing() -> None:
    focus = tuple(np.linspace(0, 4, 9))
    found = found_in(series(focus, at=0.1), focus)
    assert found.one_sided
    assert any("hardly any image lies beyond f'" in line for line in words.findings(found))
    assert not found_in(series(FOCUS)).one_sided


def _few() -> list[FocusReport]:
    return series(FOCUS[:4])


def _mixed(**image: Any) -> list[FocusReport]:
    reports = series(FOCUS)
    return [*reports[:-1], reports[-1].model_copy(update={"image": reports[-1].image.model_copy(update=image)})]


@pytest.mark.parametrize(
    ("reports", "focus", "why"),
    [
        (_few, FOCUS[:4], "4 of 4 images are usable, at least 5 are needed"),
        (lambda: series(FOCUS), (1.0,) * 9, "all images were taken at the same focus"),
        (lambda: series(FOCUS), (1.0,) * 5 + (2.0,) * 4, "there are only 2 focus settings"),
        (lambda: _mixed(pixel_nm=4.0), FOCUS, "different pixel sizes: 8.0 nm (8 images, such as run/a_0.tif); 4.0 nm"),
        (lambda: _mixed(shape=(512, 256)), FOCUS, "different shapes: 512 x 512 (8 images, such as run/a_0.tif)"),
        (lambda: _mixed(dwell_ns=50.0), FOCUS, "different dwells: not known (8 images"),
        (lambda: _mixed(tags={"focus_from": "FEI WD"}), FOCUS, "different instruments: not known (8 images"),
        (lambda: series(FOCUS, px_a_um=0.05), FOCUS, "the images hardly differ in blur"),
        (lambda: series(FOCUS, px_a_um=0.5), (0, 3, -1, 4, -2, 2, -4, 1, -3), "blur does not follow the focus"),
        (lambda: series(FOCUS, at=-7), FOCUS, "(below|further)"),
        (lambda: series(FOCUS, at=7), FOCUS, "(above|further)"),
    ],
)
def test_a_series_that_says_nothing_is_refused_with_why(
    reports: Callable[[], list[FocusReport]], focus: Sequence[float], why: str
) -> None:
    with pytest.raises(SeriesRefused) as refused:
        found_in(reports(), focus)
    if why.startswith("("):
        side = why[1:6]
        assert f"{side} its" in str(refused.value)
        assert "take images on that side" in str(refused.value)
    else:
        assert why in str(refused.value)


def test_the_law_of_figure_2_is_the_one_that_the_counts_follow() -> None:
    reports = series(FOCUS)
    found = found_in(reports).calibration.law
    assert found is not None
    assert found.better == "log_linear"
    assert found.log_linear.r.value < -0.99
    assert found.log_linear.slope_a_um.low < -0.5 < found.log_linear.slope_a_um.high
    fallen = [
        one.model_copy(update={"dof": round(1000 * (1 - abs(um) / 5) ** 2)})
        for one, um in zip(reports, FOCUS, strict=True)
    ]
    square = found_in(fallen).calibration.law
    assert square is not None
    assert square.better == "quadratic"
    assert square.quadratic.r.value < -0.99
    assert square.log_linear.error > square.quadratic.error


def test_counts_that_do_not_differ_follow_no_law() -> None:
    flat = [one.model_copy(update={"dof": 10}) for one in series(FOCUS)]
    found = found_in(flat)
    assert found.calibration.law is None
    assert any("not fitted" in line for line in words.findings(found))
