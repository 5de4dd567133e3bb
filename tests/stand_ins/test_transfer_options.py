"""What the stand-in of Transfer does when an option is left out is what globus-sdk documents, and what is left out of
the flows that we ship is nothing that matters.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from globus_sdk import DeleteData, TransferData
from tests.rigs.globus.transfer_options import DELETE_DEFAULTS, TRANSFER_DEFAULTS
from tests.rigs.globus.transfer_routes import DELETE_FIELDS, TRANSFER_FIELDS

from mhfd_flows.shipped import FLOWS

DOCUMENTED: Final[dict[str, tuple[type, Mapping[str, bool], set[str]]]] = {
    "transfer": (TransferData, TRANSFER_DEFAULTS, TRANSFER_FIELDS),
    "delete": (DeleteData, DELETE_DEFAULTS, DELETE_FIELDS),
}
WANTED: Final = {
    "verify_checksum": True,
    "encrypt_data": True,
    "notify_on_succeeded": False,
    "notify_on_failed": False,
    "notify_on_inactive": False,
}
"""Images and reports arrive as they were, unread by others, and nobody gets three mails a run."""


def documented(kind: type) -> dict[str, bool]:
    """Option -> its default, as the docstring of the SDK's class says it."""
    said = re.findall(r":param (\w+):((?:(?!:param).)*?)\[default: ``(\w+)``\]", inspect.getdoc(kind) or "", re.DOTALL)
    return {name: {"True": True, "False": False}[default] for name, _, default in said}


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_what_is_left_out_is_as_the_sdk_documents(kind: str) -> None:
    sdk, defaults, _ = DOCUMENTED[kind]
    assert len(documented(sdk)) > 5
    assert documented(sdk) == dict(defaults)


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_field_of_the_sdk_is_known(kind: str) -> None:
    sdk, _, fields = DOCUMENTED[kind]
    assert set(inspect.signature(sdk).parameters) - {"additional_fields"} <= fields


def moving() -> list[tuple[str, dict[str, Any]]]:
    """The actions of the shipped flows that make a task at Transfer, with what they ask."""
    found = []
    for flow in FLOWS.values():
        for name, state in flow.document["States"].items():
            kind = str(state.get("ActionUrl")).rpartition("transfer.actions.globus.org/")[2]
            if kind in DOCUMENTED:
                found.append((f"{flow.name} {name} {kind}", state["Parameters"]))
    return found


@pytest.mark.parametrize(("where", "parameters"), [pytest.param(*one, id=one[0]) for one in moving()])
def test_shipped_flows_say_what_they_want(where: str, parameters: dict[str, Any]) -> None:
    options = {name: wanted for name, wanted in WANTED.items() if name in DOCUMENTED[where.split()[-1]][1]}
    assert {name: parameters.get(name) for name in options} == options


def test_there_are_such_actions() -> None:
    usual = ["transfer", "transfer", "delete"]
    saving = ["transfer", *usual]
    assert [where.split()[-1] for where, _ in moving()] == [*usual, *saving, *usual]
