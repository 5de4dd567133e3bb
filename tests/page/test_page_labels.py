"""What people say on the page, in a real browser: the buttons, what is said before it counts, the state after it."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from tests.rigs.globus.waiting import until
from tests.rigs.page_browser import FITS, PHONE, Opens, points
from tests.rigs.page_rig import Rig, served

from mhfd_client.verdicts.foreseen import Foreseen, foreseen

pytestmark = pytest.mark.browser


def look(page: Page, image: int) -> Locator:
    page.locator(f"#strip-{image}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".actions")).to_be_visible()
    return dialog


def test_each_part_of_a_label_is_said_and_undone_alone(rig: Rig, opens: Opens) -> None:
    rig.run(12, confirm=3)
    blurred = rig.image(13, factor=0.4)
    with served(rig) as at:
        page = opens(at.address)
        expect(page.locator(".retakes li")).to_have_count(1)
        page.locator(f"#retake-look-{blurred}").click()
        dialog = page.get_by_role("dialog")
        for button, said, listed in (
            ("Fine as it is", "fine as it is", 0),
            ("Sharp", "sharp", 0),
            ("Not sharp", "not sharp", 1),
        ):
            dialog.get_by_role("button", name=button, exact=True).click()
            expect(dialog.locator(".actions .waits")).to_be_visible()
            rig.take_in()
            expect(dialog.locator(".actions .said")).to_contain_text(said)
            expect(page.locator(".retakes li")).to_have_count(listed)
            dialog.get_by_role("button", name=f"Undo: {said}").click()
            expect(dialog.locator(".actions .waits")).to_be_visible()
            rig.take_in()
            expect(dialog.get_by_role("button", name=button, exact=True)).to_be_visible()
            expect(page.locator(".retakes li")).to_have_count(1)
        assert [label.sharp for label in rig.journal.labels()][-6:] == [None, None, True, None, False, None]


def test_take_again_teaches_nothing_and_keeps_the_anchor(rig: Rig, opens: Opens) -> None:
    ids = rig.run(12, confirm=3)
    with served(rig) as at:
        page = opens(at.address)
        dialog = look(page, ids[1])
        before = [told.verdict.id for told in rig.journal.told()]
        expect(dialog.locator(".actions .said")).to_contain_text("sharp \u2013 Ann")
        page.keyboard.press("t")
        expect(dialog.locator("#again-note")).to_be_focused()
        dialog.locator("#again-note").fill("dirt <b> & snf")  # letters of the shortcuts are only text here
        page.keyboard.press("Enter")
        expect(dialog.locator(".actions .waits")).to_contain_text("taken in within a second")
        rig.take_in()
        expect(dialog.locator(".actions .said")).to_have_count(2)
        expect(dialog.locator(".actions")).to_contain_text("take again: dirt <b> & snf")
        expect(dialog.locator(".lookhead .badge")).to_contain_text("in focus")
        label = rig.journal.last_labels()[ids[1]]
        assert (label.sharp, label.again, label.note) == (True, True, "dirt <b> & snf")
        assert [told.verdict.id for told in rig.journal.told()] == before
        page.keyboard.press("Escape")
        expect(page.locator(".retakes li")).to_contain_text("wants it taken again: dirt <b> & snf")
        page.locator(f"#retake-fine-{ids[1]}").click()
        expect(page.locator(".retakes .waits")).to_be_visible()
        rig.take_in()
        expect(page.locator(".retakes li")).to_have_count(0)
        assert rig.journal.last_labels()[ids[1]].sharp is True


def test_many_verdicts_are_said_before_the_label_counts(rig: Rig, opens: Opens) -> None:
    rig.run(30)
    sharpest = rig.image(31, factor=1.25)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 31)
        dialog = look(page, sharpest)
        not_sharp = dialog.get_by_role("button", name="Not sharp", exact=True)

        page.keyboard.press("n")
        said = dialog.locator("#sure-said")
        expect(said).to_contain_text(" images into 'can't tell' (today 0).")
        expect(dialog.locator("#sure-again")).to_be_focused()
        dialog.get_by_role("button", name="Cancel").click()
        expect(said).to_be_hidden()
        expect(not_sharp).to_be_focused()

        page.keyboard.press("n")
        expect(said).to_be_visible()
        page.keyboard.press("Escape")  # closes the step, not the image
        expect(said).to_be_hidden()
        expect(dialog).to_be_visible()
        assert not rig.journal.labels()
        assert not list((rig.state / "inbox").iterdir())

        not_sharp.click()
        dialog.get_by_role("button", name="Take again instead").click()
        expect(dialog.locator("#again-note")).to_be_focused()
        dialog.locator("#again-step").get_by_role("button", name="Cancel").click()

        not_sharp.click()
        dialog.get_by_role("button", name="Not sharp anyway").click()
        expect(dialog.locator(".actions .waits")).to_be_visible()
        assert rig.take_in() > 5
        expect(dialog.locator(".lookhead .badge")).to_contain_text("out of focus")
        expect(dialog.locator(".this figcaption .badge")).to_contain_text("out of focus")
        expect(dialog.locator(".sentence")).to_contain_text("you rejected it")
        expect(dialog.locator(".actions .said")).to_contain_text("not sharp")
        assert [label.image for label in rig.journal.labels()] == [sharpest]


def test_the_question_says_it_too_and_nobody_has_to_wait_for_the_number(
    rig: Rig, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.run(12)
    counted = threading.Event()

    def slow(*asked: Any, **said: Any) -> Foreseen:
        counted.wait(60)
        return foreseen(*asked, **said)

    monkeypatch.setattr("mhfd_client.page.ahead.foreseen", slow)
    with served(rig) as at:
        page = opens(at.address)
        page.locator(".asked [data-label=not-sharp]").first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator("#sure-said")).to_contain_text("Counting how many verdicts")
        dialog.get_by_role("button", name="Not sharp anyway").click()
        expect(dialog.locator(".actions .waits")).to_be_visible()
        rig.take_in()
        expect(dialog.locator(".actions .said")).to_contain_text("not sharp")
        counted.set()
        expect(dialog.locator("#sure-step")).to_be_hidden()
        assert len(rig.journal.labels()) == 1


def test_no_press_is_lost_however_slow_its_number_and_its_image_are(rig: Rig, opens: Opens) -> None:
    rig.run(12)
    numbers: list[Route] = []
    images: list[Route] = []

    def held(routes: list[Route], count: int) -> None:
        until(lambda: page.evaluate("routes => routes", len(routes)) >= count, "nothing was asked")

    with served(rig) as at:
        page = opens(at.address)
        dialog, saved = page.get_by_role("dialog"), page.locator(".asked .waits")
        page.route("**/foreseen*", lambda route: numbers.append(route))

        # The number is there before the image.
        page.route(re.compile(r"/images/\d+$"), lambda route: images.append(route))
        first = page.locator(".asked [data-label=not-sharp]").first.get_attribute("data-image")
        page.locator(f"#ask-not-{first}").click()
        held(images, 1)
        numbers.pop().fulfill(json={"many": True, "sentence": "This would turn many."})
        page.evaluate("() => fetch('/assets/page.css').then(answer => answer.text())")  # by then it has been taken in
        for route in images:
            route.continue_()
        page.unroute(re.compile(r"/images/\d+$"))
        expect(dialog.locator("#sure-said")).to_contain_text("This would turn many.")
        dialog.get_by_role("button", name="Not sharp anyway").click()
        expect(dialog.locator(".actions .waits")).to_be_visible()
        page.keyboard.press("Escape")
        assert rig.take_in() > 0
        expect(page.locator(f".asked li:not(.known) #ask-look-{first}")).to_have_count(0)  # it asks about others now
        assert [label.sharp for label in rig.journal.labels()] == [False]

        # Two are pressed while both count: one after the other is asked for.
        pressed = page.evaluate(
            """() => [...document.querySelectorAll('.asked [data-label=sharp]')].slice(0, 2).map(button => {
                button.click();
                return Number(button.dataset.image);
            })"""
        )
        for image in pressed:
            expect(dialog.locator("#sure-said")).to_contain_text("Counting how many verdicts")
            expect(dialog.locator(f".this .pane[data-image='{image}']")).to_be_visible()
            if image == pressed[0]:
                dialog.get_by_role("button", name="Sharp anyway").click()
        # It turns little: nothing is to be asked, and the image goes that was shown only for that.
        held(numbers, 2)
        numbers[1].fulfill(json={"many": False, "sentence": ""})
        expect(dialog).to_be_hidden()
        expect(saved).to_have_count(2)
        rig.take_in()
        expect(saved).to_have_count(0)
        assert [label.image for label in rig.journal.labels()][1:] == pressed


def test_a_number_that_cannot_be_had_is_said_and_stops_nobody(rig: Rig, opens: Opens) -> None:
    ids = rig.run(8)

    def broken(route: Route) -> None:
        route.fulfill(status=503, body="no")

    with served(rig) as at:
        page = opens(at.address)
        page.route("**/foreseen*", broken)
        dialog = look(page, ids[0])
        page.keyboard.press("s")
        expect(dialog.locator("#sure-said")).to_contain_text("could not be counted")
        expect(dialog.locator("#sure-again")).to_be_hidden()
        dialog.get_by_role("button", name="Sharp anyway").click()
        expect(dialog.locator(".actions .waits")).to_be_visible()
        assert rig.take_in() > 0
        expect(dialog.locator(".actions .said")).to_contain_text("sharp \u2013")


@pytest.mark.parametrize("stream", ["live", "cut"])
def test_without_a_station_the_state_after_it_is_there_at_once(rig: Rig, opens: Opens, stream: str) -> None:
    ids = rig.run(12, confirm=3)
    rig.close()
    with served(rig) as at:
        page = opens(at.address)
        if stream == "cut":
            page.add_init_script("delete window.SharedWorker")
            page.route("**/live*", lambda route: route.abort())
            page.reload()
            expect(page.locator("#chart")).to_have_attribute("data-drawn", "0")
            expect(page.locator("#chart-note")).not_to_contain_text("It begins")  # nobody has said that there are none
        dialog = look(page, ids[8])
        page.keyboard.press("f")
        expect(dialog.locator(".actions .said")).to_contain_text("fine as it is")
        page.keyboard.press("n")
        expect(dialog.locator(".lookhead .badge")).to_contain_text("out of focus")
        expect(dialog.locator(".actions .said")).to_have_count(2)
    record = json.loads((rig.state / "records" / "S_0009.tif.mhfd.json").read_text())
    assert [(one["sharp"], one["fine"]) for one in record["labels"]] == [(None, True), (False, True)]
    rig.open()


def test_the_buttons_say_what_they_teach_and_fit_a_phone(rig: Rig, opens: Opens) -> None:
    ids = rig.run(8)
    with served(rig) as at:
        page = opens(at.address)
        dialog = look(page, ids[5])
        for name, words in (
            ("Sharp", "others are compared with it"),
            ("Not sharp", "images that are no better"),
            ("Take again…", "No other image is judged by it"),
            ("Fine as it is", "No other image is judged by it"),
        ):
            button = dialog.get_by_role("button", name=name, exact=True)
            assert words in (button.get_attribute("title") or "")
            assert button.get_attribute("aria-keyshortcuts")
        expect(dialog.locator(".actions")).to_contain_text("The station learns")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.keyboard.press("t")
        assert page.evaluate(FITS)
        assert page.evaluate(
            "() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth }"
        )
