"""The station's commands as an operator types them, on a small simulated run that is really watched."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from click.testing import CliRunner, Result

from mhfd import simulate
from mhfd_client import mounts
from mhfd_client.cli import main
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import Outcome, State
from mhfd_client.journal.view import JournalView
from mhfd_client.microscope.plan import RunPlan
from mhfd_client.microscope.truth import read_truth
from mhfd_client.microscope.write import simulate_run
from mhfd_client.mounts import Mount
from mhfd_client.station import inbox

UNHURRIED = ("--set", "arrival.patience_s=0.5", "--set", "arrival.settle_s=0.5")
FAST = (*UNHURRIED, "--workers", "1", "--no-page")  # each is a process that takes a second to start


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)


class Watched:
    """A watched folder and its state."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root, self.state = root, state

    def __call__(self, command: str, *args: object) -> Result:
        return mhfd(command, self.root, *args, "--state", self.state)

    def copy(self, to: Path) -> Watched:
        shutil.copytree(self.state, to)
        return Watched(self.root, to)


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sem") / "wafer7"
    for _ in simulate_run(root, RunPlan.of(3, sections=24, size=256, failures=0.2), at_once=True):
        pass
    (root / "S_001_preview.tif").write_bytes(b"another program's")
    return root


@pytest.fixture(scope="module")
def first(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Watched, Result]:
    watched = Watched(run, tmp_path_factory.mktemp("mhfd") / "state")
    before = contents(run)
    result = watched("watch", "--until-idle", 1, *UNHURRIED)
    assert contents(run) == before, "the watched folder was written"
    return watched, result


@pytest.fixture
def watched(first: tuple[Watched, Result], tmp_path: Path) -> Watched:
    return first[0].copy(tmp_path / "state")


def test_a_map_lies_beside_what_is_out_of_focus(first: tuple[Watched, Result]) -> None:
    watched, _ = first
    found = {str(path.relative_to(watched.state / "records")) for path in watched.state.rglob("*.mhfd.ome.tif")}
    with JournalView.read(watched.state) as view:
        failed = {
            f"{one.image.path}.mhfd.ome.tif" for one in view.told() if one.verdict.outcome is Outcome.OUT_OF_FOCUS
        }
    assert found == failed
    assert failed


def outcomes(watched: Watched) -> dict[str, str]:
    with JournalView.read(watched.state) as journal:
        return {told.image.path: told.verdict.outcome.value for told in journal.told()}


# -- watch and plan


def test_watch_says_a_sentence_for_each_image(first: tuple[Watched, Result]) -> None:
    watched, result = first
    assert result.exit_code == 0, result.output
    truth = read_truth(watched.root.with_name("wafer7.truth.csv"))
    for shot in truth:
        assert re.search(rf"^{re.escape(shot.path)}  \w+: Section {shot.section}, ", result.stdout, re.MULTILINE), shot
    assert f"{len(truth)} images scored" in result.stderr
    assert "names: atlas" in result.stderr
    assert "preview" not in result.stdout
    assert set(outcomes(watched)) == {shot.path for shot in truth}


def test_watch_again_has_nothing_to_do(watched: Watched) -> None:
    result = watched("watch", "--until-idle", 0.5, *FAST)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "0 images scored" in result.stderr


def test_sidecars_and_thumbnails_are_where_they_belong(first: tuple[Watched, Result]) -> None:
    watched, _ = first
    for path, outcome in outcomes(watched).items():
        told = json.loads((watched.state / "records" / f"{path}.mhfd.json").read_bytes())
        assert told["verdict"]["outcome"] == outcome
        assert told["image"]["sha256"]
        if told["report"]["finding"] == "ok":
            assert (watched.state / told["image"]["thumbnail"]).read_bytes()[:2] == b"\xff\xd8"


