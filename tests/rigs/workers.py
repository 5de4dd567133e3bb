"""How tests are dealt to the workers of pytest-xdist. Without it, and in one process, nothing of this happens.

Tests of a module that share a fixture stay together: each worker starts only what its own tests ask for. What takes
long begins first, so that no worker ends long after the others.
"""

from __future__ import annotations

from typing import Final

import pytest

LONG: Final = (
    "compute/test_compute_station.py",
    "flow/test_flow_station.py",
    "page/test_page_browser.py",
    "endpoint_config/test_core_endpoint.py",
    "flow/test_flow_runner.py",
    "demo/test_demo_endpoint.py",
    "demo/test_demo_flow.py",
    "doctor/test_far_doctor.py",
    "stand_ins/test_cloud.py",
    "demo/test_demo.py",
    "station/test_station_killed.py",
    "docs/test_docs_flow.py",
    "docs/test_docs.py",
    "globus/test_login.py",
    "commands/test_run_commands.py",
    "page/test_page.py",
)
"""The modules with the longest tests, below tests/. A name that is missing here costs time, and nothing else."""

SHARED: Final = ("class", "module", "package", "session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        if _shares(item):
            item.add_marker(pytest.mark.xdist_group(_module(item)))
    items.sort(key=lambda item: LONG.index(module) if (module := _module(item)) in LONG else len(LONG))


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0].removeprefix("tests/")


def _shares(item: pytest.Item) -> bool:
    """It uses a fixture of this project that outlives a test."""
    fixtures = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - functions have it, other items need not
    return any(
        one.scope in SHARED and one.func.__module__.startswith("tests.") for found in fixtures.values() for one in found
    )
