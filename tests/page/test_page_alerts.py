"""Every alert that rang, on the page, and what people say to it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_browser import DESKTOP, FITS, PHONE, Opens, shoot
from tests.rigs.page_rig import Rig, Served, served

from mhfd_client.alerts import Episode, Rule, overview
from mhfd_client.alerts.store import AlertStore
from mhfd_client.page import panels
from mhfd_client.page.token import stamp_of

NOW = time.time()
EPISODES = (
    Episode(1, Rule.MISSING, NOW - 9000, "2 sections are missing", closed=NOW - 8000, end="Over: both came.", worse=1),
    Episode(2, Rule.OUT_OF_FOCUS, NOW - 7000, "4 of 10", provisional=True, closed=NOW - 6000, withdrawn=True),
    Episode(3, Rule.SILENCE, NOW - 1200, "No new image for 20 min; <b>9</b> came before."),
    Episode(4, Rule.DISK, NOW - 600, "Only 3.1 GB free where the images are."),
)


def rung(rig: Rig) -> None:
    """As a station has kept them."""
    store = AlertStore(rig.state)
    store.save(EPISODES, [], {})
    store.close()


def answer(at: Served, said: dict[str, object], **changes: str) -> int:
    """A press of a button, as the page's own script sends it."""
    headers = {
        "Cookie": cookie(at),
        "Origin": at.base,
        "Sec-Fetch-Site": "same-origin",
        "X-MHFD-Stamp": stamp_of(at.token),
        "Content-Type": "application/json",
    }
    return Asked(at, "/alerts", method="POST", body=json.dumps(said).encode(), headers=headers | changes).status


def test_only_the_page_itself_answers_an_alert(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, served(rig) as at:
        rung(rig)
        good: dict[str, object] = {"alert": 3, "answer": "acknowledge", "who": "Ann"}
        assert answer(at, good, Origin="http://evil.example") == 403
        assert answer(at, good, **{"X-MHFD-Stamp": "0" * 64}) == 403
        assert answer(at, good, Cookie="a=b") == 401
        for bad in ({"alert": 0}, {"answer": "close"}, {"answer": "snooze-99"}, {"who": "x" * 61}, {"until": 1.0}):
            assert answer(at, good | bad) == 400
        assert answer(at, good | {"alert": 99}) == 409
        assert answer(at, {"alert": 1, "answer": "snooze-1"}) == 409  # it is over
        assert not any(one.acknowledged for one in overview(rig.state).episodes)
        assert answer(at, good) == 204
        assert answer(at, {"alert": 4, "answer": "snooze-8", "who": " Eve\n\u202e "}) == 204
        four, three, *_ = overview(rig.state).episodes
        assert (three.acknowledged, three.snoozed_until) == ("Ann", None)
        assert four.acknowledged == "Eve"
        assert four.snoozed_until is not None
        assert four.snoozed_until - time.time() > 7 * 3600


def test_every_rule_has_words() -> None:
    assert set(panels.RULES) == set(Rule)


@pytest.mark.browser
def test_what_rang_is_on_the_page_and_can_be_answered(rig: Rig, opens: Opens) -> None:
    rig.run(9, confirm=3)
    rung(rig)
    with served(rig) as at:
        page = opens(at.address)
        panel = page.locator("#rung")
        expect(panel.get_by_role("heading")).to_have_text("What has rung (2 not over)")
        expect(panel.locator("> .rung li")).to_have_count(2)
        expect(panel.locator("> .rung li").first).to_contain_text("Only 3.1 GB free")
        expect(page.locator(".trouble[data-kind=silence]")).to_contain_text("<b>9</b> came before")
        panel.locator("summary").click()
        expect(page.locator("#rung-over li")).to_have_count(2)
        expect(page.locator("#rung-over li").first).to_contain_text("withdrawn")
        expect(page.locator("#rung-over li").last).to_contain_text("rang again 1 time")
        shoot(page, "alerts")
        page.get_by_label("Your name, for the record").fill("Ann")
        panel.get_by_role("button", name="Alert 3: acknowledge").click()
        expect(page.locator(".trouble.known")).to_contain_text("Ann knows")
        expect(panel.locator("> .rung li").last).to_contain_text("acknowledged by Ann")
        expect(page.locator("#rung-over")).to_have_attribute("open", "")
        panel.get_by_role("button", name="Alert 4: snooze for 8 hours").click()
        expect(panel.locator("> .rung li").first).to_contain_text("snoozed until")
        expect(page.locator(".trouble:not(.known)")).to_have_count(0)
        expect(page.locator("#tasks strong")).to_contain_text("Nothing")
        shoot(page, "alerts-known")
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(FITS)
