"""Packages of a library that a request names: copied from below the administrator's folders, or refused in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.rigs.facility import Facility
from tests.rigs.packages import WEIGHTS, answered_here, written

from mhfd.contract.request import Code
from mhfd.learning.packages import Listed, Package
from mhfd.remote.given import library
from mhfd.remote.refusal import Refusal
from mhfd.site import Site


class Lib(Facility):
    """A facility with a library of two packages."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
        self.home = self.data / "library"
        self.packages = [written(self.home / "packages", weights=WEIGHTS * n, title=f"net {n}") for n in (1, 2)]
        self.into = folder / "work"

    @property
    def names(self) -> tuple[str, ...]:
        return library.names(str(self.home), Site.load())

    def brought(self, folder: Path) -> Listed:
        return library.brought(str(folder), self.into, Site.load())


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lib:
    return Lib(tmp_path, monkeypatch)


def refused(code: Code) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, check=lambda e: e.problem.code == code)


def test_a_package_is_a_copy_of_its_own(lib: Lib) -> None:
    assert lib.names == tuple(sorted(one.name for one in lib.packages))
    first = lib.packages[0]
    copy = lib.brought(first.folder).package
    assert isinstance(copy, Package)
    assert (copy.name, copy.folder, copy.card) == (first.name, lib.into / first.name, first.card)
    (first.folder / "weights.onnx").write_bytes(b"another")
    assert copy.weights()
    again = library.package_of(str(lib.home), lib.packages[1].name, lib.into, Site.load(), field="parent")
    assert again.card.title == "net 2"


@pytest.mark.parametrize("what", ["no package", "changed", "a link", "named by another", "a pipe", "half"])
def test_what_is_damaged_says_what_is_wrong_and_nothing_of_it_is_kept(lib: Lib, what: str) -> None:
    folder = lib.packages[0].folder
    weights = folder / "weights.onnx"
    if what == "no package":
        folder = lib.home / "packages" / "rubbish"
        folder.mkdir()
        (folder / "passwd").write_text("x")
    elif what == "changed":
        weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    elif what == "a link":
        (lib.secret / "weights.onnx").write_bytes(weights.read_bytes())
        weights.unlink()
        weights.symlink_to(lib.secret / "weights.onnx")
    elif what == "named by another":
        folder = folder.rename(folder.with_name("0" * 64))
    elif what == "a pipe":
        weights.unlink()
        os.mkfifo(weights)
    else:
        weights.unlink()
    found = lib.brought(folder)
    assert found.package is None
    assert found.refused is not None
    assert found.refused.startswith(str(folder)), "as it is named there"
    assert "/proc/" not in found.refused
    assert not lib.into.exists()


def test_nothing_outside_of_the_folders_is_looked_at(lib: Lib) -> None:
    away = lib.secret / "packages"
    lib.packages[0].folder.parent.rename(away)
    with refused(Code.REFUSED_PATH):
        library.names(str(lib.secret), Site.load())
    (lib.home / "packages").symlink_to(away)
    with refused(Code.REFUSED_PATH):
        assert lib.names
    (lib.home / "packages").unlink()
    (lib.home / "packages").mkdir()
    (lib.home / "packages" / "a").symlink_to(away / lib.packages[0].name)
    assert lib.names == ("a",)
    with refused(Code.REFUSED_PATH):
        lib.brought(lib.home / "packages" / "a")


def test_a_library_without_packages_is_empty_and_one_that_is_not_there_is_none(lib: Lib) -> None:
    (lib.data / "empty").mkdir()
    assert library.names(str(lib.data / "empty"), Site.load()) == ()
    with refused(Code.UNAVAILABLE):
        library.names(str(lib.data / "nowhere"), Site.load())


def test_more_than_are_assessed_are_too_many(lib: Lib) -> None:
    for number in range(library.MOST - 1):
        (lib.home / "packages" / f"p{number}").mkdir()
    with pytest.raises(Refusal, match="more than 64 packages"):
        assert lib.names
    (lib.home / "packages" / "p0").rmdir()
    (lib.home / "packages" / ".making-x").mkdir()
    assert len(lib.names) == library.MOST


def test_a_package_that_is_not_there_is_named_with_the_field(lib: Lib) -> None:
    lib.packages[1].folder.joinpath("README.md").unlink()
    for name, why in (("0" * 64, "has no package 0000"), (lib.packages[1].name, "README.md is missing")):
        with pytest.raises(Refusal, match=why) as caught:
            library.package_of(str(lib.home), name, lib.into, Site.load(), field="champion")
        assert (caught.value.problem.code, caught.value.problem.field) == (Code.BAD_REQUEST, "champion")


def test_a_full_disk_is_said(lib: Lib, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mhfd.learning.packages.package.os.fsync", full)
    with pytest.raises(Refusal, match="No space left") as caught:
        lib.brought(lib.packages[0].folder)
    assert caught.value.problem.code == Code.CANNOT_WRITE
    monkeypatch.undo()
