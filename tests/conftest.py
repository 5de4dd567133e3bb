"""What all tests share: the browser, and what happens where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from mhfd_client.page.screenshot import BROWSERS, FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOW = "no Chromium on PATH: `make test` installs it on Debian as root; elsewhere install it, then run again"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium. Where it is missing a test is skipped, and in CI that is a failure."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=[*FLAGS])
        yield opened
        opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped browser is said loudly: the page was not tested."""
    skipped = [one for one in terminalreporter.stats.get("skipped", ()) if HOW in str(one.longrepr)]
    if skipped:
        terminalreporter.section("THE PAGE WAS NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests skipped: {HOW}", red=True)
