"""What runs on an endpoint: real files and links, hostile requests; only what the administrator allowed is touched."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rigs.descriptors import held_below
from tests.rigs.facility import SHARP, Facility, asked, codes
from tests.rigs.focus_reports import report

import mhfd
from mhfd import api, images, simulate
from mhfd.contract.answer import ScoreResponse
from mhfd.contract.examination import Examination
from mhfd.contract.focus_report import Finding, FocusReport, report_file
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.errors import SiteError
from mhfd.remote import examine, run
from mhfd.remote.roots import Roots
from mhfd.site import VARIABLE, Site


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


def test_the_same_report_as_here(facility: Facility) -> None:
    path = facility.image("a.tif")
    response = asked(paths=[path])
    assert response.ok
    far, here = FocusReport.model_validate(response.reports[0]), mhfd.score(path, device="cpu")
    plain = {"timing_ms", "provenance"}
    assert far.model_dump(exclude=plain) == here.model_dump(exclude=plain)
    assert response.began_ns is not None
    assert response.ended_ns is not None
    assert response.began_ns < response.ended_ns
    assert response.provenance.versions["mhfd_code"]


def pixel_sizes(*paths: str) -> list[float | None]:
    return [FocusReport.model_validate(report).image.pixel_nm for report in asked(paths=list(paths)).reports]


def test_what_lies_beside_an_image_is_read_by_the_same_rules(facility: Facility) -> None:
    text = "[MAIN]\nDevice=x\nPixelSizeX={}e-9\n"
    path = facility.image("a.tif")
    assert pixel_sizes(path) == [None]
    (facility.data / "a.hdr").write_text(text.format(5))
    assert pixel_sizes(path) == [5.0]
    report = FocusReport.model_validate(asked(paths=[path]).reports[0])
    assert report.image.tags["pixel_from"] == "TESCAN a.hdr PixelSizeX"
    (facility.data / "deep").mkdir()
    (facility.data / "deep" / "b.tif").symlink_to("../a.tif")  # looked for where the image is asked for, as here
    (facility.data / "deep" / "b.hdr").symlink_to("../a.hdr")
    assert pixel_sizes(str(facility.data / "deep" / "b.tif")) == [5.0]


@pytest.mark.parametrize("way", ["link", "through a link", "folder", "pipe", "loop", "nowhere", "device", "unreadable"])
def test_what_lies_beside_an_image_leads_nowhere(facility: Facility, way: str) -> None:
    secret = facility.secret / "a.hdr"
    secret.write_text("[MAIN]\nDevice=x\nPixelSizeX=5e-9\n")
    (facility.data / "way").symlink_to(facility.secret)
    path = facility.image("a.tif")
    beside = facility.data / "a.hdr"
    match way:
        case "folder":
            beside.mkdir()
        case "pipe":
            os.mkfifo(beside)
        case "unreadable":
            beside.write_bytes(b"\xff\0[MAIN]" * 1000)
        case _:
            targets = {"link": str(secret), "through a link": "way/a.hdr", "loop": "a.hdr", "device": "/dev/zero"}
            beside.symlink_to(targets.get(way, "nowhere.hdr"))
    response = asked(paths=[path])
    assert response.ok
    assert FocusReport.model_validate(response.reports[0]).image.pixel_nm is None
    assert not response.errors
    assert not response.notes
    assert held_below(facility.data, facility.secret, Path("/dev/zero")) == []


def test_one_bad_image_harms_no_other(facility: Facility) -> None:
    good = facility.image("good.tif")
    empty, text, folder = facility.data / "empty.tif", facility.data / "text.tif", facility.data / "folder.tif"
    empty.write_bytes(b"")
    text.write_text("not an image")
    folder.mkdir()
    os.mkfifo(facility.data / "pipe.tif")
    paths = [str(empty), good, str(text), str(folder), str(facility.data / "pipe.tif"), str(facility.data / "gone.tif")]
    response = asked(paths=paths)
    found = [None if one is None else one["finding"] for one in response.reports]
    assert found == ["unreadable", "ok", "unreadable", "unreadable", "unreadable", None]
    assert [(error.index, error.code) for error in response.errors] == [(5, Code.UNAVAILABLE)]
    assert not response.ok


def test_nothing_may_be_read_without_a_site(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    monkeypatch.delenv(VARIABLE)
    response = asked(paths=[path])
    assert codes(response) == [Code.NO_SITE]
    assert "administrator" in response.errors[0].why
    assert response.reports == ()


def outside(facility: Facility) -> dict[str, str]:
    """Ways out of the folder."""
    secret = facility.image("secret.tif", folder=facility.secret)
    (facility.data / "link.tif").symlink_to(secret)
    (facility.data / "folder").symlink_to(facility.secret)
    (facility.data / "loop.tif").symlink_to(facility.data / "loop.tif")
    beside = facility.image("a.tif", folder=facility.data.with_name("data2"))
    return {
        "absolute": secret,
        "link": str(facility.data / "link.tif"),
        "folder": str(facility.data / "folder" / "secret.tif"),
        "dots": str(facility.data / ".." / "secret" / "secret.tif"),
        "prefix": beside,
        "itself": str(facility.data),
        "relative": "secret.tif",
        "empty": "",
        "zero": f"{facility.data}/a\0.tif",
        "surrogate": f"{facility.data}/\ud800.tif",
        "long": f"{facility.data}/{'a' * 5000}.tif",
        "proc": "/proc/self/environ",
        "device": "/dev/zero",
    }


@pytest.mark.parametrize(
    "way",
    [
        *("absolute", "link", "folder", "dots", "prefix", "itself", "relative", "empty", "zero", "surrogate", "long"),
        *("proc", "device"),
    ],
)
def test_no_way_leads_out(facility: Facility, way: str) -> None:
    response = ScoreResponse.model_validate(run(paths=[outside(facility)[way]]))
    assert codes(response) == [Code.REFUSED_PATH]
    assert response.reports == (None,)
    assert str(facility.data) in response.errors[0].remedy


def test_a_link_inside_the_folders_is_followed(facility: Facility) -> None:
    facility.image("deep/real.tif")
    (facility.data / "link.tif").symlink_to("deep/real.tif")
    (facility.data / "short").symlink_to("deep")
    response = asked(paths=[str(facility.data / "link.tif"), str(facility.data / "short" / "real.tif")])
    assert response.ok


def test_what_is_refused_does_not_say_whether_it_exists(facility: Facility) -> None:
    there = facility.image("there.tif", folder=facility.secret)
    one, other = (asked(paths=[path]).errors[0] for path in (there, str(facility.secret / "gone.tif")))
    assert (one.code, one.why, one.remedy) == (other.code, other.why, other.remedy)


def test_a_link_that_is_swapped_in_meanwhile_leads_nowhere(facility: Facility) -> None:
    """A thief turns a folder into a link and back, as fast as it can; what is read is never his."""
    facility.image("run/a.tif")
    facility.image("a.tif", np.zeros((192, 192), np.uint8), folder=facility.secret)
    run_folder, aside, lure = facility.data / "run", facility.data / "aside", facility.data / "lure"
    lure.symlink_to(facility.secret)
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            run_folder.rename(aside)
            lure.rename(run_folder)
            run_folder.rename(lure)
            aside.rename(run_folder)

    thief = threading.Thread(target=swap)
    thief.start()
    try:
        roots, read = Roots([facility.data], use="read"), 0
        for _ in range(3000):
            response = run_quietly(roots, str(facility.data / "run" / "a.tif"))
            if response is not None:
                read += 1
                assert response.startswith(str(facility.data))
    finally:
        ended.set()
        thief.join()
    assert read


def run_quietly(roots: Roots, path: str) -> str | None:
    from mhfd.remote.refusal import Refusal

    try:
        with roots.file(path) as opened:
            first = os.pread(opened.fd, 1 << 20, 0)
            assert SHARP.tobytes()[:64] in first
            return opened.real
    except Refusal:
        return None


def test_a_request_cannot_widen_what_is_allowed(facility: Facility) -> None:
    path = facility.image("secret.tif", folder=facility.secret)
    for extra in ({"read_roots": ["/"]}, {"site": {"read_roots": ["/"]}}, {"MHFD_SITE": "/etc/x"}):
        response = asked(paths=[path], **extra)
        assert codes(response) == [Code.BAD_REQUEST]
        assert response.errors[0].field in extra


def test_what_changed_since_it_was_seen_is_not_scored(facility: Facility) -> None:
    path = facility.image("a.tif")
    status = Path(path).stat()
    seen = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    assert asked(paths=[path], schema_version=3, expect=[seen]).ok
    assert asked(paths=[path], schema_version=3, expect=[{"size": status.st_size}]).ok
    for changed in ({**seen, "size": 7}, {**seen, "mtime_ns": 7}):
        response = asked(paths=[path, path], schema_version=3, expect=[changed, None])
        assert [(error.index, error.code) for error in response.errors] == [(0, Code.CHANGED)]
        assert response.reports[0] is None
        assert response.reports[1] is not None
    assert codes(asked(paths=[path], schema_version=3, expect=[None, None])) == [Code.BAD_REQUEST]


def test_sizes_are_bounded(facility: Facility) -> None:
    path = facility.image("a.tif")
    facility.allow(max_pixels=1000)
    assert [report and report["finding"] for report in asked(paths=[path]).reports] == [Finding.UNREADABLE]
    facility.allow(max_bytes=1000)
    assert [report and report["finding"] for report in asked(paths=[path]).reports] == [Finding.UNREADABLE]
    facility.allow(max_images=2)
    response = asked(paths=[path] * 3)
    assert codes(response) == [Code.TOO_MANY]
    assert response.reports == ()


def test_reports_are_written_beside_the_images(facility: Facility) -> None:
    path, folder = facility.image("a b/ü.tif"), facility.out / "run 7"
    response = asked(paths=[path, path], detail="summary", write_to=str(folder))
    (one, other) = response.reports
    assert one is not None
    assert one == other
    assert one["report"] == report_file(path, Params().id)
    whole = FocusReport.model_validate_json((folder / one["report"]).read_text())
    assert whole.image.path == path
    assert [file.name for file in folder.iterdir()] == [one["report"]]


def test_nothing_is_written_elsewhere_or_through_a_link(facility: Facility) -> None:
    path = facility.image("a.tif")
    (facility.out / "link").symlink_to(facility.secret)
    for folder in (facility.secret, facility.data, facility.out / "link", facility.out / ".." / "secret", "/"):
        response = asked(paths=[path], write_to=str(folder))
        assert codes(response) == [Code.REFUSED_WRITE]
        assert response.reports == ()
    target = facility.out / report_file(path, Params().id)
    target.symlink_to(facility.secret / "stolen")
    assert asked(paths=[path], write_to=str(facility.out)).ok
    assert not target.is_symlink()
    assert not list(facility.secret.iterdir())


def test_a_report_that_cannot_be_written_is_said(facility: Facility) -> None:
    path = facility.image("a.tif")
    (facility.out / report_file(path, Params().id)).mkdir()
    response = asked(paths=[path], write_to=str(facility.out))
    assert codes(response) == [Code.CANNOT_WRITE]
    assert not [file for file in facility.out.iterdir() if file.name.endswith(".tmp")]


def test_work_that_hangs_is_ended_and_the_rest_is_scored(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    # `max_seconds` ended nothing but the next image: one that hung held the worker for ever.
    def hanging(source: images.OpenFile, **options: Any) -> FocusReport:
        while source.path.endswith("hang.tif"):
            with contextlib.suppress(Exception):  # as a reader does, which makes findings of them
                threading.Event().wait(60)
        return report(4000.0, 0.04)

    monkeypatch.setattr(api, "score", hanging)
    facility.allow(max_image_seconds=0.2)
    timer = signal.getitimer(signal.ITIMER_REAL)[0]
    response = asked(paths=[facility.image(name, SHARP[:40, :40]) for name in ("hang.tif", "b.tif")])
    assert [(error.code, error.index) for error in response.errors] == [(Code.OUT_OF_TIME, 0)]
    assert "ended after 0.2 s" in response.errors[0].why
    assert response.reports[1] is not None
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(timer), "whoever had a timer has it again"


def test_the_time_of_a_task_ends_work_in_the_middle(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "score", lambda *_, **__: threading.Event().wait(60))
    facility.allow(max_seconds=0.2)
    path = facility.image("a.tif")
    response = asked(paths=[path, path])
    assert [(error.code, error.index, error.through) for error in response.errors] == [
        (Code.OUT_OF_TIME, 0, None),
        (Code.OUT_OF_TIME, 1, 1),
    ]


@pytest.mark.parametrize("detail", ["full", "summary"])
@pytest.mark.parametrize("count", [1, 40, 400])
def test_a_response_is_never_larger_than_allowed(facility: Facility, detail: str, count: int) -> None:
    limit = 1 << 16
    facility.allow(max_response_bytes=limit, max_images=10_000)
    path = facility.image("x" * 200 + "\N{SNOWMAN}.tif", SHARP[:128, :128])
    bad = str(facility.data / ("\N{SNOWMAN}" * 60))
    said = run(paths=[path if i % 3 else bad for i in range(count)], detail=detail)
    assert len(json.dumps(said)) <= limit
    response = ScoreResponse.model_validate(said)
    assert len(response.reports) == count
    answered = {i for i, report in enumerate(response.reports) if report is not None}
    blamed = {i for e in response.errors for i in range(e.index or 0, 1 + (e.through or e.index or 0))}
    assert answered | blamed == set(range(count))
    assert not answered & blamed


def test_what_is_left_out_first_are_the_maps(facility: Facility) -> None:
    pixels = simulate.focus_series((384, 384), seed=3, defocus_um=[0.0])[0]  # its map is a good part of its report
    path = facility.image("a.tif", pixels)
    whole = len(json.dumps(asked(paths=[path]).reports[0]))
    facility.allow(max_response_bytes=1 << 15)
    limit = (1 << 15) - 4096
    for count, notes in ((limit // (whole + 16), []), (limit // whole + 1, [Code.CELLS_LEFT_OUT])):
        response = asked(paths=[path] * count)
        assert response.ok
        assert [note.code for note in response.notes] == notes
        assert all(report is not None and "params" in report for report in response.reports)
    response = asked(paths=[path] * 12)
    assert [note.code for note in response.notes] == [Code.DETAIL_LEFT_OUT]


def test_a_summary_is_at_most_600_bytes(facility: Facility) -> None:
    name = "".join(chr(0x1F600 + i) for i in range(50))
    path = facility.image(f"{name}/a.tif")
    (facility.data / name / "b.tif").write_bytes(b"rubbish" * 100)
    response = asked(paths=[path, str(facility.data / name / "b.tif")], detail="summary", write_to=str(facility.out))
    assert all(len(json.dumps(report)) <= 600 for report in response.reports)


def test_who_wants_only_files_gets_next_to_nothing(facility: Facility) -> None:
    """What a flow's state holds of a batch, whatever became of it."""
    path = facility.image("a.tif")
    gone = [str(facility.data / f"{'gone' * 20}{n}.tif") for n in range(300)]
    response = asked(paths=[path, *gone], detail="none", write_to=str(facility.out))
    assert response.reports == ({}, *[None] * 300)
    assert len(list(facility.out.iterdir())) == 1
    assert not response.ok
    assert {error.code for error in response.errors} == {Code.UNAVAILABLE}
    assert len(response.model_dump_json()) < 16_000
    (note,) = response.notes
    assert note.why.startswith(f"the reasons of {300 - len(response.errors)} more images")


