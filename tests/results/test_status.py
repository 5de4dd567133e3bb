"""What is counted, what is to be imaged again, and judging again from what is stored."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.runs import Run

from mhfd.contract.focus_report import Finding
from mhfd_client.errors import StateLocked, StateMissing
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Crowd, Place
from mhfd_client.now import RunNow
from mhfd_client.results import latency as ledger
from mhfd_client.results import retake, tables
from mhfd_client.results import status as summary
from mhfd_client.results.sidecars import Recorder
from mhfd_client.settings.load import load
from mhfd_client.settings.options import NamesSettings, VerdictSettings
from mhfd_client.station.rejudge import rejudge
from mhfd_client.verdicts.from_journal import JournalJudge, rejudged, verdict_of

NAMES = NamesSettings()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def sharp(run: Run, *sections: int) -> list[int]:
    return [run.image(section) for section in sections]


def test_a_run_at_a_glance(run: Run) -> None:
    sharp(run, *range(1, 10))
    run.image(10, density=1500.0, ratio=0.01)
    run.image(12, finding=Finding.INCOMPLETE, detail="truncated")
    run.image(13, finding=Finding.BLANK)
    now = summary.status(run.journal, NAMES)
    assert (now.seen, now.judged, now.pending, now.failed, now.sections) == (12, 12, 0, 1, 12)
    assert now.outcomes == {
        Outcome.IN_FOCUS: 9,
        Outcome.OUT_OF_FOCUS: 1,
        Outcome.UNDETERMINED: 1,
        Outcome.INCOMPLETE: 1,
    }
    assert [(item.section, item.outcome.value) for item in now.retake] == [(10, "out_of_focus"), (12, "incomplete")]
    assert now.missing == (Place(11),)
    assert now.needs_person
    json.dumps(now.as_json())
    assert now.confirmed == 0


def test_a_tile_that_one_section_lacks_is_missing_without_a_list(run: Run) -> None:
    following = RunNow(run.journal)
    for section in range(1, 9):
        for tile in ("r1-c1", "r1-c2", "r2-c1", "r2-c2"):
            if (section, tile) not in ((3, "r2-c1"), (8, "r2-c2")) and section != 6:
                run.image(section, tile=tile)
        following.look()
    now = summary.status(run.journal, NAMES)
    assert now.missing == (Place(3, "r2-c1"), Place(6))
    assert now.to_come == 1
    run.image(3, tile="r2-c1")
    following.look()
    assert following.missing == (Place(6),)


def test_missing_and_still_to_come_are_told_apart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sections.txt").write_text("1-20")
    sharp(run, *range(1, 10), 12)
    now = summary.status(run.journal, NamesSettings(expected=tmp_path / "sections.txt"))
    assert now.missing == (Place(10), Place(11))
    assert now.to_come == 8


def test_the_same_path_written_again_in_focus_leaves_the_list(run: Run) -> None:
    sharp(run, *range(1, 10))
    run.image(10, density=1500.0, ratio=0.01)
    run.image(11, density=1500.0, ratio=0.01)
    run.image(10, mtime_ns=2)
    again = run.image(11, mtime_ns=2, density=1400.0, ratio=0.01)
    (item,) = listed(run)
    assert (item.image, item.stage_um) == (again, (1.5, 2.5))


def test_another_path_never_takes_an_image_off_the_list(run: Run) -> None:
    """Wafer 2 has a section 4 too; an instrument's model passes for a section; a copy is no retake."""
    sharp(run, *range(1, 10))
    run.image(4, path="W1/slice_004.tif", density=1500.0, ratio=0.01)
    run.image(4, path="W2/slice_004.tif")
    run.image(10, path="Name_0010.tif", density=1500.0, ratio=0.01)
    run.image(10, path="Name_0010 (2).tif")
    for tile in range(12):
        density = 900.0 if tile == 6 else 4000.0
        run.image(4800, tile=None, path=f"S4800_m{tile:03d}.tif", density=density, ratio=density / 4e4)
    items = listed(run)
    assert [(item.path, item.newer) for item in items] == [
        ("W1/slice_004.tif", "W2/slice_004.tif"),
        ("Name_0010.tif", "Name_0010 (2).tif"),
        ("S4800_m006.tif", "S4800_m011.tif"),
    ]
    run.journal.labelled(items[0].image, sharp=None, fine=True)  # somebody says: it was taken again
    assert [item.path for item in listed(run)] == ["Name_0010.tif", "S4800_m006.tif"]


