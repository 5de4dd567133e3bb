"""How tests are dealt to the workers of pytest-xdist: whole files, and those that take longest first.

A file stays in one worker, so that each starts only what its own tests ask for. What is long does not begin last, so
that no worker ends long after the others. In one process nothing of this happens.
"""

from __future__ import annotations

from typing import Final

import pytest

LONG: Final = (
    "compute/test_compute_station.py",
    "page/test_page_labels.py",
    "page/test_page_browser.py",
    "flow/test_flow_station.py",
    "globus/test_login.py",
    "docs/test_docs.py",
    "flow/test_flow_runner.py",
    "endpoint_config/test_core_endpoint.py",
    "doctor/test_far_doctor.py",
    "stand_ins/test_cloud.py",
    "demo/test_demo_endpoint.py",
    "page/test_page.py",
    "demo/test_demo.py",
    "commands/test_cli_station.py",
    "demo/test_demo_flow.py",
    "station/test_station.py",
    "stand_ins/test_flows.py",
    "docs/test_docs_flow.py",
    "station/test_station_killed.py",
    "soundness/test_soundness.py",
    "page/test_page_tabs.py",
    "station/test_faulty_disk.py",
    "station/test_names_watched.py",
    "scoring/test_far_score.py",
    "stand_ins/test_rig.py",
    "detector/test_gpu_device.py",
    "runners/test_local_runner.py",
    "images/test_fuzz_images.py",
    "station/test_drawn_bar.py",
    "images/test_bounds.py",
)
"""The files that take longest, below tests/. One that is missing here costs time, and nothing else."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        rank = {f"tests/{name}": place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))
