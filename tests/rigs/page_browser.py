"""The page of a rig in a real browser: what tests of it share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rigs.page_rig import Rig

expect.set_options(timeout=20_000)  # for a machine that stands still

FITS = """() => new Promise((done) => {  // nothing sticks out to the side, once all has found its place
  const look = (left) => {
    const fits = document.documentElement.scrollWidth <= innerWidth;
    if (fits || !left) done(fits); else requestAnimationFrame(() => look(left - 1));
  };
  look(120);
})"""
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        yield rig


Opens = Callable[[str], Page]


@pytest.fixture
def opens(browser: Browser) -> Iterator[Opens]:
    """A browser window at an address; errors that the page logs fail the test."""
    contexts, errors = [], []

    def opened(address: str, *, size: Any = DESKTOP) -> Page:
        context = browser.new_context(viewport=size, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(address)
        page.wait_for_url(re.compile(r":\d+/$"))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors, "\n".join(errors)


def shoot(page: Page, name: str) -> None:
    """Screenshots at two sizes, light and dark."""
    folder = os.environ.get("MHFD_TEST_SHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            expect(page.locator("#chart canvas, #chart-drawing > *").first).to_be_visible()
            page.screenshot(path=f"{folder}/{name}-{label}-{scheme}.png", full_page=label == "phone")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def points(page: Page, count: int) -> None:
    expect(page.locator("#chart")).to_have_attribute("data-points", str(count))