def test_reports_that_would_be_nowhere_are_refused(facility: Facility) -> None:
    response = asked(paths=[facility.image("a.tif")], detail="none")
    assert [error.code for error in response.errors] == [Code.BAD_REQUEST]
    assert "write_to" in response.errors[0].why


def test_time_is_bounded_between_images(facility: Facility) -> None:
    facility.allow(max_seconds=1e-9)
    response = asked(paths=[facility.image("a.tif")] * 3)
    assert [(error.code, error.index, error.through) for error in response.errors] == [(Code.OUT_OF_TIME, 0, 2)]


def test_every_task_leaves_one_line(facility: Facility) -> None:
    facility.image("a.tif")
    evil = facility.image('b\n{"user": "root"}.tif')
    asked(paths=[evil])
    asked(paths=[evil, evil])
    lines = facility.lines()
    assert [line["images"] for line in lines] == [1, 2]
    last = lines[-1]
    assert last["bytes_read"] == 2 * os.stat(evil).st_size  # noqa: PTH116
    assert last["warm"] is True
    assert {"user", "task", "gpu_s", "cpu_s", "version", "code", "at"} <= set(last)


def test_a_log_that_cannot_be_written_fails_nothing(facility: Facility, tmp_path: Path) -> None:
    path = facility.image("a.tif")
    facility.allow(log=tmp_path / "gone" / "log.jsonl")
    response = asked(paths=[path])
    assert response.ok
    assert [note.code for note in response.notes] == [Code.LOG_NOT_WRITTEN]
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "link.jsonl").symlink_to(elsewhere)
    facility.allow(log=tmp_path / "link.jsonl")
    assert asked(paths=[path]).notes
    assert not elsewhere.exists()


