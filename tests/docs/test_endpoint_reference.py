"""The reference of the function on an endpoint leaves out no field, no code and no limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs import REPOSITORY

from mhfd.contract.answer import ScoreResponse
from mhfd.contract.base import Wire
from mhfd.contract.examination import Examination, ExamineRequest, FileSeen, FunctionSeen, RootSeen
from mhfd.contract.request import Code, Problem, ScoreRequest
from mhfd.contract.work import Artefact, Progress, WorkAnswer, WorkRequest, WorkState
from mhfd.remote.ledger import Ledger
from mhfd.remote.tasklog import LoggedTask
from mhfd.site import FunctionLimits, Site

PAGE = (REPOSITORY / "docs" / "reference" / "endpoint-function.md").read_text()
MODELS = (
    ScoreRequest,
    ScoreResponse,
    Problem,
    ExamineRequest,
    Examination,
    FileSeen,
    FunctionSeen,
    RootSeen,
    Site,
    FunctionLimits,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_explained(model: type[Site]) -> None:
    assert [name for name in model.model_fields if f"`{name}`" not in PAGE] == []


def test_every_code_is_explained() -> None:
    assert [code.value for code in Code if f"| `{code.value}` |" not in PAGE] == []


def test_every_key_of_a_line_in_the_log_is_explained(tmp_path: Path) -> None:
    LoggedTask(Site(log=tmp_path / "log"), {}).write(Ledger("mhfd_focus", {}).line("done"))
    line = json.loads((tmp_path / "log").read_text())
    log = PAGE[PAGE.index("## The log") :]
    assert [key for key in line if f"`{key}`" not in log] == []


LONG = (REPOSITORY / "docs" / "reference" / "long-work.md").read_text()


@pytest.mark.parametrize("model", [WorkRequest, WorkAnswer, Progress, Artefact], ids=lambda model: model.__name__)
def test_every_field_of_long_work_is_explained(model: type[Wire]) -> None:
    assert [name for name in model.model_fields if f"`{name}`" not in LONG] == []


def test_every_state_of_long_work_is_explained() -> None:
    assert [state.value for state in WorkState if f"| `{state.value}` |" not in LONG] == []
