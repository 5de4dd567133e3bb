"""A process that is no rank has an image scored by ranks that it starts, and gets no other file read by them."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from tests.rigs.facility import Facility, asked, codes
from tests.rigs.mpi import needs_mpi

import mhfd
from mhfd import native
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd.ranks import launch
from mhfd.ranks.rank_request import OTHER_FILE, RankRequest
from mhfd.remote import alarm


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


def request_of(path: str | Path) -> RankRequest:
    status = Path(path).stat()
    return RankRequest(
        path=str(path),
        real=os.path.realpath(path),
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        params=Params(),
        device="cpu",
        max_bytes=1 << 30,
        max_pixels=1 << 28,
    )


def program(folder: Path, text: str) -> str:
    """A launcher of that name."""
    path = folder / "launcher"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_mpi
@pytest.mark.skipif(not native.kernel_info().available, reason="no compiled kernel was built")
def test_an_endpoint_has_large_images_scored_over_ranks(facility: Facility) -> None:
    path = facility.image("a.tif")
    (facility.data / "a.hdr").write_text("[MAIN]\nDevice=x\nPixelSizeX=5e-9\n")
    facility.allow(ranks=2, ranks_from_bytes=1)
    response = asked(paths=[path])
    assert response.ok, response.errors
    far, here = FocusReport.model_validate(response.reports[0]), mhfd.score(path, device="cpu")
    plain = {"timing_ms", "provenance"}
    assert far.model_dump(exclude=plain) == here.model_dump(exclude=plain)
    assert far.image.pixel_nm == 5.0
    assert far.provenance.device.endswith("; split bands over 2 ranks")


def test_small_images_are_not_worth_starting_ranks(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    facility.allow(ranks=2, launcher=[program(facility.out, "exit 9")])
    monkeypatch.setattr(launch, "_has_mpi4py", lambda: True)
    assert asked(paths=[path]).ok


def test_what_ranks_say_when_they_fail_is_said(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    monkeypatch.setattr(launch, "_has_mpi4py", lambda: True)
    facility.allow(ranks=2, ranks_from_bytes=1, launcher=[program(facility.out, "echo rank 1 burns >&2; exit 9")])
    response = asked(paths=[path])
    assert codes(response) == ["internal"]
    assert "launcher ended with 9: rank 1 burns" in response.errors[0].why
    program(facility.out, f"exit {OTHER_FILE}")
    assert codes(asked(paths=[path])) == ["changed"]


def test_a_launcher_that_is_not_there_is_named_once(facility: Facility) -> None:
    path = facility.image("a.tif")
    facility.allow(ranks=2, launcher=["no-such-launcher"])
    response = asked(paths=[path, path])
    assert codes(response) == ["no_device"]
    assert "'no-such-launcher' is not on the worker's PATH" in response.errors[0].why


def test_without_mpi4py_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_has_mpi4py", lambda: False)
    with pytest.raises(UsageError, match=r"mhfd\[mpi\]"):
        launch.command(["sh"], 2)


def test_what_is_started_is_no_rank_of_whoever_starts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_RANK", "3")
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    with pytest.raises(launch.RanksFailed, match=r"with 5: none$"):
        launch.score(request_of(path), [program(tmp_path, 'echo "${PMI_RANK-none}"; exit 5')])


def test_ranks_that_take_too_long_are_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    told = tmp_path / "pid"
    waiting = program(tmp_path, f"echo $$ > {told}.part; mv {told}.part {told}; exec tail -f /dev/null")
    with pytest.raises(alarm.Overdue), alarm.ended_after(0.3):
        launch.score(request_of(path), [waiting])
    if told.exists():  # it had begun
        with pytest.raises(ProcessLookupError):
            os.kill(int(told.read_text()), 0)


def test_another_file_in_its_place_is_not_opened(tmp_path: Path) -> None:
    path, secret = tmp_path / "a.tif", tmp_path / "secret.tif"
    path.write_bytes(b"image")
    secret.write_bytes(b"image")
    request = request_of(path)
    with request.opened() as file:
        assert os.read(file.fd, 10) == b"image"
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"), request.opened():
        pass
    path.unlink()
    shutil.copy2(secret, path)
    with pytest.raises(FileNotFoundError), request.opened():
        pass


def test_a_link_beside_an_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"image")
    (tmp_path / "a.hdr").write_text("own")
    (tmp_path / "b.hdr").symlink_to("/etc/hostname")
    with request_of(path).opened() as file:
        assert file.beside is not None
        assert [file.beside(name) for name in ("b.hdr", "c.hdr", "../a.hdr", f"{tmp_path}/a.hdr")] == [None] * 4
        fd = file.beside("a.hdr")
        assert fd is not None
        assert os.read(fd, 10) == b"own"
        os.close(fd)
