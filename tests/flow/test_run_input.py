"""What a run is given that a person starts, made from the flow's own schema: also of a flow that does long work."""

from __future__ import annotations

import pytest
from tests.rigs.hash_flow import HASH_FLOW
from tests.rigs.work_flows import SEM, SOMETHING, STAGE

from mhfd.errors import UsageError
from mhfd_client.flow.by_hand.run_input import InputParts, run_input
from mhfd_client.settings import load as settings
from mhfd_flows.shipped import FLOWS

GIVEN = settings.load(
    env={},
    args={
        "flow.source": SEM,
        "flow.staging": STAGE,
        "flow.staging_root": "/stage",
        "compute.endpoint": SOMETHING,
        "compute.function": SOMETHING,
    },
).settings


def test_of_long_work_the_function_is_named_and_its_request_is_given() -> None:
    parts = InputParts(functions=(STAGE,), request={"slow_ms": 3})
    body = run_input(GIVEN, HASH_FLOW.input_schema, parts, scores=False)
    assert body["request"] == {"slow_ms": 3}
    assert body["compute"] == {"endpoint_id": SOMETHING, "function_id": STAGE, "staging_root": "/stage"}
    assert {body[name]["id"] for name in ("source", "results")} == {SEM}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (InputParts(), "compute.function_id is missing; give --function ID"),
        (
            InputParts(functions=(STAGE,), request={"colour": 1}),
            "request: Additional properties are not allowed ('colour'",
        ),
        (InputParts(functions=(STAGE,), request={"slow_ms": "much"}), "request.slow_ms: 'much' is not of type"),
        (InputParts(functions=(STAGE,), images=("a.tif",)), "Additional properties are not allowed ('paths'"),
    ],
)
def test_what_does_not_fit_a_flow_for_long_work_is_named(parts: InputParts, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        run_input(GIVEN, HASH_FLOW.input_schema, parts, scores=False)
    assert said in str(refused.value)


def test_a_flow_that_scores_takes_no_request() -> None:
    with pytest.raises(UsageError, match="Additional properties are not allowed \\('request'"):
        run_input(GIVEN, FLOWS["focus_check"].input_schema, InputParts(request={}))