def test_a_log_folder_has_a_file_for_each_account(facility: Facility, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    facility.allow(log=folder)
    asked(paths=[facility.image("a.tif")])
    (file,) = folder.glob("*.jsonl")
    assert json.loads(file.read_text())["scored"] == 1


RUBBISH: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["schema_version", "paths", "params", "detail", "write_to", "expect", "echo", "hash", "x"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=st.dictionaries(FIELDS, RUBBISH, max_size=5))
def test_rubbish_is_answered(facility: Facility, request: dict[str, Any]) -> None:
    for function in (run, examine):
        said = function(**request)
        assert len(json.dumps(said)) < 1 << 16
        assert said["ok"] or said["errors"]
        for error in said["errors"]:
            assert error["code"]
            assert error["why"]
            assert error["remedy"]


def test_a_device_that_is_not_there_is_said_once(facility: Facility) -> None:
    path = facility.image("a.tif")
    facility.allow(device="gpu")
    assert codes(asked(paths=[path] * 5)) == [Code.NO_DEVICE]
    said = Examination.model_validate(examine())
    assert codes(said) == [Code.NO_DEVICE]


def test_an_endpoint_says_how_it_is(facility: Facility) -> None:
    path = facility.image("a.tif")
    facility.out.chmod(0o755)
    facility.allow(write_roots=[facility.out, facility.out / "gone"])
    said = Examination.model_validate(
        json.loads(json.dumps(examine(paths=[path, "/etc/passwd"], hash=True, echo="hi")))
    )
    assert said.echo == "hi"
    assert [(root.use, root.usable) for root in said.roots] == [("read", True), ("write", True), ("write", False)]
    here, other = said.files
    assert other is None
    assert codes(said) == [Code.REFUSED_PATH]
    assert here is not None
    assert here.sha256 == mhfd.score(path).image.sha256
    assert (here.size, here.mtime_ns) == (Path(path).stat().st_size, Path(path).stat().st_mtime_ns)
    assert said.backend == "cpu"
    assert said.pid == os.getpid()
    assert examine(only_echo=True, echo="x")["echo"] == "x"


def test_the_second_task_is_warm(facility: Facility) -> None:
    code = (
        "import json; from mhfd.shim import mhfd_focus, mhfd_examine\n"
        f"first = mhfd_focus(paths=[{facility.image('a.tif')!r}])\n"
        "second = mhfd_examine()\n"
        "print(json.dumps([first['ok'], second['tasks_before']]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout) == [True, 1]


def test_importing_it_costs_nothing() -> None:
    code = "import sys, mhfd.remote, mhfd.shim; print(any(m in sys.modules for m in ('numpy', 'scipy', 'pydantic')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"read_roots": ["data"]}, "not absolute"),
        ({"read_roots": ["/"]}, "whole file system"),
        ({"read_roots": ["/a/../b"]}, "'..'"),
        ({"raed_roots": ["/a"]}, "no such key"),
        ({"max_response_bytes": 9_000_000}, "max_response_bytes"),
        ({"write_roots": ["/a"], "log": "/a/log"}, "lies below a write root"),
    ],
)
def test_a_wrong_site_is_named(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(SiteError, match=why):
        Site.of(fields)


def test_a_site_survives_its_file(tmp_path: Path) -> None:
    site = Site.of({"name": 'a "b"\t\x7f\N{SNOWMAN}', "read_roots": ["/data/ü x"], "max_seconds": 1.5, "threads": 2})
    file = tmp_path / "site.toml"
    file.write_text(site.to_toml())
    assert Site.read(file) == site


@pytest.mark.parametrize("text", [None, "name = ", "\0"])
def test_a_site_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "site.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SiteError, match=r"site\.toml"):
        Site.load({VARIABLE: str(file)})
