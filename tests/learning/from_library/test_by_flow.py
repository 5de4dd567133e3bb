"""`mhfd learn --via flow`: one run, whose package and report come home; a dataset that cannot travel is told how to.

Flows, Transfer and Compute are in this process and in made-up time; the functions are as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.benched import labelled, package
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.packages import answered_here
from tests.rigs.work_flows import WorkFlows

import mhfd_client
from mhfd import remote
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.packages import Library
from mhfd.learning.promotion import gates
from mhfd_client.runners import Runner
from mhfd_client.settings.places import models_home
from mhfd_client.works import by_flow
from mhfd_flows.shipped import FLOWS

VERBS = {"mhfd_assess": remote.assess, "mhfd_train": remote.train, "mhfd_benchmark": remote.benchmark}


def test_one_run_brings_the_images_there_and_the_package_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    flows, there = WorkFlows(VirtualTime(), tmp_path, recipe=FLOWS["learn"], verbs=VERBS), tmp_path / "library"
    there.mkdir()
    roots: list[Path] = [flows.stage, there]
    allowed: dict[str, dict[str, str]] = {name: {} for name in VERBS}
    Facility(tmp_path, monkeypatch).allow(read_roots=roots, write_roots=roots, functions=allowed)
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr(gates, "barred", lambda _package: ())  # made packages know no bounds

    @contextmanager
    def runner(_kept: object) -> Iterator[Runner]:
        made = flows.runner(poll_s=0.5)
        try:
            yield made
        finally:
            made.close()

    monkeypatch.setattr(by_flow, "flow_runner", runner)
    best = package(there / "packages")
    run = flows.sem / "run"
    labelled(run)
    told: list[str] = []
    at: list[list[str]] = []

    def tell(line: str) -> None:
        told.append(line)
        at.append(list(flows.names))

    words: dict[str, Any] = {"instrument": "north", "via": "flow", "library": str(there), "endpoint": ID}
    learned = mhfd_client.learn(run, told=tell, **words)
    assert learned.benchmark.decision == "promoted", learned.benchmark.line
    assert learned.package is not None
    assert learned.package.name == best.name
    assert Library(models_home()).champion("focus", "north") == learned.package
    assert {path.name for path in learned.report.iterdir()} == {"report.json", "report.html"}
    assert [line.partition(" ")[0].rstrip(":") for line in told] == ["assessed", "benchmarked", "home", "champion"]
    assert (at[0], at[1]) == (["mhfd_assess"], ["mhfd_assess", "mhfd_benchmark"]), "each step is told when it is over"
    assert mhfd_client.learn(run, **words) == learned
    assert (len(flows.runs), flows.staged()) == (1, [])
    away = tmp_path / "away"
    Dataset.read(run).write(away)
    with pytest.raises(UsageError, match=r"does not lie in .*away.*mhfd dataset build .*--copy"):
        mhfd_client.learn(away, **words)
