"""`mhfd doctor DIRECTORY` of a station that scores by runs of a flow: what is wrong is named before the first image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.flow_rig import Site, site_here
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service

from mhfd_client.doctor import station as doctor
from mhfd_endpoint.finding import Check, Level

pytestmark = pytest.mark.globus


@pytest.fixture
def lab(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    with site_here(service, quick_endpoint, tmp_path, monkeypatch) as made:
        yield made


def said(lab: Site, **more: object) -> dict[str, Check]:
    """What is said of the flow and the folder of reports."""
    found = doctor.examine(str(lab.root), config=lab.file(**more), state=lab.folder / "state")
    return {check.name: check for check in found if check.name in ("flow", "login", "reports")}


def test_all_is_well(lab: Site) -> None:
    found = said(lab)
    assert [check.level for check in found.values()] == [Level.OK] * 3
    assert found["flow"].what.startswith(lab.pairs["flow.id"])
    assert lab.runs() == []


def test_reports_must_be_writable(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != lab.results)  # root may write anywhere
    assert said(lab)["reports"].level is Level.FAIL


def test_a_flow_that_may_be_started_but_not_seen_is_no_failure(lab: Site) -> None:
    lab.globus.server.fail("GET /flows/.*", 403)
    assert said(lab)["flow"].level is Level.WARN


def test_what_is_missing_in_the_settings_is_named(lab: Site) -> None:
    (check,) = said(lab, flow__staging=None).values()
    assert (check.level, "flow.staging" in check.what) == (Level.FAIL, True)


def test_without_a_login_it_says_how(lab: Site) -> None:
    (lab.folder / "home" / "mhfd" / "login" / "tokens.json").unlink()
    check = said(lab)["login"]
    assert (check.level, "mhfd login --flow-id" in check.do) == (Level.FAIL, True)


@pytest.mark.usefixtures("impatient")
def test_a_flow_that_is_gone_and_a_service_that_is_down(lab: Site) -> None:
    lab.globus.server.fail("GET /flows/.*", 404)
    check = said(lab)["flow"]
    assert (check.level, "does not know it" in check.what) == (Level.FAIL, True)
    lab.globus.server.fail("GET /flows/.*", 503, times=100)
    check = said(lab)["flow"]
    assert (check.level, "in trouble itself (503)" in check.what) == (Level.FAIL, True)