def test_watch_ends_cleanly_on_a_signal(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()"]
    command += ["watch", str(run), "--state", str(tmp_path / "state"), "--workers", "1", *UNHURRIED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "images scored" in err
    assert "Traceback" not in err


def test_a_watch_that_is_killed_goes_on_where_it_was(run: Path, tmp_path: Path) -> None:
    """The real judge too: each image is scored once and has one first verdict, whatever was killed in between."""
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()"]
    command += ["watch", str(run), "--state", str(tmp_path / "state"), *FAST]
    for lines in (1, 4, 9):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                assert process.stdout.readline()
            process.kill()
    killed = Watched(run, tmp_path / "state")
    assert killed("watch", "--until-idle", 1, *FAST).exit_code == 0
    with JournalView.read(killed.state) as journal:
        told = list(journal.told())
        firsts = [[v.reason for v in journal.verdicts(one.image.id)].count(None) for one in told]
    assert len(told) == len(read_truth(run.with_name("wafer7.truth.csv")))
    assert firsts == [1] * len(told)
    assert {one.image.state for one in told} == {State.RECORDED}


def test_a_reader_that_leaves_does_not_end_the_watch(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()"]
    command += ["watch", str(run), "--state", str(tmp_path / "state"), "--until-idle", "1", *FAST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 0, err
    assert "no more lines" in err
    assert "Traceback" not in err
    with JournalView.read(tmp_path / "state") as journal:
        assert journal.counts()[State.RECORDED] == len(outcomes(Watched(run, tmp_path / "state"))) > 20


def test_plan_says_what_a_watch_would_do_and_touches_nothing(run: Path, watched: Watched, tmp_path: Path) -> None:
    fresh = Watched(run, tmp_path / "none")
    result = fresh("plan")
    assert result.exit_code == 0
    assert not fresh.state.exists()
    assert "no journal yet" in result.output
    assert re.search(r"^take +S_001_\d+/Tile_r1-c1_S_001_\d+\.tif \(section 1, tile r1-c1\): ", result.output, re.M)
    assert re.search(r"^ignore S_001_preview.tif: left alone", result.output, re.M)
    told = json.loads(watched("plan", "--json").output)
    assert {file["decision"] for file in told["files"]} == {"known", "ignore"}
    assert told["names"].startswith("atlas")


def test_hostile_names_cannot_move_the_cursor(tmp_path: Path) -> None:
    root = tmp_path / "sem"
    root.mkdir()
    tifffile.imwrite(root / "a\x1b[2J\nb_1.tif", simulate.section((128, 128), seed=1))
    os.rename(root / "a\x1b[2J\nb_1.tif", os.fsencode(root) + b"/\xff\x1b[2J\n_1.tif")  # noqa: PTH104
    hostile = Watched(root, tmp_path / "state")
    for command, *args in (("plan",), ("watch", "--until-idle", 0.5, *FAST), ("status",), ("retake", "--undetermined")):
        result = hostile(command, *args)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
    assert hostile("retake", "--undetermined", "--csv").output.count("\n") == 2


# -- what came of it


def test_status_counts(watched: Watched) -> None:
    result = watched("status")
    assert result.exit_code == 0
    assert re.search(r"seen (\d+), judged \1, pending 0, failed \d+, retake \d+, missing 0", result.output)
    assert "whole-to-verdict p50" in result.output
    told = json.loads(watched("status", "--json").output)
    unsure = f"nobody has confirmed a sharp image yet: {told['outcomes']['in_focus']} of {told['judged']} in focus"
    assert (told["confirmed"] == 0) == (unsure in result.output)
    assert told["seen"] == len(outcomes(watched))
    assert told["outcomes"]["out_of_focus"] == sum(o == "out_of_focus" for o in outcomes(watched).values())
    assert told["retake"]
    assert watched("status", "--check").exit_code == 1


def test_retake_lists_what_to_image_again(watched: Watched) -> None:
    rows = list(csv.DictReader(io.StringIO(watched("retake", "--csv").output)))
    assert {row["outcome"] for row in rows} <= {"out_of_focus", "incomplete"}
    assert rows
    for row in rows:
        assert outcomes(watched)[row["path"]] == row["outcome"]
        if row["outcome"] == "out_of_focus":
            assert float(row["stage_x_um"]) > 0
        assert row["reason"].startswith(f"Section {row['section']}, tile {row['tile']}")
    lines = watched("retake", "--format", "atlas").stdout.splitlines()
    assert lines == [f"S_{row['section']}: Tile_{row['tile']}" for row in rows]
    other = watched("retake", "--format", "sbemimage")
    assert other.stdout == ""
    assert other.stderr.count("no tile in the notation of sbemimage") == len(rows)
    assert watched("retake", "--csv", "--format", "atlas").exit_code == 2


def test_the_halves_of_the_list_are_the_whole_run(watched: Watched) -> None:
    said = watched("retake", "--others", "--csv")
    going = list(csv.DictReader(io.StringIO(said.stdout)))
    again = json.loads(watched("retake", "--json").stdout)
    told = json.loads(watched("retake", "--others", "--json").stdout)
    assert (again["list"], told["list"], told["again"]) == ("again", "others", len(again["images"]))
    assert [row["path"] for row in going] == [one["path"] for one in told["images"]]
    known = {str(watched.root / path) for path in outcomes(watched)}
    halves = [
        *(row["path"] for row in going),
        *(str(watched.root / path) for path in (*(one["path"] for one in again["images"]), *told["undetermined"])),
    ]
    assert sorted(halves) == sorted(known)
    assert all(Path(row["path"]).is_file() and Path(row["sidecar"]).is_file() for row in going)
    assert f"{len(going)} may go on ({len(going)} of them provisionally" in said.stderr
    assert f"{len(again['images'])} to take again, {len(told['undetermined'])} cannot be told" in said.stderr
    newest = json.loads(watched("retake", "--json", "--order", "newest").stdout)["images"]
    assert [one["image"] for one in newest] == sorted((one["image"] for one in again["images"]), reverse=True)
    for wrong in (("--others", "--format", "atlas"), ("--csv", "--json"), ("--others", "--undetermined")):
        assert watched("retake", *wrong).exit_code == 2


def test_confirming_makes_verdicts_final(watched: Watched) -> None:
    asked = json.loads(watched("status", "--json").output)["question"]["images"]
    with JournalView.read(watched.state) as journal:
        paths = [journal.image(image).path for image in asked]
    result = watched("confirm", *paths[:-1], watched.root / paths[-1])
    assert result.exit_code == 0, result.output
    assert int(result.output.split()[0]) > 10
    told = json.loads(watched("status", "--json").output)
    assert told["provisional"] == 0
    assert told["question"] is None
    sidecar = json.loads((watched.state / "records" / f"{paths[0]}.mhfd.json").read_bytes())
    assert sidecar["history"][-1]["reason"] == "you confirmed it"
    rejected = watched("reject", paths[0])
    assert rejected.exit_code == 0
    assert outcomes(watched)[paths[0]] == "out_of_focus"
    assert watched("reject", "--undo", paths[0]).exit_code == 0
    assert outcomes(watched)[paths[0]] == "in_focus"


def test_what_shows_nothing_cannot_be_confirmed(watched: Watched) -> None:
    path = next(path for path, outcome in outcomes(watched).items() if outcome == "incomplete")
    for command in ("confirm", "reject"):
        said = watched(command, path, "--yes")
        assert said.exit_code == 2, said.output
        assert "is neither sharp nor blurred" in said.output
        assert "mhfd again" in said.output
    assert outcomes(watched)[path] == "incomplete"


def test_again_puts_an_image_on_the_list_with_its_note(watched: Watched) -> None:
    before = outcomes(watched)
    path = next(path for path, outcome in before.items() if outcome == "in_focus")
    result = watched("again", path, "--note", " dirt\x07 over\nthe corner")
    assert result.exit_code == 0, result.output
    assert "mhfd retake" in result.output
    (row,) = [row for row in csv.DictReader(io.StringIO(watched("retake", "--csv").output)) if row["path"] == path]
    assert row["note"] == "dirt over the corner"
    assert row["reason"].endswith("wants it taken again: dirt over the corner")
    sidecar = json.loads((watched.state / "records" / f"{path}.mhfd.json").read_bytes())
    assert sidecar["labels"][-1]["again"] is True
    assert outcomes(watched) == before
    assert watched("again", "--undo", path).exit_code == 0
    assert path not in watched("retake", "--csv").output
    assert watched("again", "--undo", "--note", "x", path).exit_code == 2
    long = watched("again", path, "--note", "x" * 201)
    assert long.exit_code == 2
    assert "200 are the most" in long.output
    with Journal.open(watched.state, root=watched.root):  # a station runs
        assert "told the running station" in watched("again", path, "--note", "dirt").output
    assert watched("watch", "--until-idle", 1.5, *FAST).exit_code == 0
    assert path in watched("retake", "--csv").output


def test_a_retake_under_another_name_is_named_and_off_the_list_once_somebody_says_so(watched: Watched) -> None:
    """Atlas writes a retake into a folder of its own: the simulated run has such."""
    lines = watched("retake").stdout.splitlines()
    newer = [line for line in lines if "is in focus; if it was taken instead, say so: mhfd fine" in line]
    assert newer
    taken = watched("fine", "--retaken")
    assert taken.exit_code == 0, taken.output
    assert taken.output.splitlines()[-1] == f"{len(newer)} off the list"
    after = watched("retake").stdout
    assert "if it was taken instead" not in after

    def shown(said: list[str]) -> int:
        """Images, and causes; what is indented is about the image above."""
        return sum(not line.startswith(" ") for line in said)

    assert shown(after.splitlines()) == shown(lines) - len(newer)
    path = taken.output.split(":")[0]
    assert watched("fine", path, "--undo").output == "1 taken back\n"
    assert path in watched("retake").stdout
    for wrong in ((), ("--retaken", path), ("--retaken", "--undo")):
        assert watched("fine", *wrong).exit_code == 2


def test_a_label_that_turns_many_verdicts_says_how_many_first(watched: Watched) -> None:
    before = outcomes(watched)
    with JournalView.read(watched.state) as journal:
        sharpest = max(journal.told(), key=lambda told: told.score.density or 0).image.path
    refused = watched("reject", sharpest)
    assert refused.exit_code == 2
    said = re.search(r"This would turn (\d+) images into 'can't tell' \(today (\d+)\)", refused.output)
    assert said is not None, refused.output
    assert int(said[2]) == sum(outcome == "undetermined" for outcome in before.values())
    assert "--yes" in refused.output
    assert "mhfd again" in refused.output
    assert outcomes(watched) == before
    assert not list((watched.state / "inbox").iterdir())
    assert watched("reject", "--yes", sharpest).exit_code == 0
    turned = sum(outcomes(watched)[path] != outcome for path, outcome in before.items() if path != sharpest)
    assert turned >= int(said[1]) > 5


def test_what_lies_in_the_inbox_is_read_and_what_is_no_letter_is_thrown_away(watched: Watched) -> None:
    """Letters of this version and of older ones, of an image that never was, and rubbish."""
    before = outcomes(watched)
    sharp = [path for path, outcome in before.items() if outcome == "in_focus"][:3]
    with Journal.open(watched.state, root=watched.root):  # a station runs
        result = watched("reject", "--yes", sharp[0])
    assert result.exit_code == 0
    assert "told the running station" in result.output
    assert outcomes(watched) == before
    with JournalView.read(watched.state) as journal:
        ids = [row.id for path in sharp if (row := journal.find(path)) is not None]
    older = (
        f'{{"image": {ids[1]}, "sharp": false, "fine": false, "who": "Ann"}}',
        f'{{"image": {ids[2]}, "sharp": false}}',
    )
    for number, text in enumerate(older):
        (watched.state / "inbox" / f"0175300000000000000{number}-0123abcd.json").write_text(text)
    for number, text in enumerate(("{", "[]", '{"image": "x", "sharp": true}', '{"image": 1}')):
        (watched.state / "inbox" / f"{number}.json").write_text(text)
    inbox.put(watched.state, inbox.GivenLabel(image=10**9, sharp=True))  # an image that never was
    assert watched("watch", "--until-idle", 1.5, *FAST).exit_code == 0
    after = outcomes(watched)
    assert [after[path] for path in sharp] == ["out_of_focus"] * 3
    assert len(list((watched.state / "inbox").glob("*.json"))) == 1


def test_rejudge(watched: Watched) -> None:
    before = outcomes(watched)
    dry = watched("rejudge", "--set", "verdict.blur_px=0.01", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "would change" in dry.output
    assert outcomes(watched) == before
    done = watched("rejudge", "--set", "verdict.blur_px=0.01")
    assert done.exit_code == 0
    turned = [line for line in done.output.splitlines() if " -> " in line]
    assert {line.split("  ")[0] for line in turned} == {p for p, o in outcomes(watched).items() if o != before[p]}
    assert turned


def test_the_report_stands_alone(watched: Watched, tmp_path: Path) -> None:
    result = watched("report", "--html", tmp_path / "out" / "report.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert not re.search(r"(src|href)=(?!\"data:)", page)
    assert "<script" not in page
    assert "<svg" in page
    for row in csv.DictReader(io.StringIO(watched("retake", "--csv").output)):
        assert row["path"] in page
    assert "data:image/jpeg;base64," in page
    assert "verdict.threshold" in page


def test_the_report_escapes_names(tmp_path: Path) -> None:
    root = tmp_path / "sem"
    (root / "<script>").mkdir(parents=True)
    (root / "<script>" / "S_001.tif").write_bytes(b"<b>not a TIFF")
    hostile = Watched(root, tmp_path / "state")
    assert hostile("watch", "--until-idle", 0.5, *FAST).exit_code == 0
    assert hostile("report", "--html", tmp_path / "r.html").exit_code == 0
    page = (tmp_path / "r.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;/S_001.tif" in page
    assert "No image has a density" in page


# -- around it


def test_simulate(tmp_path: Path) -> None:
    result = mhfd("simulate", "--into", tmp_path / "run", "--sections", 4, "--size", 128, "--at-once", "--tiles", "1x2")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "run").rglob("*.tif"))) >= 8
    again = mhfd("simulate", "--into", tmp_path / "run", "--sections", 4)
    assert again.exit_code == 2
    assert "is not empty" in again.output
    assert mhfd("simulate", "--into", tmp_path / "other", "--tiles", "many").exit_code == 2


def test_config_says_where_each_value_comes_from(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mhfd.toml").write_text("[arrival]\nsettle_s = 3\n[score.params]\nn = 12\n")
    monkeypatch.setenv("MHFD_VERDICT_THRESHOLD", "0.7")
    result = mhfd("config", run, "--config", tmp_path / "mhfd.toml", "--state", tmp_path / "state")
    assert result.exit_code == 0, result.output
    assert re.search(r"^arrival.settle_s = 3.0  \[file .*mhfd.toml:2\]$", result.output, re.M)
    assert re.search(r"^verdict.threshold = 0.7  \[environment MHFD_VERDICT_THRESHOLD\]$", result.output, re.M)
    assert re.search(r"^score.params.n = 12  \[file ", result.output, re.M)
    assert re.search(r"^verdict.young = \d+  \[default\]$", result.output, re.M)
    assert f"state of {run}: {tmp_path / 'state'}  [argument]" in result.output
    told = json.loads(mhfd("config", "--json").output)
    assert told["settings"]["verdict.threshold"] == {"value": 0.7, "from": "environment MHFD_VERDICT_THRESHOLD"}


def test_the_default_place_of_the_state_is_found_by_every_command(
    run: Path, first: tuple[Watched, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = re.search(r"^state of .*: (.*)  \[default\]$", mhfd("config", run).output, re.M)
    assert place is not None
    assert Path(place[1]).is_relative_to(tmp_path)
    shutil.copytree(first[0].state, place[1])
    assert mhfd("status", run).exit_code == 0
    assert mhfd("status", f"{run.parent}/./{run.name}/").exit_code == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("watch", "{tmp}/gone"), 1, "is the share mounted"),
        (("watch", "{tmp}/file"), 2, "is a file"),
        (("plan", "{tmp}/gone"), 2, "is the share mounted"),
        (("watch", "{run}", "--set", "arrival.setle_s=1"), 2, "did you mean 'arrival.settle_s'"),
        (("watch", "{run}", "--set", "arrival.settle_s"), 2, "KEY=VALUE"),
        (("watch", "{run}", "--set", "runner.kind=compute", "--no-page"), 2, "compute.endpoint"),
        (("watch", "{run}", "--set", "arrival.settle_s=fast"), 2, "arrival.settle_s"),
        (("watch", "{run}", "--params", "fast"), 2, "score.preset"),
        (("watch", "{run}", "--config", "{tmp}/gone.toml"), 2, "gone.toml"),
        (("watch", "{run}", "--names", "nikon"), 2, "names.preset"),
        (("watch", "{run}", "--state", "{run}/state"), 2, "lies in the watched folder"),
        (("watch", "{run}", "--state", "{tmp}/file/state"), 1, "cannot use"),
        (("watch", "{run}", "--until-idle", "0"), 2, "--until-idle"),
        (("status", "{run}", "--state", "{tmp}/none"), 1, "start `mhfd watch` first"),
        (("retake", "{run}", "--state", "{tmp}/none"), 1, "start `mhfd watch` first"),
        (("rejudge", "{run}", "--state", "{tmp}/none"), 1, "start `mhfd watch` first"),
        (("rejudge", "{run}", "--threshold", "2"), 2, "verdict.threshold"),
        (("report", "{run}", "--state", "{tmp}/none", "--html", "{tmp}/r.html"), 1, "start `mhfd watch` first"),
        (("confirm", "{run}", "x.tif", "--state", "{tmp}/none"), 1, "start `mhfd watch` first"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_what_is_wrong_is_one_line_and_the_right_exit_code(
    run: Path, tmp_path: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "file").write_text("")
    result = mhfd(*(arg.format(run=run, tmp=tmp_path) for arg in args))
    assert result.exit_code == code, result.output
    assert words in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1
    assert not (tmp_path / "none").exists()


def test_an_image_that_nobody_knows(watched: Watched) -> None:
    result = watched("confirm", "gone.tif")
    assert result.exit_code == 2
    assert "gone.tif is not in the journal" in result.output


def test_a_second_station_is_refused(watched: Watched) -> None:
    with Journal.open(watched.state, root=watched.root):
        result = watched("watch", "--until-idle", 1)
    assert result.exit_code == 3  # a service of systemd is not started again
    assert f"in use by process {os.getpid()}" in result.output


def test_another_folders_state_is_refused(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "wafer8").mkdir()
    result = mhfd("watch", tmp_path / "wafer8", "--state", watched.state, "--until-idle", 1)
    assert result.exit_code == 1
    assert "belongs to" in result.output


def test_state_on_a_share_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "of", lambda path, **_: Mount("/mnt", "nfs4", "server:/home"))
    result = mhfd("watch", run, "--state", tmp_path / "state", "--until-idle", 1)
    assert result.exit_code == 1
    assert "network file system" in result.output


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MHFD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
