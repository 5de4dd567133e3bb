"""Files that say no pixel size: another magnification is told from another focus, or nothing is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.rigs.focus_reports import DENSITY, RATIO, report, texture, wobble

import mhfd
from mhfd.contract.focus_report import FocusReport
from mhfd.simulate import Optics, Specimen
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Cause, Verdict

Report = Callable[[int], FocusReport]


def judged(reports: dict[int, FocusReport]) -> dict[int, Verdict]:
    """The verdicts in the end, by section."""
    judge, said = RunJudge(), {}
    for section, made in reports.items():
        for one in judge.see(section, made, Place(section)):
            said[int(str(one.key))] = one.verdict
    said |= {int(str(one.key)): one.verdict for one in judge.finish()}
    return said


def image(
    section: int,
    part: float = 1.0,
    *,
    magnified: float = 1.0,
    blur: float = 0.0,
    uneven: float = 0.25,
    one_way: float = 0.0,
    pixel_nm: float | None = None,
    sides: dict[str, float] | None = None,
) -> FocusReport:
    return report(
        DENSITY * part * wobble(section),
        RATIO * part * wobble(section + 7, 0.06),
        pixel_nm=pixel_nm,
        sides=sides,
        texture=texture(magnified=magnified, blur=blur, uneven=uneven, one_way=one_way),
    )


def detail(section: int, *, pixel_nm: float | None = None) -> FocusReport:
    """Half of the density and of the cross-spectrum, as at twice the magnification."""
    return image(section, 0.5, magnified=2, pixel_nm=pixel_nm)


def run(odd: Report, *at: int, sections: int = 24, usual: Report = image) -> dict[int, FocusReport]:
    return {i: odd(i) if i in at else usual(i) for i in range(sections)}


def test_scored_images_of_another_magnification_are_not_called_out_of_focus() -> None:
    specimen = Specimen(seed=3, drift=0.06)
    optics = dict.fromkeys(range(1, 15), Optics())
    optics |= dict.fromkeys((4, 8, 12), Optics(pixel_nm=4)) | {10: Optics(blur_px=2.5)}
    said = judged({z: mhfd.score(specimen.section((512, 512), z=z, optics=o), threads=1) for z, o in optics.items()})
    kinds = {z: verdict.kind for z, verdict in said.items()}
    assert {kinds.pop(z) for z in (4, 8, 12)} == {Outcome.UNDETERMINED}
    assert kinds.pop(10) is Outcome.OUT_OF_FOCUS
    assert set(kinds.values()) == {Outcome.IN_FOCUS}


def test_what_has_too_few_like_it_says_so() -> None:
    said = judged(run(detail, 5, 10, 15, 20))
    assert {i for i, v in said.items() if v.kind is not Outcome.IN_FOCUS} == {5, 10, 15, 20}
    for i in (5, 10, 15, 20):
        assert said[i].cause is Cause.NO_BASELINE
        assert "3 others to compare with, 6 needed" in said[i].sentence
        assert "its file says no pixel size" in said[i].sentence
        assert "unlike 20 of the others" in said[i].sentence


def test_enough_of_them_are_judged_by_each_other() -> None:
    details = range(1, 24, 2)

    def odd(i: int) -> FocusReport:
        return image(i, 0.2, magnified=2, blur=2) if i == 13 else detail(i)

    said = judged(run(odd, *details))
    assert {i for i, v in said.items() if v.kind is not Outcome.IN_FOCUS} == {13}
    assert said[13].kind is Outcome.OUT_OF_FOCUS
    assert said[15].levels[0].expected == pytest.approx(DENSITY / 2, rel=0.1)
    assert said[16].levels[0].expected == pytest.approx(DENSITY, rel=0.1)


def test_overviews_do_not_make_the_others_blurred() -> None:
    said = judged(run(lambda i: image(i, 2, magnified=0.5), *range(0, 24, 3)))
    assert {v.kind for v in said.values()} == {Outcome.IN_FOCUS}
    assert not any(v.drift for v in said.values())


@pytest.mark.parametrize(
    "blurred",
    [
        lambda i: image(i, 0.5, blur=2),
        lambda i: image(i, 0.3, blur=3),
        lambda i: image(i, 0.15, blur=6),
        lambda i: image(i, 0.5, magnified=2, one_way=0.6),
        lambda i: image(i, 0.5, magnified=2, uneven=0.7),
        lambda i: image(i, 0.6, magnified=2, sides={"left": 0.2}),
    ],
    ids=["disc of 2 px", "disc of 3 px", "disc of 6 px", "in one direction", "in a part", "on a side"],
)
def test_what_is_blurred_is_not_excused(blurred: Report) -> None:
    said = judged(run(blurred, 9, 12, 15))
    assert {i for i, v in said.items() if v.kind is Outcome.OUT_OF_FOCUS} == {9, 12, 15}


def test_a_run_that_begins_blurred_is_one_kind() -> None:
    said = judged({i: image(i, 0.4, blur=2.5) if i < 12 else image(i) for i in range(40)})
    assert {i for i, v in said.items() if v.kind is Outcome.OUT_OF_FOCUS} == set(range(12))


def test_a_pixel_size_is_believed() -> None:
    said = judged(run(lambda i: detail(i, pixel_nm=8.0), 9, 12, 15, usual=lambda i: image(i, pixel_nm=8.0)))
    assert {i for i, v in said.items() if v.kind is Outcome.OUT_OF_FOCUS} == {9, 12, 15}


def test_reports_without_a_texture_are_judged_as_before() -> None:
    def old(i: int) -> FocusReport:
        made = detail(i) if i in (9, 12) else image(i)
        return made.model_copy(update={"texture": None, "schema_version": 1})

    said = judged({i: old(i) for i in range(24)})
    assert {i for i, v in said.items() if v.kind is Outcome.OUT_OF_FOCUS} == {9, 12}
    mixed = judged({i: old(i) if i < 12 else image(i) for i in range(24)})
    assert {i for i, v in mixed.items() if v.kind is not Outcome.IN_FOCUS} == {9}


def test_a_file_without_a_pixel_size_among_files_with_one_says_so() -> None:
    said = judged(run(image, 9, usual=lambda i: image(i, pixel_nm=8.0)))
    assert said[9].cause is Cause.NO_BASELINE
    assert "its file says no pixel size, and those of 23 others do" in said[9].sentence


def test_the_question_is_of_images_of_which_there_are_enough() -> None:
    judge = RunJudge()
    for section, made in run(detail, 23).items():
        judge.see(section, made, Place(section))
    asked = judge.question()
    assert asked is not None
    assert 23 not in asked.keys
