"""`mhfd work` on a real endpoint, by the real SDK: a function that answers at once, and one that may not run there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.remote import hashing
from tests.rigs.typed import typed_here

import mhfd
from mhfd import shim


def test_an_endpoint_says_how_it_is(service: Service, quick_endpoint: ChildEndpoint) -> None:
    code, told = typed_here(["work", "begin", "mhfd_examine", "--endpoint", quick_endpoint.id, "--json"])
    assert code == 0, told
    answer = json.loads(told[told.index("{") :])["answer"]
    assert answer["result"]["versions"]["mhfd"] == mhfd.__version__
    assert answer["provenance"]["endpoint"] == quick_endpoint.id


def test_a_function_that_the_site_does_not_let_run_is_named_with_its_endpoint(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shim.FUNCTIONS, hashing.NAME, hashing.FUNCTION)
    request = tmp_path / "hash.json"
    request.write_text(json.dumps({"folder": str(quick_endpoint.root)}))
    words = ["begin", hashing.NAME, "--endpoint", quick_endpoint.id, "--key", "wafer7", "--request", str(request)]
    code, told = typed_here(["work", *words])
    assert code == 1, told
    assert f"not taken: endpoint {quick_endpoint.id}: {hashing.NAME}: " in told
    assert told.splitlines()[-1] == "  once that is changed there: mhfd work follow wafer7"
