"""The list of what to take again on the page: whole, in either order, and as files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_browser import DESKTOP, FITS, PHONE, Opens, points, shoot
from tests.rigs.page_rig import Rig, Served, served

from mhfd_client.journal.view import JournalView
from mhfd_client.page import listed
from mhfd_client.page.model import PageModel


def got(at: Served, path: str) -> Asked:
    return Asked(at, path, headers={"Cookie": cookie(at)})


def test_every_image_is_on_some_page_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "ROWS", 4)
    with Rig(tmp_path) as rig:
        rig.run(8, confirm=3)
        bad = [rig.image(section, factor=0.3) for section in (30, 20, 25, 11, 13, 12, 28, 29, 27)]
        model = PageModel(JournalView.read(rig.state), confirm=3)
        model.refresh()
        leaves = [listed.leaf(model, order="section", number=n) for n in range(3)]
        assert [one.rows[0].section for one in leaves] == [11, 25, 30]
        assert [(one.first, one.last, one.total) for one in leaves] == [(1, 4, 9), (5, 8, 9), (9, 9, 9)]
        newest = [row.image for n in range(3) for row in listed.leaf(model, order="newest", number=n).rows]
        assert newest == bad[::-1]
        assert listed.leaf(model, order="section", number=99).number == 2  # it has become shorter meanwhile
        mark = model.retake_mark
        model.refresh()
        assert model.retake_mark == mark
        rig.image(31, factor=0.3)
        model.refresh()
        assert model.retake_mark != mark
        model.journal.close()


def test_the_whole_list_as_files(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(8, confirm=3)
        rig.image(9, tile="r1-c2", factor=0.3)
        for n in range(120):
            rig.image(None, name=f"odd {n}.tif", factor=0.3)
        with served(rig) as at:
            answer = got(at, "/retake/csv")
            rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
            assert len(rows) == 121
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''run-retake.csv"
            assert got(at, "/retake/atlas").body == b"S_9: Tile_r1-c2\n"
            assert got(at, "/retake/other").status == 404
            others = list(csv.DictReader(io.StringIO(got(at, "/retake/others").body.decode())))
            assert [row["section"] for row in others] == [str(n) for n in range(1, 9)]
            assert others[0]["path"] == str(rig.root / "S_0001.tif")
            page = got(at, "/retake?order=section&number=0").body.decode()
            assert page.count("data-look") == 100
            assert "1 to 100 of 121" in page
            assert "(120 cannot be written so" in page
            for query in ("order=x&number=-1", "number=99999999999", "number=a"):
                assert got(at, f"/retake?{query}").status == 200


@pytest.mark.browser
def test_the_list_is_turned_sorted_and_remembered(rig: Rig, opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "ROWS", 3)
    rig.run(8, confirm=3)
    bad = [rig.image(section, factor=0.3, tile=None) for section in (19, 12, 15, 11, 14)]
    with served(rig) as at:
        page = opens(at.address)
        points(page, 13)
        rows = page.locator(".retakes li")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("Section 11")
        page.locator("#leaf-next").click()
        expect(rows.first).to_contain_text("Section 15")
        expect(page.locator("#leaf-next")).to_be_focused()
        expect(page.locator(".leaves")).to_contain_text("4 to 5 of 5")
        page.locator("#order").select_option("newest")
        expect(rows.first.locator("button").first).to_have_attribute("data-look", str(bad[-1]))
        rig.image(16, factor=0.3)
        expect(rows.first).to_contain_text("Section 16")
        shoot(page, "retakes")
        page.reload()
        expect(page.locator("#order")).to_have_value("newest")
        expect(rows.first).to_contain_text("Section 16")
        with page.expect_download() as saved:
            page.locator("#retake-csv").click()
        assert saved.value.suggested_filename == "run-retake.csv"
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(FITS)
