"""How tests are dealt to the workers of pytest-xdist: whole files, and those that take longest first.

A file stays in one worker, so that each starts only what its own tests ask for. What is long does not begin last, so
that no worker ends long after the others. In one process nothing of this happens.
"""

from __future__ import annotations

from typing import Final

import pytest

LONG: Final = (
    "endpoint_config/test_core_endpoint.py",
    "compute/test_compute_station.py",
    "page/test_page_browser.py",
    "docs/test_docs.py",
    "flow/test_flow_station.py",
    "flow/test_flow_runner.py",
    "page/test_page_labels.py",
    "page/test_page.py",
    "commands/test_cli_station.py",
    "endpoint_config/test_endpoint_config.py",
    "stand_ins/test_cloud.py",
    "docs/test_docs_flow.py",
    "doctor/test_far_doctor.py",
    "demo/test_demo.py",
    "images/test_bounds.py",
    "detector/test_detector_contract.py",
    "scoring/test_far_score.py",
    "stand_ins/test_rig.py",
    "globus/test_login.py",
    "station/test_station_killed.py",
    "detector/test_gpu_device.py",
    "station/test_faulty_disk.py",
    "station/test_station.py",
    "runners/test_local_runner.py",
    "station/test_names_watched.py",
    "page/test_page_tabs.py",
    "flows/test_flow_interpreter.py",
    "commands/test_cli.py",
    "stand_ins/test_flows.py",
    "station/test_drawn_bar.py",
    "soundness/test_soundness.py",
)
"""The files that take longest, below tests/. One that is missing here costs time, and nothing else."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        rank = {f"tests/{name}": place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))
