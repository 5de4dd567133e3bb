"""`mhfd_client.score(..., via="flow")`: stand-ins that move files, a real endpoint that scores, and the real SDKs."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from tests.rigs.flow_rig import Site

import mhfd
import mhfd_client
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd_client.errors import FlowMissing, NotLoggedIn, SettingsError
from mhfd_client.runners.driver import Driver, Heard
from mhfd_client.scoring.table import Row, Table


def score(lab: Site, *paths: str | Path, **more: object) -> Table:
    return mhfd_client.score(list(paths), via="flow", settings=lab.pairs, progress=False, **more)  # type: ignore[arg-type]


def test_files_that_the_endpoint_does_not_see_give_the_same_table(lab: Site) -> None:
    files = [job.path for job in lab.images(5)]
    there = score(lab, *files, lab.root / "gone.tif", judge=False)
    assert [row.path for row in there] == [*files, str(lab.root / "gone.tif")]
    assert [row.report.density for row in there[:5]] == [mhfd.score(path).density for path in files]
    assert [row.report.finding for row in there[:5]] == [Finding.OK] * 5
    assert {row.report.provenance.endpoint for row in there[:5]} == {lab.endpoint.id}
    assert there[5].report.code == "unavailable"
    assert all(row.thumbnail is not None for row in there[:5]), "the files are here"
    assert len(lab.runs()) == 1, "they go together"
    assert lab.staged() == []


def test_ctrl_c_leaves_a_token_by_which_no_run_is_made_twice(lab: Site) -> None:
    files = [job.path for job in lab.images(5)]

    def stop(row: Row) -> None:
        raise KeyboardInterrupt

    cut = score(lab, *files, on_row=stop, judge=False, thumbnails=False)
    assert cut.interrupted
    assert cut.token is not None
    whole = mhfd_client.reattach(cut.token, judge=False, progress=False)
    assert [row.path for row in whole] == files
    assert lab.scored() == 5, "nothing was scored twice"
    again = score(lab, *files, reattach=cut.token, judge=False)
    assert [row.report for row in again] == [row.report for row in whole]
    with pytest.raises(UsageError, match="other paths"):
        score(lab, *files[:2], reattach=cut.token)


def test_a_run_that_is_out_is_taken_up_by_the_token(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a crash: the process that asked hears nothing any more."""
    files = [job.path for job in lab.images(2)]
    reached = lab.globus.flows.hold("Score")

    listen = Driver.listen

    def interrupted(driver: Driver, timeout: float) -> list[Heard]:
        if reached.is_set():
            raise KeyboardInterrupt
        return listen(driver, min(timeout, 0.05))

    with monkeypatch.context() as patch:
        patch.setattr(Driver, "listen", interrupted)
        cut = score(lab, *files, judge=False)
    assert (len(cut), cut.interrupted) == (0, True)
    lab.globus.flows.release("Score")
    whole = mhfd_client.reattach(cut.token, judge=False, progress=False)
    assert [row.report.finding for row in whole] == [Finding.OK] * 2
    assert len(lab.runs()) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"via": "ftp"}, "is none of local, compute, flow"),
        ({"via": "flow", "map": {"/a": "/b"}}, "map: belongs to via='compute'"),
        ({"via": "flow", "device": "gpu"}, "administrator's"),
        ({"via": "compute"}, "endpoint: must be given"),
        ({"settings": {"flow.id": "x"}}, "belong to via='flow'"),
        ({"via": "local", "endpoint": str(uuid4())}, "do not go with a local call"),
    ],
    ids=["none", "map", "device", "endpoint", "settings", "local"],
)
def test_wrong_arguments_are_named(more: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        mhfd_client.score(["/a.tif"], **more)  # type: ignore[arg-type] # wrong on purpose


def test_what_the_settings_lack_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"flow\.id, flow\.source, "):
        mhfd_client.score([tmp_path / "a.tif"], via="flow")
    with pytest.raises(SettingsError, match=r"no setting 'flow\.sauce'"):
        mhfd_client.score([tmp_path / "a.tif"], via="flow", settings={"flow.sauce": "x"})


def test_a_flow_that_is_not_there_and_a_login_that_is_over_are_said_at_once(lab: Site) -> None:
    files = [job.path for job in lab.images(1)]
    with pytest.raises(FlowMissing):
        mhfd_client.score(files, via="flow", settings=lab.pairs | {"flow.id": str(uuid4())})
    for file in lab.folder.rglob("tokens.json"):
        file.unlink()
    with pytest.raises(NotLoggedIn) as raised:
        score(lab, *files)
    assert "mhfd login" in str(raised.value)
    assert lab.runs() == []
