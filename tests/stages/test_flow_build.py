"""Flows made of stages: those that we ship are what was deployed before, to the letter; any other keeps our rules."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from tests.rigs.hash_flow import HASH_FLOW

from mhfd_flows.build import FlowRecipe
from mhfd_flows.checks import problems
from mhfd_flows.shipped import FLOWS

FILES = {
    "focus_check": ("focus_check.json", "input_schema.json"),
    "focus_check_shared": ("focus_check_shared.json", "input_schema_shared.json"),
}
DIGESTS = {"focus_check": "e84062c3497bf571", "focus_check_shared": "ba8cda966e44c7aa"}
"""Of what has been deployed until now."""


@pytest.mark.parametrize("name", FILES)
def test_what_is_deployed_is_what_lies_in_the_tree(name: str) -> None:
    """To the order of its keys: a flow at Globus is told from another by its digest, and a person compares texts."""
    for document, file in zip((FLOWS[name].document, FLOWS[name].input_schema), FILES[name], strict=True):
        written = json.loads(resources.files("mhfd_flows").joinpath(file).read_text(encoding="utf-8"))
        assert json.dumps(document) == json.dumps(written)


def test_deployed_flows_are_not_obsolete() -> None:
    assert {name: flow.digest for name, flow in FLOWS.items()} == DIGESTS


@pytest.mark.parametrize("flow", [*FLOWS.values(), HASH_FLOW], ids=lambda flow: flow.name)
def test_what_a_flow_says_of_itself_is_whole(flow: FlowRecipe) -> None:
    states = flow.definition.states
    assert problems(flow.definition, flow.input_schema) == []
    assert set(flow.places) == {name for name, state in states.items() if state.type == "Action"}
    assert set(flow.steps) == set(states)
    assert set(flow.endings) == {name for name, state in states.items() if state.type == "Fail"}
    assert {fault.place for fault in flow.faults} <= set(flow.places.values())
    assert {fault.end for fault in flow.faults} - {None, ""} <= set(flow.endings)
    assert len({fault.name for fault in flow.faults}) == len(flow.faults)
