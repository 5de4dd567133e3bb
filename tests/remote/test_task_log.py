"""What an endpoint's log says: one line of every request, whatever it asks for and however it ends."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.facility import Facility, asked, codes, examined

from mhfd import api
from mhfd.contract.request import Code
from mhfd.remote import examine, linefile, run, tasklog
from mhfd.remote.linefile import LineFile
from mhfd.remote.worker import IDENTITY
from mhfd.site import VARIABLE
from mhfd_endpoint import usage


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


def line_of(facility: Facility) -> dict[str, Any]:
    """The one line that there is."""
    (line,) = facility.lines()
    return line


# -- every request


def test_where_somebody_wanted_to_write_is_told(facility: Facility) -> None:
    path = facility.image("a.tif")
    assert codes(asked(paths=[path], write_to="/etc")) == [Code.REFUSED_WRITE]
    line = line_of(facility)
    assert (line["outcome"], line["problems"], line["write_to"]) == ("refused", {"refused_write": 1}, "/etc")
    assert line["refused"] == ["/etc"]
    assert "below none of the folders" in line["why"]
    assert (line["images"], line["scored"], line["bytes_read"]) == (1, 0, 0)


def test_a_refused_path_in_the_middle_of_a_batch_is_told(facility: Facility) -> None:
    path = facility.image("a.tif")
    asked(paths=[path, "/etc/shadow", path])
    line = line_of(facility)
    assert line["refused"] == ["/etc/shadow"]
    assert (line["outcome"], line["images"], line["scored"]) == ("partly", 3, 2)
    assert line["problems"] == {"refused_path": 1}
    assert line["bytes_read"] == 2 * Path(path).stat().st_size
    assert line["pixels"] == 2 * 192 * 192


@pytest.mark.parametrize("most", [30_000, 100])
def test_many_refused_paths_are_one_bounded_line_and_hide_no_other(facility: Facility, most: int) -> None:
    facility.allow(
        max_images=most, max_response_bytes=1 << 18
    )  # taken, and answered as far as there is room; or not taken at all
    paths = [f"/secret/{'x' * 300}/{n}" for n in range(20_000)]
    paths[10_000] = "/etc/shadow"
    asked(paths=paths)
    line = line_of(facility)
    assert len(facility.log.read_bytes()) < 1 << 15
    assert "/etc/shadow" in line["refused"]
    assert len(line["refused"]) + line["refused_more"] == 20_000
    assert line["outcome"] == ("refused" if most == 100 else "nothing")


@pytest.mark.parametrize("request_", [{}, {"paths": 7}, {"paths": ["/etc/shadow"], "x": 1}, {"paths": [{}] * 5000}])
def test_a_malformed_request_leaves_a_line(facility: Facility, request_: dict[str, Any]) -> None:
    for function in (run, examine):
        facility.log.unlink(missing_ok=True)
        function(**request_)
        line = line_of(facility)
        if line["function"] == "mhfd_focus" or request_:
            assert line["outcome"] == "refused"
            assert set(line["problems"]) == {"bad_request"}
        assert line["refused"] == (["/etc/shadow"] if "x" in request_ else [])
        if "x" in request_:
            assert line["why"].startswith("x: ")
        assert len(facility.log.read_bytes()) < 1 << 13


def test_without_a_site_the_line_goes_to_the_workers_error_stream(
    facility: Facility, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE)
    assert codes(asked(paths=["/etc/shadow"])) == [Code.NO_SITE]
    assert codes(examined()) == [Code.NO_SITE]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["function"], line["problems"]) for line in lines] == [
        ("mhfd_focus", {"no_site": 1}),
        ("mhfd_examine", {"no_site": 1}),
    ]
    assert lines[0]["paths"] == ["/etc/shadow", "/etc/shadow"]


def test_a_defect_of_ours_leaves_a_line(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a test")

    path = facility.image("a.tif")
    monkeypatch.setattr("mhfd.remote.scoring.Budget", broken)
    assert codes(asked(paths=[path])) == [Code.INTERNAL]
    line = line_of(facility)
    assert (line["outcome"], line["problems"]) == ("failed", {"internal": 1})
    assert "ZeroDivisionError" in line["why"]


def test_work_that_somebody_else_ends_leaves_a_line(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the endpoint's own limit of time, or a signal of its batch system, does it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    path = facility.image("a.tif")
    monkeypatch.setattr(api, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(paths=[path])
    line = line_of(facility)
    assert (line["outcome"], line["images"], line["scored"]) == ("ended", 1, 0)
    assert line["bytes_read"] == Path(path).stat().st_size


def test_what_was_ended_by_the_alarm_or_had_no_room_is_counted(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = facility.image("a.tif")
    facility.allow(max_seconds=1e-9)
    asked(paths=[path, "/etc/shadow", path])
    line = line_of(facility)
    assert line["problems"] == {"out_of_time": 3}
    assert line["refused"] == ["/etc/shadow"], "nobody looked at it, and it is told"


def test_a_worker_that_dies_is_told_by_the_next_request(facility: Facility) -> None:
    code = (
        "import os, signal; from mhfd import api; from mhfd.remote import run\n"
        "api.score = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"run(paths=[{facility.image('a.tif')!r}, '/x'])"
    )
    died = subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode
    assert died == -signal.SIGKILL
    told = usage.usage(usage.lines(facility.log))
    assert [(one.requests, one.cut_off, one.images) for one in told.used] == [(1, 1, 2)], "nobody has asked since"
    examined(only_echo=True)
    dead, alive = facility.lines()
    assert (dead["outcome"], dead["function"], dead["images"]) == ("lost", "mhfd_focus", 2)
    assert dead["pid"] != os.getpid()
    assert alive["outcome"] == "done"
    examined(only_echo=True)
    assert len(facility.lines()) == 3
    assert list(Path(f"{facility.log}{linefile.OPEN}").iterdir()) == []


def test_who_asked_is_told_as_far_as_the_endpoint_tells(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = "1f8f4c1e-5a5e-4ac2-8a6f-1c3b8a0f3f10"
    monkeypatch.setenv(IDENTITY, identity)
    monkeypatch.setenv("GC_TASK_UUID", "t")
    path = facility.image("a.tif")
    asked(paths=[path], client="mhfd 9")
    line = line_of(facility)
    assert (line["identity"], line["task"], line["client"]) == (identity, "t", "mhfd 9")
    for nobody in ("", "None", "$(id)", "00000000-0000-0000-0000-000000000000"):
        monkeypatch.setenv(IDENTITY, nobody)
        asked(paths=[path])
        assert facility.lines()[-1]["identity"] is None


# -- examine


def test_examine_says_how_much_it_read(facility: Facility) -> None:
    path = facility.image("a.tif")
    assert examined(paths=[path, path], hash=True).ok
    line = line_of(facility)
    assert (line["function"], line["seen"], line["bytes_read"]) == ("mhfd_examine", 2, 2 * Path(path).stat().st_size)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device", "socket", "empty", "unreadable", "too large"])
def test_examine_of_one_odd_file_answers_for_the_others(facility: Facility, kind: str) -> None:
    path, odd = facility.image("a.tif"), facility.data / "odd"
    match kind:
        case "pipe":
            os.mkfifo(odd)
        case "folder":
            odd.mkdir()
        case "link to a device":
            odd.symlink_to("/dev/zero")
        case "socket":
            os.mknod(odd, 0o600 | stat.S_IFSOCK)
        case "empty":
            odd.touch()
        case "unreadable":
            odd.symlink_to("nowhere")
        case _:
            facility.allow(max_bytes=Path(path).stat().st_size)
            odd.write_bytes(b"x" * (Path(path).stat().st_size + 1))
    said = examined(paths=[str(odd), path, str(odd)], hash=True)
    seen = said.files[1]
    assert seen is not None
    assert seen.sha256
    if kind in ("link to a device", "unreadable"):
        assert [error.index for error in said.errors] == [0, 2]
    else:
        assert said.ok
        one = said.files[0]
        assert one is not None
        assert bool(one.sha256) == (kind == "empty")
        assert [note.code for note in said.notes] == ([] if kind == "empty" else [Code.NOT_HASHED] * 2)
    assert line_of(facility)["seen"] == sum(file is not None for file in said.files)


# -- the file


def many_lines(path: Path, mark: int, count: int) -> None:
    lines = LineFile(path, most_bytes=4000, kept=1000)
    for number in range(count):
        lines.append(json.dumps({"mark": mark, "number": number, "pad": "x" * 100}).encode() + b"\n")


def test_no_line_is_lost_while_full_files_are_put_aside(tmp_path: Path) -> None:
    path, count = tmp_path / "log", 100
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=many_lines, args=(path, mark, count)) for mark in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    found = [json.loads(line) for line in usage.lines(path)]
    assert sorted((one["mark"], one["number"]) for one in found) == [(m, n) for m in range(4) for n in range(count)]
    for mark in range(4):
        assert [one["number"] for one in found if one["mark"] == mark] == list(range(count)), "oldest first"
    assert all(file.stat().st_size <= 4000 for file in tmp_path.iterdir())


def test_only_so_many_full_files_are_kept(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "log", most_bytes=10, kept=2)
    for number in range(5):
        lines.append(f"line {number}\n".encode())
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "log": "line 4\n",
        "log.1": "line 3\n",
        "log.2": "line 2\n",
    }


def test_a_file_that_cannot_be_put_aside_is_written_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "log.1").mkdir()
    lines = LineFile(tmp_path / "log", most_bytes=10, kept=1)
    lines.append(b"line 1\n")
    lines.append(b"line 2\n")
    assert (tmp_path / "log").read_text() == "line 1\nline 2\n"


def test_the_file_of_another_account_is_not_written(
    facility: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    facility.allow(log=logs)
    path = facility.image("a.tif")
    asked(paths=[path])
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    response = asked(paths=[path])
    assert response.ok
    (note,) = response.notes
    assert note.code == Code.LOG_NOT_WRITTEN
    assert "another account" in note.why
    assert len(list(usage.lines(logs))) == 1


def as_somebody(folder: Path) -> None:
    """In a process of its own: an account that may add to the folder, and cannot list it."""
    os.chdir(folder)  # the folders above are the test's own
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    lines = LineFile(Path("somebody.jsonl"), most_bytes=100, kept=3, ours=True)
    for number in range(8):
        lines.say_for_the_dead()
        lines.begin(b"x" * 40 + b"\n").end(f"{number:040}\n".encode())


def test_an_account_of_its_own_needs_only_to_add_to_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o1733)
    fork = multiprocessing.get_context("fork")
    somebody = fork.Process(target=as_somebody, args=(tmp_path,))
    somebody.start()
    somebody.join()
    assert somebody.exitcode == 0
    assert [int(line) for line in usage.lines(tmp_path)] == list(range(8))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"somebody.jsonl{end}" for end in ("", ".1", ".2", ".3", linefile.OPEN)}


# -- usage


def test_usage_is_told_by_function_with_lines_of_every_version(facility: Facility) -> None:
    old: dict[str, Any] = {
        "at": "2026-11-25T10:00",
        "user": "ann",
        "version": "0.1",
        "code": "abc",
        "function": "mhfd_focus",
    }
    old |= {"images": 3, "bytes": 7, "wall_s": 1.5, "cpu_s": 1.0, "gpu_s": 0.25}
    linefile.aside(facility.log, 1).write_text(json.dumps(old) + "\nrubbish\n")
    path = facility.image("a.tif")
    asked(paths=[path, "/etc/shadow"])
    asked(paths=[path], write_to="/etc")
    examined(paths=[path], hash=True)
    told = usage.usage(usage.lines(facility.log))
    assert told.strange == 1
    size = Path(path).stat().st_size
    assert [(one.function, one.requests, one.not_done, one.images, one.bytes) for one in told.used] == [
        ("mhfd_focus", 1, 0, 3, 7),
        ("mhfd_examine", 1, 0, 1, size),
        ("mhfd_focus", 2, 1, 3, size),
    ]
    assert [one.paths for one in told.refused] == [("/etc/shadow",), ("/etc",)]
    assert tasklog.SCHEMA_VERSION == 3
