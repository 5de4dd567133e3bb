"""A picture of the page, taken by the browser that is installed here: for the demo; the page needs none of it."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

log = logging.getLogger("mhfd.page")

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",  # it sees nothing but our own page; a container's root has no sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # One page of one address: a process for it, and none in reserve.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
    "--disable-features=SpareRendererForSitePerProcess,Translate,OptimizationHints,MediaRouter",
)


def shoot(address: str, target: Path, *, width: int = 1440, height: int = 900) -> bool:
    """Write a PNG of the page; False when no browser is here, or none that can be driven."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return False
    if found is None:
        return False

    def take() -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS])
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(address)
            page.locator("#chart[data-drawn]").wait_for()
            page.wait_for_load_state("load")
            page.screenshot(path=target)
            browser.close()

    try:
        with ThreadPoolExecutor(1) as alone:  # it refuses a thread in which a loop runs, as a notebook's does
            alone.submit(take).result()
    except Error as e:  # a picture is a courtesy: the demo goes on
        log.warning("no picture of the page: %s", str(e).splitlines()[0])
        return False
    return True
