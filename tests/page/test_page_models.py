"""The page Models: who speaks, since when, why, and what the last test said; and that it fits a phone."""

from __future__ import annotations

import os
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.rigs.estimates import FOCUS, made
from tests.rigs.packages import WEIGHTS, written
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_browser import DESKTOP, FITS, PHONE, Opens
from tests.rigs.page_rig import Rig, served
from tests.rigs.promoted import report_of

from mhfd.learning.packages import Library, Package, read_package
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.rows import ChampionTold, RetestReason
from mhfd_client.page.models import PackageTitles, elsewhere, seats
from mhfd_client.results.retested import RetestAnswer
from mhfd_client.settings import load as settings

SPITE = "<script>alert(1)</script>"


@pytest.fixture
def library(rig: Rig, tmp_path: Path) -> Library:
    home = tmp_path / "models"
    given = {"state.dir": str(rig.state), "models.home": str(home), "models.instrument": "sem"}
    rig.loaded = settings.load(args=given, env={})
    return Library(home, shipped=tmp_path / "none")


def test_without_a_promotion_mhfd_speaks(library: Library) -> None:
    (only,) = seats(library, "sem", PackageTitles(library))
    assert (only.task, only.champion, only.challenger, only.since) == ("focus", "mhfd", None, "")


def test_who_judges_everywhere_judges_here_too(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "made")
    library.promote(package, report_of(tmp_path / "report", package.name), why="seven specimens")
    (only,) = seats(library, "sem", PackageTitles(library))
    assert (only.champion, only.why, only.title) == (package.name, "seven specimens", "made up")


def test_a_damaged_library_is_named(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "made")
    library.promote(package, report_of(tmp_path / "report", package.name, instrument="sem"), instrument="sem")
    next((library.home / "champions").rglob("focus.json")).write_text("{")
    (only,) = seats(library, "sem", PackageTitles(library))
    assert "does not say who is champion" in only.damaged


def test_a_champion_that_is_gone_is_named_and_said_to_be(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "made")
    library.promote(package, report_of(tmp_path / "report", package.name, instrument="sem"), instrument="sem")
    (library.folder / package.name / "README.md").write_text("other")
    (only,) = seats(library, "sem", PackageTitles(library))
    assert (only.champion, only.title, only.damaged) == (package.name, package.name[:8], "")
    assert "README.md: has changed" in only.gone


def test_each_package_is_read_once_and_no_other(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library may have many, and while the page of models reads them the page of the watch waits."""
    one, two, other = (written(tmp_path / "made", weights=WEIGHTS * k, title=f"small {k}") for k in (1, 2, 3))
    library.promote(one, report_of(tmp_path / "r1", one.name, instrument="sem"), instrument="sem")
    report = report_of(tmp_path / "r2", two.name, champion=one.name, instrument="sem")
    library.promote(two, report, instrument="sem")
    library.rollback("focus", instrument="sem")
    library.challenge(two, instrument="sem")
    library.add(other)
    read: list[str] = []

    def seen(folder: Path) -> Package:
        read.append(folder.name)
        return read_package(folder)

    monkeypatch.setattr("mhfd.learning.packages.shelf.read_package", seen)
    (only,) = seats(library, "sem", PackageTitles(library))
    assert (only.title, only.challenger, len(only.changes)) == ("small 1", f"small 2 {two.name[:8]}", 4)
    assert sorted(read) == sorted([one.name, two.name])


def test_who_judges_elsewhere_is_said_where_it_is_another(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "made")
    library.promote(package, report_of(tmp_path / "report", package.name, instrument="sem"), instrument="sem")
    titles = PackageTitles(library)
    assert elsewhere(library, "sem", titles) == []
    assert elsewhere(library, None, titles) == [f"sem: made up {package.name[:8]} judges focus"]


@pytest.mark.browser
def test_who_speaks_and_why_is_one_click_away(rig: Rig, library: Library, tmp_path: Path, opens: Opens) -> None:
    package, other = (written(tmp_path / "made", weights=WEIGHTS * k, title=f"small {k}") for k in (1, 2))
    report = report_of(tmp_path / "report", package.name, instrument="sem")
    library.promote(package, report, instrument="sem", why="saves .2 an image, 95% [.1, .3]; 8 specimens")
    library.challenge(other, instrument="sem", why=f"learned from new labels {SPITE}")
    rig.run(3)
    with served(rig) as at:
        page = opens(at.address)
        page.click("#models")
        expect(page.locator("h1")).to_have_text("Models at sem")
        seat = page.locator("[aria-labelledby=seat-focus]")
        expect(seat).to_contain_text(f"small 1 {package.name[:8]}")
        expect(seat).to_contain_text("saves .2 an image, 95% [.1, .3]; 8 specimens")
        expect(seat).to_contain_text(f"small 2 {other.name[:8]}: learned from new labels {SPITE}")
        expect(seat).to_contain_text('mhfd models rollback focus --instrument "sem"')
        expect(page.locator("[aria-labelledby=tests-h]")).to_contain_text("None was due")
        for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(FITS)
            if folder := os.environ.get("MHFD_TEST_SHOTS"):
                page.screenshot(path=f"{folder}/models-{label}.png", full_page=True)
        library.rollback("focus", instrument="sem", why="it rang too often")
        page.reload()
        expect(seat).to_contain_text("mhfd, by its own measure")
        expect(seat).to_contain_text("it rang too often")
        page.click("#back")
        expect(page.locator("#models")).to_be_visible()


def test_what_the_tests_said_is_told(rig: Rig, library: Library) -> None:
    vars(rig.journal)["_tests"] = RetestRule(every=1)
    rig.run(3)
    said = RetestAnswer(by="local", champion="a" * 64, title="small 1", there=0.12, says_bad=False, bad=True)
    answer = said.model_copy(update={"line": "kept: 1 specimen"}).model_dump_json()
    rig.journal.retested(RetestReason.COUNT, 1, package="a" * 64, answer=answer)
    rig.journal.retest_failed(RetestReason.COUNT, 2, package=None, why="the endpoint is offline", tries=2)
    with served(rig) as at:
        told = Asked(at, "/models", headers={"Cookie": cookie(at)}).body.decode()
    assert "re-tested 1 of 3" in told
    assert "champion small 1 aaaa .12 (sharp, said out of focus by a person: wrong); kept: 1 specimen" in told
    assert "test 2 of S_0002.tif" in told
    assert "is asked again: the endpoint is offline" in told


def test_since_when_it_is_who_it_is_and_how_far_images_lie_is_told(rig: Rig, library: Library) -> None:
    rig.run(3)
    rig.journal.champion_told(ChampionTold(None, "mhfd"))
    rig.journal.champion_told(ChampionTold(FOCUS, SPITE))
    said = made(FOCUS, p=0.1, far=1.5).estimate.model_dump_json()
    for image in (1, 2, 3):
        rig.journal._db.execute("INSERT INTO estimate VALUES (?, ?, ?, NULL, 1)", (image, FOCUS, said))
    with served(rig) as at:
        told = unescape(Asked(at, "/models", headers={"Cookie": cookie(at)}).body.decode())
    assert f"champion in this run: {SPITE} {FOCUS[:4]} since " in told
    assert "in place of mhfd" in told
    assert f"the last 3 images lie 1.5 of the edge from what {SPITE} {FOCUS[:4]} was taught with, 3 beyond it" in told


def test_a_stranger_is_not_shown_it(rig: Rig, library: Library) -> None:
    with served(rig) as at:
        assert Asked(at, "/models").status in (401, 403)
        assert Asked(at, "/models", headers={"Cookie": cookie(at)}).status == 200
