"""How tests are dealt to the workers of pytest-xdist: whole files, and those that take longest first.

A file stays in one worker, so that each starts only what its own tests ask for; files that need the same browser, or
the same broker and endpoints, stay together in one (`TOGETHER`): each of those takes seconds to start. What is long
does not begin last, so that no worker ends long after the others. In one process nothing of this happens.

Everywhere: what was collected is there until the end, so that nobody looks through it for what could be freed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, Final

import pytest

TOGETHER: Final[dict[str, tuple[str, ...]]] = {
    "an endpoint with workers": (
        "endpoint_config/test_core_endpoint.py",
        "compute/test_compute_station.py",
        "compute/test_registration.py",
        "doctor/test_far_doctor.py",
        "runners/test_far_runners.py",
        "runners/test_runner_contract.py",
        "scoring/test_endpoint_notebook.py",
        "stand_ins/test_rig.py",
        "works/test_benchmarked_on_an_endpoint.py",
    ),
    "an endpoint with threads": (
        "flow/test_flow_station.py",
        "flow/test_flow_runner.py",
        "flow/test_flow_work_endpoint.py",
        "flow/test_learn_flow_endpoint.py",
        "works/test_work_endpoint.py",
        "stand_ins/test_cloud.py",
        "docs/test_docs_flow.py",
        "doctor/test_flow_doctor.py",
        "first_hour/test_first_hour.py",
        "page/test_flow_page.py",
        "scoring/test_far_score.py",
        "scoring/test_flow_score.py",
        "scoring/test_held.py",
        "stand_ins/test_flows.py",
    ),
    "a browser": (
        "page/test_page_browser.py",
        "page/test_page_labels.py",
        "page/test_page_alerts.py",
        "page/test_page_lens.py",
        "page/test_page_models.py",
        "page/test_page_question.py",
        "page/test_page_retakes.py",
        "page/test_page_tabs.py",
        "docs/test_site.py",
    ),
}
"""Files that start the same. One that is missing here costs time, and nothing else."""

LONG: Final = (
    *(file for files in TOGETHER.values() for file in files),
    "docs/test_docs.py",
    "learning/from_library/test_there.py",
    "page/test_page.py",
    "flows/test_flow_interpreter.py",
    "remote/test_benchmarking.py",
    "commands/test_cli_station.py",
    "globus/test_login.py",
    "endpoint_config/test_endpoint_config.py",
    "retesting/test_retests_watched.py",
    "demo/test_demo.py",
    "detector/test_detector_contract.py",
    "flow/test_learn_flow.py",
    "verdicts/test_verdict.py",
    "contract/test_schemas.py",
    "learning/from_library/test_here.py",
    "station/test_station.py",
    "instruments/test_instrument_contract.py",
    "flows/test_flow_dry_run.py",
    "remote/test_assessing.py",
    "station/test_station_killed.py",
    "station/test_faulty_disk.py",
    "remote/test_remote.py",
    "runners/test_local_runner.py",
    "flow/test_learn_flow_functions.py",
    "verdicts/test_order.py",
    "images/test_bounds.py",
    "detector/test_gpu_device.py",
    "station/test_names_watched.py",
    "commands/test_cli.py",
    "station/test_drawn_bar.py",
    "soundness/test_soundness.py",
    "compute/test_works.py",
    "learning/promotion/test_trial.py",
    "ranks/test_ranks.py",
    "learning/manifold/test_learning.py",
    "learning/test_train.py",
)
"""The files that take longest, below tests/. One that is missing here costs time, and nothing else."""


def unit_of(nodeid: str) -> str:
    """What a test is dealt with: its file, or the files that start the same."""
    file = nodeid.partition("::")[0]
    return next((name for name, files in TOGETHER.items() if file.removeprefix("tests/") in files), file)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Python's collector looked through 10,000 tests while they were made, and then again and again: a fifth of a
    collection, and more than a second each time that all was looked through."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        rank = {f"tests/{name}": place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By `unit_of`, where whole files are dealt."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = unit_of
    return scheduling
