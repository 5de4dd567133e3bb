"""`mhfd models` of several microscopes, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.packages import WEIGHTS, answered_here, written
from tests.rigs.promoted import report_of
from tests.rigs.typed import refused, typed_here

from mhfd.learning.packages import Library, Package


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of this test's; models answer without a process of their own, and nothing ships."""
    monkeypatch.setenv("MHFD_MODELS_HOME", str(tmp_path / "models"))
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr("mhfd.learning.packages.Library.__init__.__defaults__", (tmp_path / "shipped",))
    return tmp_path / "models"


def said(*words: str) -> str:
    code, told = typed_here(["models", *words])
    assert code == 0, told
    return told


def document(*words: str) -> Any:
    return json.loads(said(*words, "--json"))


def package_of(home: Path, number: float, instrument: str) -> Package:
    weights = WEIGHTS * np.float32(number)
    return written(home / "packages", weights=weights, title=instrument, groups_seen=(f"{instrument}/mouse/a",))


@pytest.fixture
def there(tmp_path: Path) -> Library:
    """A library elsewhere, with a champion of focus at north."""
    library = Library(tmp_path / "there")
    package = package_of(library.home, 1, "north")
    report = report_of(tmp_path / "far", package.name, instrument="north")
    library.promote(package, report, instrument="north")
    return library


def test_what_is_no_library_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = said("list", "--set", f"models.home={tmp_path / 'file'}").splitlines()
    assert told[0] == (
        f"{tmp_path / 'file'}: is no folder, or holds a file where a folder belongs, and so it is no library: let "
        "`models.home` be a folder"
    )
    assert sum("is no folder" in line for line in told) == 1
    missing = refused(["models", "pull", "focus", "--from", str(tmp_path)])
    assert f"{tmp_path}: is no library: it has neither `packages` nor `champions`" in missing


def test_what_is_no_package_is_said(tmp_path: Path) -> None:
    (tmp_path / "package.zip").touch()
    assert "package.zip: is no folder; a package is one, not an archive: unpack it" in refused(
        ["models", "add", str(tmp_path / "package.zip")]
    )
    assert "aaaa...: is too long for the name of a file or folder" in refused(["models", "show", "a" * 300])


