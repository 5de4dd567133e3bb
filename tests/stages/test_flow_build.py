"""Flows made of stages: those that we ship are what was deployed before, to the letter; any other keeps our rules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.hash_flow import HASH_FLOW

from mhfd_flows import expressions
from mhfd_flows.build import BadEnd, FlowRecipe, FlowStage, Step
from mhfd_flows.checks import needed, problems
from mhfd_flows.definition import ERRORS, Action, ActionError, Definition
from mhfd_flows.errors import DefinitionRefused
from mhfd_flows.parts.states import OVER, fixed, lost, once, three_times
from mhfd_flows.shipped import FLOWS
from mhfd_flows.stages.acting import act
from mhfd_flows.stages.looking import look
from mhfd_flows.stages.scoring import SOME_NOT_SCORED, score_brought
from mhfd_flows.stages.staging import bring, clean, give_back
from mhfd_flows.stages.tasks import computing, task
from mhfd_flows.trial import TrialFault, made_up, try_out
from mhfd_flows.ways import following

FILES = {
    "focus_check": ("focus_check.json", "input_schema.json"),
    "focus_check_shared": ("focus_check_shared.json", "input_schema_shared.json"),
    "learn": ("learn.json", "input_schema_learn.json"),
    "retest": ("retest.json", "input_schema_retest.json"),
}
DIGESTS = {
    "focus_check": "e84062c3497bf571",
    "focus_check_shared": "ba8cda966e44c7aa",
    "learn": "559685ed31a3d293",
    "retest": "56c8e3f8cee17cd0",
}
"""Of what has been deployed until now."""
WHOLE_FLOWS = [*FLOWS.values(), HASH_FLOW]


@pytest.mark.parametrize("name", FILES)
def test_what_is_deployed_is_what_lies_in_the_tree(name: str) -> None:
    """To the order of its keys: a flow at Globus is told from another by its digest, and a person compares texts."""
    for document, file in zip((FLOWS[name].document, FLOWS[name].input_schema), FILES[name], strict=True):
        written = resources.files("mhfd_flows").joinpath(file).read_text(encoding="utf-8")
        assert json.dumps(document, indent=2) + "\n" == written


def test_deployed_flows_are_not_obsolete() -> None:
    assert {name: flow.digest for name, flow in FLOWS.items()} == DIGESTS


@pytest.mark.parametrize("flow", WHOLE_FLOWS, ids=lambda flow: flow.name)
def test_what_a_flow_says_of_itself_is_whole(flow: FlowRecipe) -> None:
    states = flow.definition.states
    assert problems(flow.definition, flow.input_schema) == problems(flow.definition) == []
    assert set(flow.places) == {name for name, state in states.items() if state.type == "Action"}
    assert set(flow.steps) == set(states)
    assert set(flow.endings) == {name for name, state in states.items() if state.type == "Fail"}
    assert {fault.place for fault in flow.faults} <= set(flow.places.values())
    assert {fault.end for fault in flow.faults} - {None, ""} <= set(flow.endings)
    assert len({fault.name for fault in flow.faults}) == len(flow.faults)


def test_a_flow_of_ones_own_is_twenty_lines() -> None:
    assert (
        len(resources.files("tests.rigs").joinpath("hash_flow.py").read_text().partition("SLOW_MS =")[2].splitlines())
        <= 20
    )


# What the answers of long work lead to


def answered(**output: Any) -> dict[str, Any]:
    return {"Act": {"results": [{"output": output}]}}


ARTEFACT = {"path": "/e/staging/mhfd-dry-run/work/mhfd-work-dry-run/files-1/a/list", "sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("answers", "end", "asked", "moves"),
    [
        (answered(ok=True, state="done", artefacts=[ARTEFACT]), None, 1, True),
        (answered(ok=True, state="done", artefacts=[]), None, 1, False),
        (answered(ok=True, state="more", artefacts=[]), "WorkNotEnded", 100, False),
        (answered(ok=True, state="elsewhere", artefacts=[]), "WorkNotEnded", 100, False),
        (answered(ok=False, state="failed", artefacts=[]), "WorkFailed", 1, False),
        (answered(ok=False, state="cancelled", artefacts=[]), "WorkCancelled", 1, False),
        (answered(ok=False, state=None, artefacts=[]), "RequestRefused", 3, False),
        ({"Act": {"results": []}}, "RequestRefused", 3, False),
        ({"Act": {"results": [{"reason": "gone"}]}}, "RequestRefused", 3, False),
    ],
)
def test_a_long_function_is_asked_until_its_work_has_ended(
    answers: dict[str, Any], end: str | None, asked: int, moves: bool
) -> None:
    flow = HASH_FLOW
    done = try_out(flow.definition, body_of(flow), answers=answers).execution
    assert (None if done.error is None else done.error[0]) == end
    assert done.visited.count("Act") == asked
    assert ("ReturnArtefacts" in done.visited, "Clean" in done.visited) == (moves, True)


@pytest.mark.parametrize("error", ["ActionUnableToRun", "ActionFailedException", "ActionTimeout"])
@pytest.mark.parametrize(("times", "end"), [(2, None), (None, "WorkLost")])
def test_silence_is_the_same_question_asked_again(error: str, times: int | None, end: str | None) -> None:
    faults = [TrialFault("Act", error, times)]
    answers = answered(ok=True, state="done", artefacts=[])
    done = try_out(HASH_FLOW.definition, body_of(HASH_FLOW), faults, answers).execution
    assert (None if done.error is None else done.error[0]) == end
    assert done.visited.count("Act") == 3


def test_what_failed_before_a_turn_went_well_does_not_count_after_it() -> None:
    """A work of a hundred hours may meet three bad minutes."""
    tries = HASH_FLOW.document["States"]["CountTurn"]["Parameters"]
    assert tries == {
        "bring.=": "tries.bring",
        "act.=": "0",
        "refused.=": "0",
        "turns.=": "tries.turns + 1",
        "give_back.=": "tries.give_back",
        "clean.=": "tries.clean",
    }


def test_artefacts_go_back_by_their_own_names() -> None:
    answers = answered(ok=True, state="done", artefacts=[ARTEFACT])
    flow = HASH_FLOW
    body = body_of(flow)
    done = try_out(flow.definition, body, answers=answers).execution
    asked = flow.document["States"]["ReturnArtefacts"]["Parameters"]["DATA.="]
    (item,) = expressions.evaluate(asked, done.state)
    assert item["source_path"].endswith("/mhfd-dry-run/work/mhfd-work-dry-run/files-1/a/list")
    assert item["destination_path"] == body["results"]["path"].rstrip("/") + "/a/list"


def body_of(flow: FlowRecipe) -> dict[str, Any]:
    return made_up(needed(flow.definition, flow.input_schema), flow.input_schema)


# Any flow


def some_stage(number: int, *, tried: bool, late: bool, ends_at_once: bool, staged: bool = False) -> FlowStage:
    name, place = f"Do{number}", f"do{number}"
    doing = task("Something.", {"n": number}, place, 60)
    end = BadEnd(f"NotDone{number}", "It was not done.", "it was not done")
    leads = end.error if ends_at_once else f"Lost{number}"
    states = (
        three_times(name, doing, short=name, counter=place, lost=leads, late=late)
        if tried
        else {name: once(doing, place, leads)}
    )
    if not ends_at_once:
        states[leads] = lost(end.error, "It was not done.")
    ends: dict[str, Any] = {"fails" if ends_at_once else "ends": (end,)}
    asks = computing("mhfd_x", staged=staged)
    return FlowStage(step=Step.SCORE, states=states, places={name: place}, asks=asks, needs=("compute",), **ends)


@dataclass(frozen=True)
class Drawn:
    """How a flow is put together. `more`: what is done beside the usual: tried again, also when late."""

    moves: bool
    first: tuple[bool, bool] | None
    what: str
    scores: bool
    turns: int
    more: tuple[tuple[int, bool, bool], ...]

    def back(self) -> list[FlowStage]:
        if self.scores:
            return [give_back("reports", folder="reports", some=SOME_NOT_SCORED)]
        return [give_back()] if self.turns % 2 else []

    def flow(self) -> FlowRecipe:
        others: list[list[FlowStage]] = [[], [], []]
        for number, (place, tried, late) in enumerate(self.more):  # in between, nothing may end a run at once
            others[place].append(
                some_stage(number, tried=tried, late=late, ends_at_once=not self.moves, staged=self.moves)
            )
        first = (
            []
            if self.first is None
            else [some_stage(9, tried=self.first[0], late=False, ends_at_once=self.first[1], staged=self.moves)]
        )
        if not self.moves:
            return recipe(*first, *others[0], some_stage(10, tried=True, late=True, ends_at_once=False))
        images = self.scores or self.what == "images"
        return recipe(
            *first,
            *([look(3, 2, 2)] if images else []),
            bring(self.what, listed=images, back="reports" if self.scores else "work"),
            *others[0],
            score_brought() if self.scores else act("mhfd_x", brought=None if images else "folder", turns=self.turns),
            *others[1],
            *self.back(),
            *others[2],
            clean(),
        )


DRAWN = st.builds(
    Drawn,
    moves=st.sampled_from([True, True, False]),
    first=st.none() | st.tuples(st.booleans(), st.booleans()),
    what=st.sampled_from(["images", "files"]),
    scores=st.booleans(),
    turns=st.integers(1, 5),
    more=st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=4).map(tuple),
)
STRIKES = st.lists(st.tuples(st.integers(0), st.sampled_from(ERRORS), st.sampled_from([None, 1, 2])), max_size=3)


@settings(max_examples=25, deadline=None)
@given(drawn=DRAWN, strikes=STRIKES)
def test_any_flow_of_stages_keeps_every_rule_and_cleans_up(
    drawn: Drawn, strikes: list[tuple[int, ActionError, int | None]]
) -> None:
    flow = drawn.flow()
    definition = flow.definition
    assert [str(one) for one in problems(definition, flow.input_schema)] == []
    assert set(flow.steps) == set(definition.states)
    assert set(flow.endings) == {name for name, state in definition.states.items() if state.type == "Fail"}
    if "MakeStaging" in definition.states:
        assert_cleans(definition)
    acting = [name for name, state in definition.states.items() if isinstance(state, Action)]
    faults = {acting[n % len(acting)]: TrialFault(acting[n % len(acting)], error, times) for n, error, times in strikes}
    done = try_out(definition, body_of(flow), faults.values())
    assert done.ended != "broken", done.execution.error
    if "MakeStaging" in done.execution.visited and "CannotStage" not in done.execution.visited:
        assert "Clean" in done.execution.visited


def assert_cleans(definition: Definition) -> None:
    """Whatever happens after the folder was made, the run comes to Clean before it can end."""
    states = definition.states
    made = states["MakeStaging"]
    assert isinstance(made, Action)
    seen, waiting = set(), [str(made.next)]
    while waiting:
        name = waiting.pop()
        if name in seen or name == "Clean":
            continue
        seen.add(name)
        assert following(states[name]), f"{name} ends the run before Clean"
        waiting += following(states[name])


def test_stages_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DefinitionRefused, match="at least one stage"):
        recipe()
    with pytest.raises(DefinitionRefused, match="two stages have Act, ActAgain, ActLost"):
        recipe(bring(), act("mhfd_a"), act("mhfd_b"), clean())
    with pytest.raises(DefinitionRefused, match=r"ends with clean\(\)"):
        recipe(bring(), act("mhfd_a"))
    with pytest.raises(DefinitionRefused, match=r"ends with clean\(\)"):
        recipe(clean(), bring())
    with pytest.raises(DefinitionRefused, match=r"ends with clean\(\)"):
        recipe(act("mhfd_a"), clean())


def test_what_needs_a_folder_that_nobody_makes_is_refused() -> None:
    with pytest.raises(DefinitionRefused, match=r"plan.seen"):
        assert recipe(act("mhfd_a")).definition
    listed = bring("images", listed=True)
    with pytest.raises(DefinitionRefused, match=r"plan.brought"):  # the images are there one by one
        assert recipe(look(3, 2, 2), listed, act("mhfd_a", brought="folder"), give_back(), clean()).definition
    with pytest.raises(DefinitionRefused, match=r"\$.batch"):
        assert recipe(listed, act("mhfd_a"), give_back(), clean()).definition


def recipe(*stages: FlowStage) -> FlowRecipe:
    return FlowRecipe(name="own", title="mhfd: own", subtitle="Own", stages=stages)


def test_what_a_function_says_may_be_all_there_is() -> None:
    """Nothing goes back but the answer, which is in the run's state."""
    flow = recipe(bring(), act("mhfd_a", brought="folder"), clean())
    done = try_out(flow.definition, body_of(flow), answers=answered(ok=True, state="done", artefacts=[])).execution
    assert (done.status, done.visited[-4:]) == ("SUCCEEDED", ("Well", "Clean", "Ending", "Done"))
    assert done.state["outcome"] == {"error": ""}
    assert done.state["work"]["details"]["results"][0]["output"]["state"] == "done"


def test_a_flow_that_cleans_nothing_ends_at_once() -> None:
    stage = some_stage(1, tried=True, late=False, ends_at_once=False)
    states = recipe(stage).document["States"]
    assert recipe(stage).function == ""
    assert "Lost1" not in states
    assert states["Do1"]["Catch"][1]["Next"] == states["Do1Again"]["Default"] == "NotDone1"
    assert OVER not in json.dumps(states)
    assert fixed("", {}, "x")["Next"] not in json.dumps(states)
