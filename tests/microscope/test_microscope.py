"""The pretend microscope: what it plans, the files it leaves, and how what was said is graded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import mhfd
from mhfd import images
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd_client.microscope import images as microscope_images
from mhfd_client.microscope import write as microscope
from mhfd_client.microscope.plan import Layout, RunPlan
from mhfd_client.microscope.truth import Shot, ShotKind, answer, grade, read_truth
from mhfd_client.naming import PRESETS, Place
from mhfd_client.verdicts.judge import RunJudge


def one(plan: RunPlan, kind: ShotKind) -> Shot:
    return next(shot for shot in plan.shots if shot.kind is kind)


def test_the_same_seed_plans_the_same_run() -> None:
    assert RunPlan.of(3, sections=80) == RunPlan.of(3, sections=80)
    assert RunPlan.of(3, sections=80).shots != RunPlan.of(4, sections=80).shots
    plan = RunPlan.of(3, sections=80, size=128)
    shot = one(plan, ShotKind.TILTED)
    assert microscope_images.tiff(plan, shot) == microscope_images.tiff(plan, shot)


@pytest.mark.parametrize("sections", [60, 200])
def test_every_run_has_what_must_be_found_and_what_must_not(sections: int) -> None:
    plan = RunPlan.of(0, sections=sections)
    kinds = Counter(shot.kind for shot in plan.shots)
    for kind in (ShotKind.DEFOCUS_SLIGHT, ShotKind.TILTED, ShotKind.TRUNCATED, ShotKind.WRINKLE, ShotKind.PARTICLES):
        assert kinds[kind] >= 1
    assert all(shot.amount == 2.0 for shot in plan.shots if shot.kind is ShotKind.DEFOCUS_SLIGHT)
    failures = sum(shot.planted for shot in plan.shots)
    assert 0.01 <= failures / sections <= 0.1
    assert len({shot.path for shot in plan.shots}) == len(plan.shots)
    firsts = [shot for shot in plan.shots if not shot.retake_of]
    assert [shot.section for shot in firsts] == list(range(1, sections + 1))
    by_path = {shot.path: shot for shot in plan.shots}
    retakes = [shot for shot in plan.shots if shot.retake_of]
    assert retakes
    for retake in retakes:
        failed = by_path[retake.retake_of]
        assert failed.planted
        assert (failed.section, failed.tile) == (retake.section, retake.tile)
        assert plan.shots.index(failed) < plan.shots.index(retake)


@pytest.mark.parametrize("layout", ["atlas", "wafermapper", "sbemimage", "sbemimage2025", "plain"])
def test_the_station_reads_section_and_tile_from_the_names(layout: Layout) -> None:
    plan = RunPlan.of(1, sections=30, tiles=(2, 2), layout=layout)
    tiles = {shot.tile: PRESETS[layout].place(shot.path).tile for shot in plan.shots}
    assert len(set(tiles.values())) == 4
    for shot in plan.shots:
        assert PRESETS[layout].place(shot.path) == Place(shot.section, tiles[shot.tile])


def test_the_files_say_what_an_instrument_says(tmp_path: Path) -> None:
    plan = RunPlan.of(2, sections=40, size=256, tiles=(1, 2))
    shot = next(s for s in plan.shots if s.tile == "r1-c2" and s.kind is ShotKind.SHARP)
    path = tmp_path / "tile.tif"
    path.write_bytes(microscope_images.tiff(plan, shot))
    info = images.load(path).info
    assert info.pixel_nm == pytest.approx(8.0)
    assert info.box is not None
    assert (info.box.top, info.box.left, info.box.bottom, info.box.right) == (0, 0, 256, 256)
    assert info.dwell_ns == 800
    assert info.stage_um is not None
    assert info.tags["mosaic_col"] == 2


EXPECTED_FINDING = {
    ShotKind.SHARP: Finding.OK,
    ShotKind.DEFOCUS_SLIGHT: Finding.OK,
    ShotKind.RESIN: Finding.OK,
    ShotKind.WRINKLE: Finding.OK,
    ShotKind.CHARGING: Finding.OK,
    ShotKind.TRUNCATED: Finding.INCOMPLETE,
    ShotKind.ZERO_TAIL: Finding.INCOMPLETE,
}


@pytest.mark.parametrize("kind", EXPECTED_FINDING, ids=str)
def test_what_is_planted_is_in_the_file(kind: ShotKind, tmp_path: Path) -> None:
    plan = RunPlan.of(0, sections=150, size=256, failures=0.1)
    path = tmp_path / "image.tif"
    path.write_bytes(microscope_images.tiff(plan, one(plan, kind)))
    assert mhfd.score(path, threads=1).finding is EXPECTED_FINDING[kind]


def test_empty_resin_is_never_a_matter_of_focus(tmp_path: Path) -> None:
    plan = RunPlan.of(0, sections=200, size=256, failures=0.1)
    path = tmp_path / "image.tif"
    path.write_bytes(microscope_images.tiff(plan, one(plan, ShotKind.BLANK)))
    assert mhfd.score(path, threads=1).finding in (Finding.BLANK, Finding.NO_TISSUE)


@pytest.mark.parametrize("writer", ["in_place", "rename"])
def test_files_grow_as_at_an_instrument(writer: str, tmp_path: Path) -> None:
    into = tmp_path / "run"
    plan = RunPlan.of(0, sections=2, size=128, failures=0)
    sizes: list[int] = []
    waits: list[float] = []

    def look(seconds: float) -> None:
        waits.append(seconds)
        sizes.append(sum(f.stat().st_size for f in into.rglob("*.part" if writer == "rename" else "*.tif")))

    shots = list(microscope.simulate_run(into, plan, interval_s=4, writer=writer, sleep=look))  # type: ignore[arg-type]  # parametrised
    assert shots == list(plan.shots)
    assert sum(waits) == pytest.approx(2 * 4)
    assert sizes[:8] == sorted(set(sizes[:8]))  # it grows with every look
    assert not list(into.rglob("*.part"))
    for shot in plan.shots:
        assert (into / shot.path).read_bytes() == microscope_images.tiff(plan, shot)


def test_at_once_never_waits(tmp_path: Path) -> None:
    def never(seconds: float) -> None:
        raise AssertionError(f"waited {seconds} s")

    plan = RunPlan.of(0, sections=3, size=128, failures=0)
    assert len(list(microscope.simulate_run(tmp_path / "run", plan, at_once=True, sleep=never))) == 3


def test_the_truth_is_there_before_the_first_image_and_outside_of_the_folder(tmp_path: Path) -> None:
    into, plan = tmp_path / "run", RunPlan.of(5, sections=40, size=128)
    next(iter(microscope.simulate_run(into, plan, at_once=True)))
    assert read_truth(tmp_path / "run.truth.csv") == plan.shots
    with pytest.raises(UsageError, match="is not empty"):
        next(iter(microscope.simulate_run(into, plan)))
    with pytest.raises(UsageError, match="must stay outside"):
        next(iter(microscope.simulate_run(tmp_path / "other", plan, truth=tmp_path / "other" / "truth.csv")))


def test_a_file_that_is_no_truth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("section,tile\n1,r1-c1\n")
    with pytest.raises(UsageError, match="simulate it again"):
        read_truth(path)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("sections", {"sections": 0}),
        ("size", {"size": 64}),
        ("tiles", {"tiles": (0, 1)}),
        ("failures", {"failures": 0.9}),
    ],
)
def test_a_plan_that_cannot_be_is_refused(field: str, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        RunPlan.of(0, **options)  # type: ignore[arg-type]  # wrong on purpose


def test_grading() -> None:
    truth = [
        Shot(1, "a", "sharp", ShotKind.SHARP, "in_focus"),
        Shot(2, "a", "blurred", ShotKind.DEFOCUS, "out_of_focus"),
        Shot(3, "a", "cut", ShotKind.TRUNCATED, "incomplete"),
        Shot(4, "a", "wrinkled", ShotKind.WRINKLE, "in_focus"),
        Shot(5, "a", "drifting", ShotKind.DRIFTED, "either"),
        Shot(6, "a", "unseen", ShotKind.SHARP, "in_focus"),
    ]
    said = {"sharp": "in_focus", "blurred": "out_of_focus", "cut": "out_of_focus", "wrinkled": "out_of_focus"}
    graded = grade(truth, said)
    assert (graded.planted, graded.found) == (2, 1)
    assert [shot.path for shot in graded.missed] == ["cut"]  # blurred is not what it is
    assert [shot.path for shot in graded.false_alarms] == ["wrinkled"]
    assert [shot.path for shot in graded.untold] == ["unseen"]
    assert str(graded) == "found 1 of 2 planted, 1 missed, 1 false alarm"
    assert answer(truth, ["sharp", "blurred"]) == {"sharp": True, "blurred": False}


def test_a_whole_run(tmp_path: Path) -> None:
    """Simulated, scored, judged, asked and graded: nothing is missed and nobody is alarmed for nothing."""
    plan = RunPlan.of(7, sections=24, size=512)
    judge = RunJudge()
    said: dict[str, str] = {}
    for shot in microscope.simulate_run(tmp_path / "run", plan, at_once=True):
        report = mhfd.score(tmp_path / "run" / shot.path, threads=1)
        place = PRESETS["atlas"].place(shot.path)
        judged = judge.see(shot.path, report, place)
        if question := judge.question():
            for key, sharp in answer(plan.shots, [str(key) for key in question.keys]).items():
                judged += judge.hear(key, sharp)
        said |= {str(j.key): j.verdict.kind.value for j in judged}
    graded = grade(plan.shots, said)
    assert graded.planted >= 4
    assert (graded.missed, graded.false_alarms, graded.untold) == ((), (), ())
