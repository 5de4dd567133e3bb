"""Sidecars: everything about an image in one file, whole or not there, below the state and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tifffile
from tests.rigs.focus_reports import report as made
from tests.rigs.runs import Run

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.focus_map import FocusMap
from mhfd_client.errors import StateError
from mhfd_client.files import write_all_whole
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.rows import ImageRow, Outcome, VerdictRow
from mhfd_client.results.sidecars import Recorder, map_under, sidecar_of, steps_ms
from mhfd_client.settings.load import load
from mhfd_client.verdicts.verdict import Verdict


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def recorder(run: Run, **args: object) -> Recorder:
    return Recorder(run.state, run.journal, load(env={}, args=args))


def parts(run: Run, image: int) -> tuple[ImageRow, FocusReport, VerdictRow]:
    row = run.journal.image(image)
    assert row.report is not None
    assert row.verdict is not None
    return row, run.journal.report(row.report), run.journal.verdict(row.verdict)


def test_a_sidecar_says_everything(run: Run) -> None:
    for section in range(1, 10):
        run.image(section)
    image = run.image(10, density=1500.0, ratio=0.01)
    picture = picture_of(thumbnails(run.state), image)
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"jpeg")
    row, report, verdict = parts(run, image)
    recorder(run, **{"verdict.threshold": 0.8}).record(row, report, verdict)

    told = json.loads((run.state / "records" / (row.path + ".mhfd.json")).read_bytes())
    assert told["image"]["path"] == row.path
    assert told["image"]["root"] == str(run.root)
    assert (told["image"]["section"], told["image"]["tile"]) == (10, "r1-c1")
    assert (run.state / told["image"]["thumbnail"]).read_bytes() == b"jpeg"
    assert told["verdict"]["sentence"] == verdict.sentence
    kept = Verdict.model_validate(told["verdict"]["detail"])
    assert kept.based_on
    assert all(level.threshold for level in kept.levels)
    assert told["settings"]["verdict.threshold"] == {"value": 0.8, "from": "argument"}
    assert told["settings"]["verdict.side_threshold"]["from"] == "default"
    assert FocusReport.model_validate(told["report"]) == report
    assert list(told["times"]) == ["arrived", "whole", "submitted", "scored", "judged", "recorded"]
    assert told["versions"]["mhfd"]


def test_a_sidecar_holds_the_history(run: Run) -> None:
    images = [run.image(section) for section in range(1, 8)]
    run.journal.labelled(images[2], sharp=False)
    for image, verdict in run.judge.hear(images[2], sharp=False):
        run.journal.judged(image, verdict)
    row, report, verdict = parts(run, images[2])
    recorder(run).record(row, report, verdict)
    history = json.loads(sidecar_of(run.state, row.path).read_bytes())["history"]
    assert history[-1]["outcome"] == "out_of_focus"
    assert history[-1]["reason"] == "you rejected it"
    assert len(history) == len(run.journal.verdicts(images[2])) >= 2


def test_writing_it_again_gives_the_same_bytes_and_no_litter(run: Run) -> None:
    row, report, verdict = parts(run, run.image(1))
    recorder(run).record(row, report, verdict)
    first = sidecar_of(run.state, row.path).read_bytes()
    recorder(run).record(row, report, verdict)
    assert sidecar_of(run.state, row.path).read_bytes() == first
    assert [p.name for p in sidecar_of(run.state, row.path).parent.iterdir()] == ["tile_r1-c1.tif.mhfd.json"]
    assert not any(run.root.iterdir())


def test_unknown_is_null(run: Run) -> None:
    image = run.image(None, tile=None, path="x.tif", finding=Finding.UNREADABLE, detail="no TIFF")
    row, report, verdict = parts(run, image)
    recorder(run).record(row, report, verdict)
    told = json.loads(sidecar_of(run.state, "x.tif").read_bytes())
    assert told["image"]["thumbnail"] is None
    assert told["image"]["section"] is None
    assert told["report"]["dof"] is None


@pytest.mark.parametrize(
    "path",
    [
        "a\x1b[2J\nb.tif",
        "f\udcff\udcfe.tif",
        "\u03bc" * 120 + ".tif",
        "x" * 250 + ".tif",
        "a.tif.r2",
    ],
    ids=["control", "no-utf8", "long-utf8", "long", "looks-like-a-revision"],
)
def test_any_name_has_a_sidecar(run: Run, path: str) -> None:
    os.fsencode(path)
    image = run.image(3, path=f"S_003/{path}")
    row, report, verdict = parts(run, image)
    recorder(run).record(row, report, verdict)
    assert json.loads(sidecar_of(run.state, row.path).read_bytes())["image"]["section"] == 3


def test_revisions_and_long_names_do_not_meet() -> None:
    state = Path("state")
    names = {
        sidecar_of(state, "S/a.tif"),
        sidecar_of(state, "S/a.tif", 2),
        sidecar_of(state, "S/" + "x" * 250 + "1.tif"),
        sidecar_of(state, "S/" + "x" * 250 + "2.tif"),
        map_under(state / "records", "S/a.tif"),
        map_under(state / "records", "S/" + "x" * 250 + "1.tif", 12),
        sidecar_of(state, "S/a.tif.mhfd.ome.tif/a.tif"),
    }
    assert len(names) == 7
    assert not {name.parent for name in names} & names
    assert all(len(os.fsencode(name.name)) <= 255 - len(".x.part") for name in names)


def maps(run: Run) -> list[str]:
    return sorted(path.parent.name for path in (run.state / "records").rglob("tile_r1-c1.tif.mhfd.ome.tif"))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("out_of_focus", ["S_010"]), ("none", []), ("all", [f"S_{section:03d}" for section in range(1, 11)])],
)
def test_a_focus_map_lies_beside_the_sidecar_as_the_setting_says(run: Run, chosen: str, expected: list[str]) -> None:
    images = [run.image(section) for section in range(1, 10)]
    images += [run.image(10, density=1500.0, ratio=0.01), run.image(11, finding=Finding.BLANK)]
    writer = recorder(run, **{"state.focus_maps": chosen})
    for image in images:
        writer.record(*parts(run, image))
    assert maps(run) == expected
    for file in (run.state / "records").rglob("*.tif"):
        assert tifffile.imread(file).shape == (4, 4, 4)


def test_a_focus_map_is_of_the_report_in_its_sidecar(run: Run) -> None:
    """Scored or judged again, an image has the new one, or none."""
    row, report, verdict = parts(run, run.image(1))
    writer = recorder(run, **{"state.focus_maps": "all"})
    writer.record(row, report, verdict)
    beside = map_under(run.state / "records", row.path)
    first = beside.read_bytes()
    other = made(1234.0)
    writer.record(row, other, verdict)
    assert beside.read_bytes() == FocusMap.of(other).to_tiff() != first
    recorder(run).record(row, other, replace(verdict, outcome=Outcome.IN_FOCUS))
    assert not beside.exists()


def test_a_report_whose_cells_make_no_sense_is_recorded_without_a_map(run: Run) -> None:
    row, report, verdict = parts(run, run.image(1))
    assert report.cells is not None
    odd = report.model_copy(update={"cells": report.cells.model_copy(update={"rows": 7})})
    recorder(run, **{"state.focus_maps": "all"}).record(row, odd, verdict)
    assert sidecar_of(run.state, row.path).exists()
    assert maps(run) == []


def test_what_cannot_be_written_is_named(run: Run) -> None:
    (run.state / "records").write_text("a file where a folder should be")
    row, report, verdict = parts(run, run.image(1))
    with pytest.raises(StateError, match="records"):
        recorder(run).record(row, report, verdict)


def test_many_files_are_written_whole(tmp_path: Path) -> None:
    write_all_whole([(tmp_path / str(n % 3) / f"{n}.json", b"%d" % n) for n in range(30)])
    assert sorted(int(p.read_bytes()) for p in tmp_path.rglob("*.json")) == list(range(30))
    assert not list(tmp_path.rglob(".*"))


def test_steps_take_their_time(run: Run) -> None:
    row = run.journal.image(run.image(1, whole_at=100.0))
    steps = steps_ms(row)
    assert steps["settle"] == 1000.0
    assert steps["whole_to_verdict"] > 0
    assert "queue" not in steps  # nobody said when it began: all of it counts as scoring