def test_places_with_several_files_and_files_without_a_section_are_counted(run: Run) -> None:
    sharp(run, *range(1, 10))
    assert summary.status(run.journal, NAMES).crowds == ()
    for wafer in (1, 2, 3):
        run.image(4, path=f"W{wafer}/slice_004.tif", tile=None)
        run.image(None, path=f"W{wafer}/image.tif", tile=None)
    run.image(5, mtime_ns=2)  # another revision is no other file
    run.image(None, path="W1/image.tif", tile=None, mtime_ns=2)
    now = summary.status(run.journal, NAMES)
    assert now.crowds == (Crowd(Place(4), 3, "W1/slice_004.tif", "W3/slice_004.tif"),)
    assert now.crowds == tuple(run.journal.crowds())
    assert now.without_section == 3
    told = json.loads(json.dumps(now.as_json()))["crowds"]
    assert told == [{"section": 4, "tile": None, "files": 3, "first": "W1/slice_004.tif", "second": "W3/slice_004.tif"}]
    following = RunNow(run.journal)
    following.look()
    run.image(4, path="W4/slice_004.tif", tile=None)
    run.image(6, path="W4/slice_006.tif", tile="r1-c1")
    run.image(None, path="W4/image.tif", tile=None)
    following.look()
    assert [(crowd.place.section, crowd.files) for crowd in following.crowds] == [(4, 4), (6, 2)]
    assert following.without_section == 4


def test_the_newer_of_two_files_is_the_one_that_was_written_later(run: Run) -> None:
    sharp(run, *range(1, 10))
    run.image(4, path="retake/slice_004.tif", mtime_ns=9)
    run.image(4, path="slice_004.tif", mtime_ns=5, density=1500.0, ratio=0.01)
    run.image(5, path="old/slice_005.tif", mtime_ns=5)
    run.image(5, path="slice_005.tif", mtime_ns=9, density=1500.0, ratio=0.01)
    assert [(item.path, item.newer) for item in listed(run)] == [
        ("slice_004.tif", "retake/slice_004.tif"),
        ("slice_005.tif", None),
    ]


def test_an_unclear_take_leaves_a_failed_shot_on_the_list(run: Run) -> None:
    sharp(run, *range(1, 10))
    run.image(10, density=1500.0, ratio=0.01)
    unclear = run.image(10, mtime_ns=2, finding=Finding.BLANK)
    (item,) = listed(run)
    assert (item.image, item.outcome.value) == (unclear, "undetermined")
    assert item.reason.endswith("; an earlier take was out of focus, and this one is not known to be better")
    run.image(10, mtime_ns=3)
    assert listed(run) == []


def test_a_take_is_known_by_the_clock_in_a_name_of_multisem(run: Run) -> None:
    sharp(run, *range(1, 10))
    name = "000021/001_000021_028_2019-03-25T1{}14044834028.bmp"
    for folder in ("001_S1R1", "001_S1R2"):
        run.image(1, path=f"{folder}/{name.format(4)}", density=1500.0, ratio=0.01)
    run.image(1, path=f"001_S1R1/{name.format(5)}")
    assert [item.path.split("/")[0] for item in listed(run)] == ["001_S1R2"]


def listed(run: Run) -> list[retake.Retake]:
    return retake.retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)


def test_take_again_puts_an_image_on_the_list_whatever_its_verdict_and_teaches_nothing(run: Run) -> None:
    images = sharp(run, *range(1, 12))
    run.settle()
    before = {told.image.id: told.verdict for told in run.journal.told()}
    run.journal.labelled(images[3], sharp=None, again=True, note="dirt", who="Ann")
    run.journal.labelled(images[4], sharp=None, again=True)
    first, second = listed(run)
    assert (first.image, first.outcome.value, first.label, first.note, first.said_by) == (
        images[3], "in_focus", "take again", "dirt", "Ann")  # fmt: skip
    assert first.reason == "Ann wants it taken again: dirt"
    assert second.reason == "somebody wants it taken again"
    assert {told.image.id: told.verdict for told in run.journal.told()} == before
    assert rejudged(run.journal, VerdictSettings(), "why")[0] == []
    run.journal.labelled(images[4], sharp=None, fine=True)
    assert [item.image for item in listed(run)] == [images[3]]


def test_take_again_stands_until_what_comes_instead_is_in_focus(run: Run) -> None:
    images = sharp(run, *range(1, 12))
    run.journal.labelled(images[3], sharp=None, again=True, note="dirt", who="Ann")
    unclear = run.image(4, mtime_ns=2, finding=Finding.BLANK)
    (item,) = listed(run)
    assert (item.image, item.outcome.value, item.note) == (unclear, "undetermined", "dirt")
    blurred = run.image(4, mtime_ns=3, density=1500.0, ratio=0.01)
    (item,) = listed(run)
    assert item.image == blurred
    assert item.reason.startswith("Ann wants it taken again: dirt; Section 4, tile r1-c1 is out of focus")
    run.image(4, mtime_ns=4)
    assert listed(run) == []


