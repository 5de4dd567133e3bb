"""`mhfd doctor` finds what is wrong, and says what to do about it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from tests.rigs.runs import sharp_run

from mhfd_client import mounts
from mhfd_client.cli import main
from mhfd_client.doctor import station as doctor
from mhfd_client.mounts import Mount
from mhfd_endpoint.finding import Check, Level


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wafer7").mkdir()
    return tmp_path / "wafer7"


def find(name: str, found: list[Check]) -> list[Check]:
    return [check for check in found if check.name == name]


def test_all_is_well(folder: Path, tmp_path: Path) -> None:
    found = doctor.examine(str(folder), state=tmp_path / "state")
    assert [check for check in found if check.level is Level.FAIL] == []
    names = {check.name for check in found}
    assert names >= {"python", "packages", "kernel", "gpu", "port", "settings", "mount", "folder", "clock", "disk"}
    assert not (tmp_path / "state").exists(), "it makes nothing"
    assert [p.name for p in tmp_path.iterdir()] == ["wafer7"], "it leaves nothing behind"


def test_a_folder_that_is_not_there_fails(tmp_path: Path) -> None:
    (check,) = find("folder", doctor.examine(str(tmp_path / "gone"), state=tmp_path / "state"))
    assert check.level is Level.FAIL
    assert "gone" in check.what
    assert "mount" in check.do


def test_files_from_the_future_are_a_warning(folder: Path, tmp_path: Path) -> None:
    (folder / "S_001.tif").write_bytes(b"x")
    ahead = time.time() + 3600
    os.utime(folder / "S_001.tif", (ahead, ahead))
    (check,) = find("clock", doctor.examine(str(folder), state=tmp_path / "state"))
    assert check.level is Level.WARN
    assert "future" in check.what


def test_a_share_is_polled_and_no_place_for_state(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Mount(str(tmp_path), "cifs", "//SEMPC/atlas")
    monkeypatch.setattr(mounts, "of", lambda path, **_: share)
    found = doctor.examine(str(folder), state=tmp_path / "state")
    (state,) = find("state", found)
    assert state.level is Level.FAIL
    assert "//SEMPC/atlas" in state.what
    assert "--state" in state.do
    assert "polled" in find("mount", found)[0].what


def test_a_state_that_cannot_be_written_fails(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    checks = find("state", doctor.examine(str(folder), state=tmp_path / "file" / "state"))
    assert [check.level for check in checks] == [Level.FAIL]


def test_little_room_is_a_warning(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_FEW_GB", 1e9)
    (check,) = find("disk", doctor.examine(str(folder), state=tmp_path / "state"))
    assert check.level is Level.WARN


def test_a_port_that_is_taken_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "PAGE_PORT", taken.getsockname()[1])
        (check,) = find("port", doctor.examine())
    assert check.level is Level.WARN


def test_a_port_that_ones_own_watch_serves_its_page_on_is_well(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a warning that said to close what uses it."""
    program = [str(Path(sys.executable).with_name("mhfd")), "watch", str(folder), "--state", str(tmp_path / "state")]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stderr is not None
        try:
            address = next(line for line in watch.stderr if line.startswith("page: "))
            port = urlsplit(address.removeprefix("page: ").strip()).port
            monkeypatch.setattr(doctor, "PAGE_PORT", port)
            (check,) = find("port", doctor.examine(str(folder), state=tmp_path / "state"))
        finally:
            watch.terminate()
            watch.stderr.read()
    assert check.level is Level.OK
    assert check.what.startswith(f"{port} of this machine serves a page of yours (process ")
    assert check.do == ""


def test_reports_of_an_older_method_are_named_with_the_command(tmp_path: Path) -> None:
    with sharp_run(tmp_path, sections=2) as run:
        (check,) = find("method", doctor.examine(str(run.root), state=run.state))
        assert (check.level, check.what) == (Level.OK, "2 images measured by version 4 of the method (mhfd 0)")
        run.image(2, version=1)
        (check,) = find("method", doctor.examine(str(run.root), state=run.state))
        assert check.level is Level.WARN
        assert check.what.startswith(
            "2 images measured by version 4 of the method (mhfd 0), 1 image measured by version 1 of the method "
        )
        assert check.do.startswith(f"mhfd rescore {run.root} --method")


def test_wrong_settings_fail_and_name_the_key(tmp_path: Path) -> None:
    (tmp_path / "mhfd.toml").write_text("[arrival]\nsetle_s = 3\n")
    (check,) = find("settings", doctor.examine(config=tmp_path / "mhfd.toml"))
    assert check.level is Level.FAIL
    assert "settle_s" in check.what


def test_no_kernel_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    from mhfd import native

    monkeypatch.setattr(native, "kernel_info", lambda: native.KernelInfo(None, None, "switched off"))
    (check,) = find("kernel", doctor.examine())
    assert check.level is Level.WARN
    assert "switched off" in check.what


def test_as_a_command(folder: Path, tmp_path: Path) -> None:
    good = CliRunner().invoke(main, ["doctor", str(folder), "--state", str(tmp_path / "state")])
    assert good.exit_code == 0, good.output
    bad = CliRunner().invoke(main, ["doctor", str(tmp_path / "gone"), "--state", str(tmp_path / "state"), "--json"])
    assert bad.exit_code == 1
    assert {"name", "level", "what", "do"} == set(json.loads(bad.output)[0])
