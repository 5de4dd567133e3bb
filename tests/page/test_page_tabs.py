"""Many tabs and many connections: whoever may see the page sees it, whoever else is connected."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.rigs.page_browser import points
from tests.rigs.page_rig import Rig, served

TABS = 8


@pytest.mark.browser
@pytest.mark.parametrize(
    "shared",
    [
        pytest.param(True, id="shared worker"),
        pytest.param(False, id="no shared worker", marks=pytest.mark.soak),
    ],
)
def test_eight_tabs_all_load_and_all_follow(rig: Rig, browser: Browser, shared: bool) -> None:
    rig.run(8, confirm=3)
    with served(rig) as at:
        context = browser.new_context()
        if not shared:
            context.add_init_script("delete window.SharedWorker")
        tabs = [context.new_page() for _ in range(TABS)]
        errors: list[str] = []
        for tab in tabs:
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.goto(at.address, wait_until="commit")
        for tab in tabs:
            tab.wait_for_url(re.compile(r":\d+/$"))
            points(tab, 8)
        rig.image(9, factor=0.4)
        for tab in tabs:
            points(tab, 9)
            expect(tab).to_have_title(re.compile("1 to take again"))
        tabs[0].close()  # the first one held nothing that the others need
        rig.image(10, factor=0.4)
        points(tabs[-1], 10)
        late = context.new_page()
        late.goto(f"{at.base}/")
        points(late, 10)
        context.close()
        assert not errors
