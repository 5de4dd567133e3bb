"""How fast the page is with a long run: `python -m benchmarks.page [IMAGES]`. Needs Chromium.

A made-up journal of 10,000 images (real verdicts, no files), the real server in a process of its own, a real browser.
Load: from the request until the chart is drawn. Update: from the commit of a verdict until the browser has drawn it,
and the part of that which the browser's main thread is busy.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.rigs.page_rig import Rig

from mhfd_client.page.process import Serving, beside, bound
from mhfd_client.page.screenshot import BROWSERS, FLAGS

LOADS, UPDATES = 5, 20
_WATCH_FRAMES = """() => {
  window.busy = 0;
  window.watcher?.disconnect();
  window.watcher = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.busy = Math.max(window.busy, entry.duration);
  });
  window.watcher.observe({ type: "long-animation-frame", buffered: false });
}"""


def main(images: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        began = time.perf_counter()
        with rig.journal.together():
            for section in range(1, images + 1):
                rig.image(section, file=False, picture=False, factor=0.4 if section % 40 == 0 else 1.0)
        print(f"{images:,} images, {images // 40:,} to take again; made in {time.perf_counter() - began:.0f} s")
        listening = bound("127.0.0.1", None)
        serving = Serving(rig.state, rig.loaded, "127.0.0.1")
        with beside(serving, listening) as address, sync_playwright() as playwright:
            found = next(path for name in BROWSERS if (path := shutil.which(name)))
            browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            began = time.perf_counter()
            page.goto(address)
            page.wait_for_url("**:*/")
            drawn(page, images)
            print(f"first load, the server's own start included: {time.perf_counter() - began:.2f} s")
            loads = [load(page, images) for _ in range(LOADS)]
            print(f"load, to a chart of all: {statistics.median(loads):.2f} s (median), worst {max(loads):.2f} s")
            for span in ("300", "all"):
                page.locator("#span").select_option(span)
                updates(page, rig, images, span)
                images += UPDATES
            page.close()
            browser.close()


def load(page: Page, images: int) -> float:
    page.reload()
    drawn(page, images)
    took = page.evaluate("() => window.drawnAt / 1000")
    return float(took)


def drawn(page: Page, images: int) -> None:
    """Wait in the page itself, by its own clock."""
    page.evaluate(
        """(images) => new Promise((done) => {
          const look = () => {
            if (Number(document.getElementById("chart").dataset.points || 0) >= images) {
              window.drawnAt = performance.now(); done();
            } else requestAnimationFrame(look);
          };
          look();
        })""",
        images,
    )


def updates(page: Page, rig: Rig, images: int, span: str) -> None:
    whole, busy = [], []
    for i in range(UPDATES):
        page.evaluate(_WATCH_FRAMES)
        rig.image(images + i + 1, file=False, picture=False)
        began = time.perf_counter()
        drawn(page, images + i + 1)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        whole.append(time.perf_counter() - began)
        busy.append(float(page.evaluate("() => window.busy")))
    print(
        f"update, showing {span}: seen {1000 * statistics.median(whole):.0f} ms after the commit (median; the server "
        f"looks every 250 ms); longest frame of the browser: {statistics.median(busy):.0f} ms "
        f"(median; 0: below 50 ms), worst {max(busy):.0f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
