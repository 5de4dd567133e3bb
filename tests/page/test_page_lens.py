"""What the page shows of a lens, and what a person may say there. It turns no knob, whatever is posted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.rigs.blurs import blur
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_browser import DESKTOP, FITS, PHONE, Opens, shoot
from tests.rigs.page_rig import Rig, Served, served

from mhfd_client.adjustment import ledger, moves, outstanding, places
from mhfd_client.adjustment.beside.shown import TOLD
from mhfd_client.adjustment.beside.tries import RepairEnd, about
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.outstanding import Outstanding
from mhfd_client.instruments.config import NAME
from mhfd_client.page import panels
from mhfd_client.page.token import stamp_of
from mhfd_client.verdicts.blur.blur import BlurKind

INSTRUMENT = """
kind = "pretend"
address = "/nowhere"
name = "Beam 3 <b>"
allow = "apply"
[limits]
low_um = 4990.0
high_um = 5010.0
"""


def posted(at: Served, said: dict[str, object], **changes: str) -> tuple[int, str]:
    """What comes of the form, as the page's own script sends it."""
    headers = {
        "Cookie": cookie(at),
        "Origin": at.base,
        "Sec-Fetch-Site": "same-origin",
        "X-MHFD-Stamp": stamp_of(at.token),
        "Content-Type": "application/json",
    }
    answer = Asked(at, "/moves", method="POST", body=json.dumps(said).encode(), headers=headers | changes)
    return answer.status, answer.body.decode()


def home(at: Served) -> str:
    return Asked(at, "/", headers={"Cookie": cookie(at)}).body.decode()


def test_without_adjust_nothing_speaks_of_a_lens(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(4, confirm=3)
        rig.image(5, factor=0.4, blur=blur(3.0, kind=BlurKind.DEFOCUS))
        (rig.state / NAME).write_text(INSTRUMENT)
        ledger.add(rig.state, LensEntry.ASKED, "Section 5 needs a person", actor="watch")
        with served(rig) as at:
            told = home(at)
            assert "out of focus" in told
            assert not re.search(r"\blens\b|working distance|turned|propos", told, re.IGNORECASE)
            assert posted(at, {"move": "working distance -3.2 um"})[0] == 404
            assert not places.moves(rig.state).exists()


def test_a_move_is_recorded_and_what_is_none_is_refused_in_words(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        first, *_, last = rig.run(4)
        with served(rig, adjust="record") as at:
            good: dict[str, object] = {"move": "working distance -3.2 um", "before": first, "after": last, "who": "Ann"}
            assert posted(at, good, Origin="http://evil.example")[0] == 403
            assert posted(at, good, **{"X-MHFD-Stamp": "0" * 64})[0] == 403
            for bad in ({"move": "w" * 101}, {"before": 0}, {"to_um": 5000.0}, {"before": "S_0001.tif"}):
                assert posted(at, good | bad)[0] == 400
            assert posted(at, good | {"before": 999})[0] == 404
            for wrong, words in (("working distance -3.2", "no unit"), ("focus -3 um", "names no knob")):
                status, told = posted(at, good | {"move": wrong})
                assert (status, words in told) == (409, True), told
            assert posted(at, good | {"before": last})[0] == 409  # one image twice
            assert list(moves.moves(rig.state)) == []
            assert posted(at, good) == (200, "Recorded: working distance -3.2 um.")
            (kept,) = moves.moves(rig.state)
            assert (kept.by, kept.actor, kept.source) == (-3.2, "Ann", "typed")
            assert kept.image_before is not None
            assert kept.image_before.path.endswith("S_0001.tif")
            assert "1 move recorded; the last: working distance -3.2 um" in home(at)
            assert not (rig.state / NAME).exists()


def test_a_closed_instrument_has_a_number_and_no_more(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(4, confirm=3)
        rig.image(5, factor=0.4, blur=blur(3.0, kind=BlurKind.DEFOCUS, um=3.1))
        with served(rig, adjust="propose") as at:
            told = home(at)
    assert "No instrument is connected: mhfd turns nothing here." in told
    assert "about 3.1 µm (2.6 to 3.7) out of focus. One image does not say which way." in told


def test_a_lens_that_is_not_back_is_named_and_one_under_way_is_no_alarm(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(4)
        (rig.state / NAME).write_text(INSTRUMENT)
        outstanding.put(
            rig.state, Outstanding(why="a pair at 5003.000 um", instrument="Beam 3", actor="Ann", home_um=5003.0)
        )
        with served(rig, adjust="apply") as at:
            alarm = "The lens may not be where it belongs."
            assert alarm in home(at)
            ledger.add(rig.state, LensEntry.REPAIR, "Section 4: a repair begins", actor="watch")
            with served(rig, adjust="apply") as other:
                under_way = home(other)
            assert alarm not in under_way
            assert "Under way: a pair at 5003.000 um." in under_way
            places.outstanding(rig.state).write_text("{")
            with served(rig, adjust="apply") as other:
                assert "cannot be read; look at the lens" in home(other)


def test_every_line_that_is_shown_has_a_name() -> None:
    assert set(panels.LENS) == TOLD
    assert set(panels.ENDS) == set(RepairEnd)


@pytest.mark.browser
def test_the_panel_of_the_lens(rig: Rig, opens: Opens) -> None:
    ids = rig.run(9, confirm=3)
    (rig.state / NAME).write_text(INSTRUMENT)
    mended, asked = about(7, "S_0007.tif", 7, None, repair="r1"), about(8, "S_0008.tif", 8, None)
    ledger.add(rig.state, LensEntry.PROPOSED, "of a repair: its end tells it", actor="watch")
    ledger.add(
        rig.state,
        LensEntry.REPAIRED,
        "moved the working distance by -3.22 um, from 5006.93 to 5003.71 um; taken again",
        actor="watch",
        about=mended | {"end": "retaken"},
    )
    ledger.add(rig.state, LensEntry.ASKED, "still out of focus after 2 tries <b>", actor="watch", about=asked)
    with served(rig, adjust="apply") as at:
        page = opens(at.address)
        panel = page.locator("#lens")
        expect(panel).to_contain_text("Beam 3 <b>: an image that is out of focus is re-focused and taken again.")
        expect(panel.locator(".rung > li").first).to_contain_text("Section 8: a person is needed")
        expect(panel.locator(".rung > li")).to_have_count(2)
        expect(panel.locator(".rung > li").last).to_contain_text("Section 7: re-focused and taken again")
        page.get_by_label("Turned").select_option("working distance")
        page.get_by_label("by how much").fill("-3.2")
        page.get_by_label("Image before").select_option(str(ids[0]))
        new = rig.image(10)
        expect(page.locator(f"#turned-after option[value='{new}']")).to_have_count(1)
        expect(page.locator("#turned-before")).to_have_value(str(ids[0]))  # what was chosen stays
        page.get_by_label("Image after").select_option(str(new))
        shoot(page, "lens")
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(FITS)
        page.get_by_role("button", name="Record").click()
        expect(page.locator("#turned-said")).to_have_text("Recorded: working distance -3.2 um.")
        expect(panel).to_contain_text("1 move recorded; the last: working distance -3.2 um")
        page.get_by_label("by how much").fill("much")
        page.get_by_role("button", name="Record").click()
        expect(page.locator("#turned-said")).to_contain_text("Not recorded: move: 'much um' is no number")