def test_a_label_is_in_the_table_and_in_the_sidecar(run: Run) -> None:
    image = sharp(run, *range(1, 10))[-1]
    run.journal.labelled(image, sharp=True, who="Ann")
    run.journal.labelled(image, sharp=None, again=True, note="=dirt", who="Bo")
    (row,) = csv.DictReader(io.StringIO(tables.as_csv(listed(run))))
    assert (row["label"], row["note"], row["said_by"]) == ("sharp, take again", "'=dirt", "Bo")
    told = json.loads(json.dumps(summary.status(run.journal, NAMES).as_json()))["retake"]
    assert [(one["label"], one["note"], one["said_by"]) for one in told] == [("sharp, take again", "=dirt", "Bo")]
    seen: list[object] = []
    writer = Recorder(run.state, run.journal, load(env={}), said=lambda *what: seen.append(what))
    record = run.journal.image(image)
    assert record.report is not None
    assert record.verdict is not None
    writer.record(record, run.journal.report(record.report), run.journal.verdict(record.verdict))
    labels = json.loads((run.state / "records" / f"{record.path}.mhfd.json").read_text())["labels"]
    assert [(said["sharp"], said["again"], said["note"], said["who"]) for said in labels] == [
        (True, False, None, "Ann"),
        (True, True, "=dirt", "Bo"),
    ]
    assert seen == [], "the verdict is no news: it was recorded before"


def test_without_sections_the_path_is_the_place(run: Run) -> None:
    for i in range(8):
        run.image(None, tile=None, path=f"a{i}.tif")
    run.image(None, tile=None, path="b.tif", density=1000.0, ratio=0.01)
    run.image(None, tile=None, path="c.tif", density=1000.0, ratio=0.01)
    run.image(None, tile=None, path="c.tif", mtime_ns=2)  # overwritten by a sharp one
    assert [
        item.path for item in retake.retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)
    ] == ["b.tif"]


def test_lists_in_the_notations_of_instruments(run: Run) -> None:
    sharp(run, *range(1, 10))
    for tile in ("r1-c2", "r2-c1"):
        run.image(10, tile=tile, finding=Finding.INCOMPLETE)
    run.image(11, tile="g0000_t0012", finding=Finding.INCOMPLETE)
    items = retake.retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)
    assert tables.as_list(items, "atlas")[0] == "S_10: Tile_r1-c2, Tile_r2-c1\n"
    text, left = tables.as_list(items, "sbemimage")
    assert text == "11: 0.12\n"
    assert [item.section for item in left] == [10, 10]


def test_a_table_cannot_carry_formulas_into_a_spreadsheet(run: Run) -> None:
    run.image(1, path="=cmd|' /C calc'!A0.tif", finding=Finding.INCOMPLETE, stage_um=None)
    (row,) = csv.DictReader(
        io.StringIO(tables.as_csv(retake.retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)))
    )
    assert row["path"].startswith("'=")
    assert row["stage_x_um"] == ""


def test_latency_is_from_whole_to_the_first_verdict(tmp_path: Path) -> None:
    run = Run(tmp_path, now=lambda: 100_250_000_000)
    for section in range(1, 5):
        run.image(section, whole_at=100.0)
    waited = ledger.latency(one.image for one in run.journal.told())
    assert (waited.count, waited.p50_ms, waited.p95_ms) == (4, 250.0, 250.0)
    assert "p95 250 ms" in str(waited)
    run.close()


def test_a_station_that_died_is_not_running(run: Run) -> None:
    assert summary.status(run.journal, NAMES).doing == "no station has run yet"
    run.journal.beat("watching", in_flight=0, capacity=8)
    assert summary.status(run.journal, NAMES).running
    later = summary.status(run.journal, NAMES, clock=lambda: time.time() + 60)
    assert not later.running
    assert "did not stop by itself" in later.doing
    run.journal.beat("stopped", in_flight=0, capacity=8)
    assert not summary.status(run.journal, NAMES).running


def test_a_question_and_a_drift_reach_the_status(run: Run) -> None:
    sharp(run, *range(1, 10))
    for name, text in run.judge.notes().items():
        run.journal.note(name, text)
    question = summary.status(run.journal, NAMES).question
    assert question is not None
    assert len(question["images"]) == 3


# -- judging again


def outcomes(journal: JournalView) -> dict[int, tuple[str, bool]]:
    return {told.image.id: (told.verdict.outcome.value, told.verdict.provisional) for told in journal.told()}


