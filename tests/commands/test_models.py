"""`mhfd models` as it is typed: what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.packages import WEIGHTS, answer_of, written
from tests.rigs.promoted import report_of
from tests.rigs.typed import refused, typed_here

from mhfd.learning.packages import Package


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of this test's; models answer without a process of their own, and nothing ships."""
    monkeypatch.setenv("MHFD_MODELS_HOME", str(tmp_path / "models"))
    monkeypatch.setattr("mhfd.learning.packages.package.tried", lambda *_: {"said": answer_of()})
    monkeypatch.setattr("mhfd.learning.packages.Library.__init__.__defaults__", (tmp_path / "shipped",))
    return tmp_path / "models"


@pytest.fixture
def package(home: Path) -> Package:
    return written(home / "packages")


def said(*words: str) -> str:
    code, told = typed_here(["models", *words])
    assert code == 0, told
    return told


def document(*words: str) -> Any:
    return json.loads(said(*words, "--json"))


def test_an_empty_library_says_where_it_is(home: Path) -> None:
    assert said("list") == f"no packages in {home / 'packages'}\n"
    assert document("list") == {
        "schema_version": 1,
        "home": str(home),
        "instrument": None,
        "champions": dict.fromkeys(["focus", "cause", "adjust", "denoise", "segment"], "mhfd"),
        "challengers": dict.fromkeys(["focus", "cause", "adjust", "denoise", "segment"]),
        "microscopes": [],
        "packages": [],
    }


def test_a_package_is_listed_shown_and_verified(package: Package, tmp_path: Path) -> None:
    shipped = written(tmp_path / "shipped", title="radius")
    assert said("list").splitlines() == [
        f"{package.name}  focus    made up",
        f"{shipped.name}  focus    radius (ships with mhfd)",
        "champion of focus: mhfd",
    ]
    told = said("show", package.name[:8])
    assert "says       bad" in told
    assert "measured   AUC, groups held out: 0.75, 95% [0.5, 0.9] (40 rows, 4 groups)" in told
    assert document("show", package.name)["card"] == package.card.model_dump(mode="json")
    assert said("verify", package.name[:8], str(shipped.folder)).splitlines() == [
        f"ok {package.name} made up (focus)",
        f"ok {shipped.name} radius (focus)",
    ]


def test_one_that_is_refused_is_named_with_the_others_and_ends_with_2(package: Package, tmp_path: Path) -> None:
    other = written(tmp_path / "elsewhere", title="other")
    (other.folder / "README.md").write_text("changed")
    code, told = typed_here(["models", "verify", str(other.folder), package.name])
    assert code == 2
    assert told.splitlines() == [
        f"refused {other.folder / 'README.md'}: has changed: its sha256 is not the one in SHA256SUMS",
        f"ok {package.name} made up (focus)",
    ]
    code, told = typed_here(["models", "verify", str(other.folder), "--json"])
    assert code == 2
    (one,) = json.loads(told)["packages"]
    assert "has changed" in one["refused"]
    archive = tmp_path / "model.zip"
    archive.write_bytes(b"PK")
    code, told = typed_here(["models", "verify", str(archive)])
    assert (code, "is no folder; a package is one, not an archive: unpack it" in told) == (2, True)


def test_promoted_shown_and_back_again(package: Package, tmp_path: Path) -> None:
    report = report_of(tmp_path / "report", package.name)
    assert said("promote", package.name, "--report", str(report.parent)) == (
        f"champion of focus: {package.name} (before: mhfd)\n"
    )
    assert "(champion)" in said("list")
    package.folder.rename(tmp_path / "away")
    assert said("list").splitlines()[-1] == (
        f"champion of focus: {package.name}, which is damaged or gone: `mhfd models rollback focus`"
    )
    (tmp_path / "away").rename(package.folder)
    first, second = said("show", "focus").splitlines()
    assert first == f"champion of focus: {package.name}"
    assert second.endswith(
        f"promoted mhfd -> {package.name[:12]}: difference -.4 a section, 95% [-.6, -.1]; 12 specimens"
    )
    back = document("rollback", "focus", "--why", "wrong on wafer 12")
    assert (back["kind"], back["before"], back["after"]) == ("rolled back", package.name, "mhfd")
    history = document("show", "focus")["history"]
    assert [one["why"] for one in history[1:]] == ["wrong on wafer 12"]
    assert all(one["in_effect"] for one in history)


def test_what_cannot_be_done_ends_with_2_and_says_what_to_do(package: Package, tmp_path: Path) -> None:
    kept = report_of(tmp_path / "kept", package.name, decision="kept", reason="too few groups")
    assert "the decision is 'kept'" in refused(["models", "promote", package.name, "--report", str(kept)])
    assert "--report" in refused(["models", "promote", package.name])
    assert "No such option" in refused(["models", "promote", package.name, "--report", str(kept), "--anyway"])
    assert "there is nothing to go back from" in refused(["models", "rollback", "focus"])
    assert "'world' is not one of" in refused(["models", "rollback", "world"])
    assert "one of `mhfd models list`" in refused(["models", "show", "nothing"])


def test_a_damaged_alias_is_said_and_hides_no_package(package: Package, home: Path) -> None:
    (home / "champions").mkdir()
    (home / "champions" / "focus.json").write_text("{")
    told = said("list")
    assert "`mhfd models rollback focus --to mhfd` makes it mhfd" in told
    assert told.splitlines()[-2:] == [f"{package.name}  focus    made up", "champion of focus: unknown"]
    said("rollback", "focus", "--to", "mhfd")
    assert said("list").splitlines()[-1] == "champion of focus: mhfd"


def test_removed_but_for_the_champion(package: Package, home: Path, tmp_path: Path) -> None:
    said("promote", package.name, "--report", str(report_of(tmp_path / "r", package.name)))
    assert "is the champion of focus: first" in refused(["models", "remove", package.name])
    said("rollback", "focus")
    assert said("remove", package.name) == f"removed {package.folder}\n"
    assert list((home / "packages").iterdir()) == []
    assert WEIGHTS.size == len(package.card.recipe.names)