def test_two_microscopes_have_two_champions(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    north, south = package_of(home, 1, "north"), package_of(home, 2, "south")
    for package, name in ((north, "north"), (south, "south")):
        report = str(report_of(tmp_path / name, package.name, instrument=name))
        told = said("promote", package.name, "--report", report, "--instrument", name)
        assert told == f"champion of focus at {name}: {package.name} (before: mhfd)\n"
    said_of_both = said("list").splitlines()
    assert {
        f"{north.name}  focus    north (champion at north)",
        f"{south.name}  focus    south (champion at south)",
    } == set(said_of_both[:2])
    assert said_of_both[2:] == [
        "champion of focus: mhfd",
        f"champion of focus at north: {north.name}",
        f"champion of focus at south: {south.name}",
    ]
    monkeypatch.setenv("MHFD_MODELS_INSTRUMENT", "south")
    listed = document("list")
    assert (listed["instrument"], listed["champions"]["focus"]) == ("south", south.name)
    assert [(one["instrument"], one["champions"]["focus"]) for one in listed["microscopes"]] == [("north", north.name)]
    assert said("show", "focus").splitlines()[0] == f"champion of focus at south: {south.name}"
    assert said("show", "focus", "--instrument", "none") == "champion of focus: mhfd\n"
    back = document("rollback", "focus", "--instrument", "north")
    assert (back["instrument"], back["after"]) == ("north", "mhfd")
    assert document("show", "focus")["champion"] == south.name
    assert "is no name" not in said("show", "focus")
    for name in ("a/b", "", "north.json"):
        told = refused(["models", "show", "focus", "--instrument", name])
        assert f"models.instrument = {name!r} (argument): {name!r} is no name of a microscope: write at most" in told


def test_a_challenger_is_listed_and_shown(home: Path) -> None:
    package = package_of(home, 1, "north")
    Library(home).challenge(package, instrument="north", why="learned from 40 new labels")
    told = said("list", "--instrument", "north").splitlines()
    assert told == [
        f"{package.name}  focus    north (challenger at north)",
        "champion of focus at north: mhfd",
        f"challenger of focus at north: {package.name}",
    ]
    shown = said("show", "focus", "--instrument", "north").splitlines()
    assert shown[1] == f"challenger of focus at north: {package.name}"
    assert shown[2].endswith(f"challenges nobody -> {package.name[:12]}: learned from 40 new labels")
    assert document("show", "focus", "--instrument", "north")["challenger"] == package.name
    (package.folder / "README.md").write_text("other")
    assert said("list").splitlines()[-1] == (
        f"challenger of focus at north: {package.name}, which is damaged or gone: put it back, or learn again"
    )


def test_a_champion_that_is_gone_is_said_with_the_command_for_its_microscope(home: Path, tmp_path: Path) -> None:
    package = package_of(home, 1, "north")
    report = str(report_of(tmp_path / "r", package.name, instrument="FEI 2"))
    said("promote", package.name, "--report", report, "--instrument", "FEI 2")
    package.folder.rename(tmp_path / "away")
    assert said("list").splitlines() == [
        f"no packages in {home / 'packages'}",
        f"champion of focus at FEI 2: {package.name}, which is damaged or gone: "
        "`mhfd models rollback focus --instrument 'FEI 2'`",
    ]


def test_a_champion_is_pulled_and_goes_back_and_comes_only_when_told_again(there: Library) -> None:
    name = there.champion_name("focus", "north")
    words = ("pull", "focus", "--from", str(there.home), "--instrument", "north")
    assert said(*words) == f"champion of focus at north: {name} (before: mhfd)\n"
    said("rollback", "focus", "--instrument", "north", "--why", "wrong on wafer 12")
    assert "wrong on wafer 12; `mhfd models pull focus --instrument north --from" in refused(["models", *words])
    assert document(*words, "--again")["after"] == name
    assert "has no champion of focus; it has of: focus at north" in refused(
        ["models", "pull", "focus", "--from", str(there.home)]
    )
    assert "does not exist" in refused(["models", "pull", "focus", "--from", "/no/such/folder"])


def test_a_package_is_added_to_another_library_and_nobody_is_champion(home: Path, tmp_path: Path) -> None:
    package = package_of(home, 1, "north")
    elsewhere = f"models.home={tmp_path / 'public'}"
    assert said("add", str(package.folder), "--set", elsewhere) == f"added: {package.name}  north (focus)\n"
    assert said("add", str(package.folder), "--set", elsewhere).startswith("is here already: ")
    (one,) = document("add", str(package.folder), "--set", elsewhere)["packages"]
    assert one["folder"] == str(tmp_path / "public" / "packages" / package.name)
    assert "champion of focus: mhfd" in said("list", "--set", elsewhere)


def test_a_package_of_another_microscope_is_not_asked_by_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_of(home, 1, "north")
    image = tmp_path / "a.tif"
    image.write_bytes(b"")
    monkeypatch.setenv("MHFD_MODELS_INSTRUMENT", "south")
    words = ["score", str(image), "--model", package.name]
    assert f"{package.short}: north learned from north, and this is south" in refused(words)


def test_going_back_needs_no_network(home: Path, tmp_path: Path) -> None:
    """Nor what would use one: no socket is made, and nothing of Globus is loaded."""
    package = package_of(home, 1, "north")
    said(
        "promote",
        package.name,
        "--report",
        str(report_of(tmp_path, package.name, instrument="north")),
        "--instrument",
        "north",
    )
    cut = (
        "import socket, sys\n"
        "def none(*_, **__): raise AssertionError('a socket was made')\n"
        "socket.socket.__init__ = socket.getaddrinfo = none\n"
        "from mhfd_client.cli import main\n"
        "main(['models', 'rollback', 'focus', '--instrument', 'north'], standalone_mode=False)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'globus_sdk', 'globus_compute_sdk', 'requests', 'httpx', 'urllib3'}, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", cut], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"champion of focus at north: mhfd (before: {package.name})\n"), done