def speak(run: Run, image: int, *, sharp: bool) -> None:
    run.journal.labelled(image, sharp=sharp)
    for other, verdict in run.judge.hear(image, sharp=sharp):
        run.journal.judged(other, verdict)


def test_a_judge_that_was_restored_goes_on_as_the_one_before(run: Run) -> None:
    images = sharp(run, *range(1, 12))
    speak(run, images[3], sharp=True)
    run.image(12, density=1500.0, ratio=0.01)
    again = JournalJudge(run.journal, VerdictSettings())
    assert again.notes() == run.judge.notes()
    before = outcomes(run.journal)
    blurred = run.image(13, density=2500.0, ratio=0.02)
    first = run.journal.verdicts(blurred)[0]
    row = run.journal.image(blurred)
    assert row.report is not None
    (told, *_) = again.judge(row, run.journal.report(row.report))
    assert (told[1].outcome, told[1].sentence) == (first.outcome, first.sentence)
    assert before.items() <= outcomes(run.journal).items()


def test_an_overwritten_image_is_nobodys_neighbour(run: Run) -> None:
    sharp(run, *range(1, 8))
    first = run.image(8, path="x.tif")
    run.image(8, path="x.tif", mtime_ns=2, density=1500.0, ratio=0.01)
    asked = json.loads(run.judge.notes()["question"])["images"]
    assert first not in asked
    assert JournalJudge(run.journal, VerdictSettings()).notes() == run.judge.notes()


def test_replaying_changes_nothing_under_the_same_settings(run: Run) -> None:
    images = sharp(run, *range(1, 12))
    speak(run, images[3], sharp=True)
    run.image(12, density=1500.0, ratio=0.01)
    speak(run, images[5], sharp=False)
    run.settle()
    turned = [image for image, row in rejudged(run.journal, VerdictSettings(), "why")[0]
              if (row.outcome.value, row.provisional) != outcomes(run.journal)[image]]  # fmt: skip
    assert turned == []


def test_rejudge_appends_to_the_history_and_rewrites_sidecars(run: Run) -> None:
    sharp(run, *range(1, 12))
    image = run.image(12, density=3200.0, ratio=0.03)
    assert outcomes(run.journal)[image][0] == "in_focus"
    run.journal.beat("stopped", in_flight=0, capacity=1)
    run.close()
    loaded = load(env={}, args={"state.dir": str(run.state), "verdict.threshold": 0.9, "verdict.k_sigma": 0.1})

    with JournalView.read(run.state) as view:
        dry = rejudge(run.root, loaded, why="a stricter threshold", dry_run=True)
        assert [change.path for change in dry if change.turned] == ["S_012/tile_r1-c1.tif"]
        assert len(view.verdicts(image)) == 1

        changes = rejudge(run.root, loaded, why="a stricter threshold")
        assert [change.path for change in changes if change.turned] == ["S_012/tile_r1-c1.tif"]
        history = view.verdicts(image)
        assert [row.outcome.value for row in history] == ["in_focus", "out_of_focus"]
        assert "a stricter threshold" in (history[1].reason or "")
        assert verdict_of(history[1]).levels
    sidecar = json.loads((run.state / "records/S_012/tile_r1-c1.tif.mhfd.json").read_text())
    assert sidecar["verdict"]["outcome"] == "out_of_focus"
    assert len(sidecar["history"]) == 2
    assert sidecar["settings"]["verdict.threshold"] == {"value": 0.9, "from": "argument"}


def test_rejudge_needs_a_journal_and_no_running_station(run: Run, tmp_path: Path) -> None:
    loaded = load(env={}, args={"state.dir": str(run.state)})
    with pytest.raises(StateLocked, match="in use by process"):
        rejudge(run.root, loaded, why="")
    nowhere = load(env={}, args={"state.dir": str(tmp_path / "none")})
    with pytest.raises(StateMissing):
        rejudge(run.root, nowhere, why="")
    assert not (tmp_path / "none").exists()


@pytest.mark.soak
def test_rejudging_thousands_takes_seconds(run: Run) -> None:
    with run.journal.together():
        for section in range(1, 5001):
            run.image(section, density=4000.0 + section % 7)
    run.close()
    loaded = load(env={}, args={"state.dir": str(run.state), "verdict.threshold": 0.7})
    start = time.monotonic()
    with Journal.open(run.state, root=run.root):
        pass
    changes = rejudge(run.root, loaded, why="")
    took = time.monotonic() - start
    print(f"{len(changes)} of 5000 verdicts in {took:.1f} s")  # noqa: T201
    assert took < 120
