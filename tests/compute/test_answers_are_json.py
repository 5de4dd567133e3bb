"""What comes back from an endpoint is data: nothing in it runs on the machine that asked."""

from __future__ import annotations

import json
import sys
from uuid import UUID

import pytest
from globus_compute_sdk import Client
from globus_compute_sdk.errors import DeserializationError, TaskExecutionFailed
from globus_compute_sdk.serialize import (
    ComputeSerializer,
    DillCode,
    DillDataBase64,
    JSONData,
    PureSourceDill,
    PureSourceTextInspect,
)

from mhfd_client.compute.service import as_source
from mhfd_client.compute.translated import translated
from mhfd_client.errors import ComputeRefused

ENDPOINT = UUID(int=7)
RAN = "a_trap_went_off"
CODE = f"import sys; sys.modules[{RAN!r}] = sys"


class Trap:
    """Runs code when somebody unpickles it."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (CODE,)


def trap() -> None:
    """Not harmful itself; a function is no answer all the same."""


@pytest.fixture(autouse=True)
def _unsprung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, RAN, raising=False)


HOSTILE = {
    "pickled data": DillDataBase64().serialize(Trap()),
    "pickled code": DillCode().serialize(json.dumps),
    "source": f"{PureSourceTextInspect.identifier}trap:{CODE}\ndef trap(): ...",
    "source, found by dill": f"{PureSourceDill.identifier}trap:{CODE}\ndef trap(): ...",
    "nothing that is known": "zz\n{}",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_is_no_json_is_not_read(payload: str) -> None:
    with pytest.raises(DeserializationError):
        as_source().deserialize(payload)
    assert RAN not in sys.modules


@pytest.mark.parametrize("trapped", ["pickled data", "source", "source, found by dill"])
def test_the_traps_would_go_off_otherwise(trapped: str) -> None:
    ComputeSerializer().deserialize(HOSTILE[trapped])
    assert sys.modules.pop(RAN) is sys


def test_json_is_read_and_source_is_sent() -> None:
    serializer = as_source()
    assert serializer.deserialize(JSONData().serialize({"ok": True})) == {"ok": True}
    assert serializer.serialize(trap).startswith(PureSourceTextInspect.identifier)


def test_the_sdk_reads_answers_by_it() -> None:
    """By push and by looking alike: both ask the client's serializer."""
    client = object.__new__(Client)
    client.fx_serializer = as_source()
    client._task_status_table = {}
    answer = {"task_id": "t", "status": "success", "completion_t": "1", "result": HOSTILE["pickled data"]}
    with pytest.raises(Exception, match="Deserialization") as raised:
        client._update_task_table(answer, "t")
    assert RAN not in sys.modules
    assert isinstance(translated(raised.value, ENDPOINT), ComputeRefused)


@pytest.mark.parametrize("wrapped", [Exception("Malformed"), TaskExecutionFailed("Failed to set result", "0"), None])
def test_it_is_said_and_blames_no_image(wrapped: Exception | None) -> None:
    error: Exception = DeserializationError("not allowed")
    if wrapped is not None:
        wrapped.__cause__ = error
        error = wrapped
    told = translated(error, ENDPOINT)
    assert isinstance(told, ComputeRefused)  # its images wait, and nothing more is handed over
    assert str(ENDPOINT) in str(told)
    assert "JSON" in str(told)
    assert "globus-compute-endpoint" in str(told)
