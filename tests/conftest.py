"""What holds for every test: a clean environment, the browser, and in CI no test that quietly did not run.

Imports nothing of the project until a test asks for it: the GPU's tests run where only its kernels can.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from playwright.sync_api import Browser

pytest_plugins = ["tests.rigs.globus.fixtures", "tests.rigs.workers"]

HOW = "no Chromium on PATH: `make test` installs it on Debian as root; elsewhere install it, then run again"

_skipped: list[str] = []


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of whoever runs the tests reaches them, and nothing is written into their home."""
    for name in [name for name in os.environ if name.startswith("MHFD_") and not name.startswith("MHFD_TEST_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium."""
    from mhfd_client.page.screenshot import BROWSERS, FLAGS

    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(HOW)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=[*FLAGS])
        yield opened
        opened.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        _skipped.append(f"{report.nodeid}: {why}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """CI is a machine where everything can run: there a skip is a failure."""
    if os.environ.get("CI") and _skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    if _skipped and os.environ.get("CI"):
        terminalreporter.section("SKIPPED IN CI, WHICH FAILS IT", red=True, bold=True)
        for line in _skipped:
            terminalreporter.line(line, red=True)
    elif any(HOW in line for line in _skipped):
        terminalreporter.section("THE PAGE WAS NOT TESTED", red=True, bold=True)
        terminalreporter.line(HOW, red=True)
