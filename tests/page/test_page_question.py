"""A question in a real browser: parts of images, pixel by pixel, on any screen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.rigs.page_browser import FITS, Opens, shoot
from tests.rigs.page_rig import Rig, served

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("ratio", "dots"), [(1, 1), (1.25, 1), (2, 2), (3, 3)])
def test_a_question_shows_each_pixel_as_pixels_of_the_screen(
    rig: Rig, browser: Browser, ratio: float, dots: int
) -> None:
    rig.run(8)
    with served(rig) as at:
        context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=ratio)
        page = context.new_page()
        page.goto(at.address)
        page.wait_for_url(re.compile(r":\d+/$"))
        pictures = page.locator("#ask img[data-crop]")
        expect(pictures).to_have_count(4)
        expect(page.locator("#ask .known")).to_contain_text(re.compile("the sharpest (so far|of the others)"))
        for i in range(4):
            expect(pictures.nth(i)).to_have_js_property("complete", True)
            natural, shown, smooth = pictures.nth(i).evaluate(
                "e => [e.naturalWidth, e.getBoundingClientRect().width, getComputedStyle(e).imageRendering]"
            )
            assert natural == 192
            assert shown * ratio == pytest.approx(dots * natural, abs=0.05)
            assert smooth == "pixelated"
        assert page.evaluate(FITS)
        context.close()


def test_a_question_about_a_file_that_is_gone_shows_the_small_picture_and_says_so(rig: Rig, opens: Opens) -> None:
    rig.run(9)
    for file in rig.root.glob("*.tif"):
        file.unlink()
    with served(rig) as at:
        page = opens(at.address)
        expect(page.locator("#ask .gone")).to_have_count(4)
        expect(page.locator("#ask .gone").first).to_contain_text("The file is gone")
        expect(page.locator("#ask .gone").first).to_contain_text("does not show a slight blur")
        expect(page.locator("#ask img.small").first).to_have_attribute("src", re.compile("thumbnail"))
        expect(page.locator(".asked [data-label=sharp]")).to_have_count(3)  # it can be answered all the same
        shoot(page, "asks-gone")
