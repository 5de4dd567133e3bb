"""A run that goes on with a newer version of the method: it keeps its anchor and neighbours on what both measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.rigs.focus_reports import DENSITY, RATIO, report, texture, wobble
from tests.rigs.runs import Run

import mhfd
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import Box, FocusReport
from mhfd.simulate import Exposure, Optics, Specimen
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.from_journal import JournalJudge, rejudged, verdict_of
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.measured import RATIO as RATIOS
from mhfd_client.verdicts.measured import Measured
from mhfd_client.verdicts.verdict import Cause, Verdict

IN, OUT, UNSURE = Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS, Outcome.UNDETERMINED
BLUR = 0.57
OTHER = 2.5  # what the new cross-spectrum is of the old one


def old(section: int, density: float = 1.0, ratio: float = 1.0) -> FocusReport:
    """As version 1 measured it."""
    return report(density * DENSITY * wobble(section), ratio * RATIO * wobble(section + 7, 0.06), version=1)


def new(section: int, density: float = 1.0, ratio: float = 1.0) -> FocusReport:
    """As it is measured now."""
    return report(density * DENSITY * wobble(section), ratio * OTHER * RATIO * wobble(section + 7, 0.06))


def upgraded(*, confirmed: int = 3) -> RunJudge:
    """Thirty old reports, some of them confirmed."""
    judge = RunJudge()
    for i in range(30):
        judge.see(i, old(i), Place(i, "r1-c1"))
    for i in range(confirmed):
        judge.hear(i, True)
    judge.finish()
    return judge


def first(judge: RunJudge, section: int, made: FocusReport) -> Verdict:
    """The first verdict on one more image."""
    return judge.see(section, made, Place(section, "r1-c1"))[0].verdict


def test_new_images_are_judged_against_old_ones_at_once() -> None:
    judge = upgraded()
    for i in range(30, 60):
        blurred = i in (30, 45)
        verdict = first(judge, i, new(i, *((BLUR, BLUR) if blurred else ())))
        assert (verdict.kind, verdict.cause) == (OUT if blurred else IN, Cause.MEASURED)
        assert (verdict.provisional, verdict.origin, verdict.neighbours) == (False, "confirmed", 15)
        assert judge.question() is None
    assert not judge.finish()


def test_cross_spectra_are_compared_within_a_version_only() -> None:
    judge = upgraded()
    assert {c.measure for c in first(judge, 30, new(30)).levels} == {"density"}
    assert {c.measure for c in first(judge, 31, old(31)).levels} == {"density", "cross_spectrum"}
    again = first(judge, 32, new(32))
    expected = {c.measure: c.expected for c in again.levels if c.region == "whole"}
    assert expected["cross_spectrum"] == pytest.approx(OTHER * RATIO, rel=0.1)  # that of image 30
    # A step of dose leaves the cross-spectrum where it was, whichever of the two it is.
    assert [first(judge, i, of(i, 0.6)).cause for i, of in ((33, new), (34, old))] == [Cause.CONTRADICTION] * 2


def test_from_version_3_on_a_run_goes_on_as_if_nothing_had_happened() -> None:
    """The cross-spectrum means the same: all that was known of the images of before still counts."""
    judge, same = RunJudge(), RunJudge()
    for i in range(30):
        before = report(DENSITY * wobble(i), RATIO * wobble(i + 7, 0.06), version=3)
        judge.see(i, before, Place(i, "r1-c1"))
        same.see(i, before.model_copy(update={"params_id": before.params.id}), Place(i, "r1-c1"))
    for one in (judge, same):
        for i in range(3):
            one.hear(i, True)
        one.finish()
    for i in range(30, 60):
        part = BLUR if i in (30, 45) else 1.0
        made = report(part * DENSITY * wobble(i), part * RATIO * wobble(i + 7, 0.06))
        verdict = first(judge, i, made)
        assert verdict == first(same, i, made)
        assert (verdict.kind, verdict.origin, verdict.provisional) == (OUT if part < 1 else IN, "confirmed", False)
        assert {c.measure for c in verdict.levels} == {"density", "cross_spectrum"}


def test_before_anybody_confirmed_the_sharpest_of_both_versions_are_the_anchor() -> None:
    judge = upgraded(confirmed=0)
    verdict = first(judge, 30, new(30, BLUR, BLUR))
    assert (verdict.kind, verdict.provisional, verdict.neighbours) == (OUT, True, 15)
    judge.see(31, new(31), Place(31, "r1-c1"))
    judge.finish()
    found = judge.question()
    assert found is not None
    assert len(found.keys) == 3


def test_what_is_no_better_than_a_rejected_image_of_the_other_version_is_said_by_density() -> None:
    judge = upgraded(confirmed=0)
    judge.see(30, old(30, BLUR, BLUR), Place(30, "r1-c1"))
    judge.hear(30, False)
    verdict = first(judge, 31, new(31, 0.9 * BLUR, 0.9))
    assert (verdict.kind, verdict.cause) == (OUT, Cause.REJECTED)
    assert "cross-spectrum" not in verdict.sentence
    assert first(judge, 32, new(32)).kind is IN


def test_kinds_of_unknown_pixel_size_go_on_too() -> None:
    judge = RunJudge()
    for i in range(40):
        made = report(
            DENSITY * wobble(i),
            RATIO * (OTHER if i >= 20 else 1) * wobble(i + 7, 0.06),
            pixel_nm=None,
            texture=texture(),
            version=1 if i < 20 else METHOD_VERSION,
        )
        judge.see(i, made, Place(i, "r1-c1"))
    for i in range(3):
        judge.hear(i, True)
    judge.finish()
    assert len(set(judge.history.like.tolist())) == 1
    assert set(judge.history.state.tolist()) == {2}


def test_only_a_bar_that_voted_keeps_versions_apart() -> None:
    """Version 1 may have measured it with the image; what left it out knows better."""

    def like(version: int, origin: str | None) -> object:
        made = report(version=version)
        box = None if origin is None else Box(top=0, left=0, bottom=400, right=512)
        tags: dict[str, str | float | int] = {} if origin is None else {"box_from": origin}
        image = made.image.model_copy(update={"box": box, "tags": tags})
        return Measured.of(made.model_copy(update={"image": image}), Place(1)).like

    without, with_bar = like(3, None), like(3, "Zeiss AP_WD")
    assert without != with_bar
    assert like(1, None) == without
    assert like(2, "Zeiss AP_WD") == with_bar
    for origin in ("Fibics Image/BoundingBox", "FEI Image.ResolutionX, Y", "crop"):
        assert like(1, origin) == like(3, origin) == without


def test_the_id_of_a_method_that_nobody_knows_is_like_its_own_only() -> None:
    later = report().model_copy(update={"params_id": "0123456789ab"})
    assert Measured.of(later, Place(1)).like != Measured.of(report(), Place(1)).like


def test_levels_of_the_other_version_are_unknown_and_nothing_is_changed() -> None:
    judge = upgraded()
    judge.see(30, new(30), Place(30, "r1-c1"))
    before = judge.history.levels.copy()
    seen = judge.history.levels_for(judge.history.measured(30), [0, 30])
    assert np.isnan(seen[0, RATIOS]).all()
    assert not np.isnan(seen[1, RATIOS]).any()
    np.testing.assert_array_equal(judge.history.levels, before)


def test_a_journal_of_an_older_version_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    try:
        for i in range(30):
            run.image(i, density=DENSITY * wobble(i), ratio=RATIO * wobble(i + 7, 0.06), version=1)
        for image in (1, 2, 3):
            run.journal.labelled(image, sharp=True, who="op")
            for changed, verdict in run.judge.hear(image, sharp=True):
                run.journal.judged(changed, verdict)
        run.settle()
        run.judge = JournalJudge(run.journal, VerdictSettings())  # the upgrade
        for i in range(30, 60):
            part = BLUR if i == 40 else 1.0
            image = run.image(i, density=part * DENSITY * wobble(i), ratio=part * OTHER * RATIO * wobble(i + 7, 0.06))
            said = verdict_of(run.journal.verdict(run.journal.image(image).verdict or 0))
            assert (said.kind, said.origin, said.provisional) == (OUT if i == 40 else IN, "confirmed", False)
        assert run.judge.notes()["question"] == "null"
        turned, _ = rejudged(run.journal, VerdictSettings(), "again")
        assert not [row for _, row in turned if row.outcome is not IN]
    finally:
        run.close()


def test_the_blur_in_pixels_comes_back_with_the_first_new_images() -> None:
    """Scored for real: those before the upgrade lose their profile and take the old id."""
    judge = RunJudge()
    specimen = Specimen(seed=5)
    blurred = (9, 15)
    told: dict[int, Verdict] = {}
    for i in range(16):
        optics = Optics(blur_px=3.0 if i in blurred else 0.0)
        made = mhfd.score(specimen.section((256, 256), z=i, optics=optics, exposure=Exposure(dose=100)))
        if i < 8:
            made = made.model_copy(update={"profile": None, "params_id": made.params.id_by(1)})
        told[i] = first(judge, i, made)
        if i == 7:
            for key in range(3):
                judge.hear(key, True)
            judge.finish()
    assert {i for i in range(8, 16) if told[i].kind is not IN} == set(blurred)
    assert all(told[i].origin == "confirmed" and not told[i].provisional for i in range(8, 16))
    assert [told[i].blur is None for i in blurred] == [True, False]
