"""What people have published is taken by the language, runs dry, and is noticed when something in it is broken."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.flows.flow_parts import TWO
from tests.flows.published import PUBLISHED

from mhfd_flows import paths
from mhfd_flows.checks import checked, examined, needed
from mhfd_flows.trial import made_up, try_out

Part = dict[str, Any]


def refused(document: Part, schema: Part | None = None) -> list[str]:
    return [str(one) for one in examined(document, schema)[1] if one.rule == "language"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_language_takes_what_is_published(name: str) -> None:
    _, document, schema = PUBLISHED[name]
    assert refused(document, schema) == refused(document) == []
    checked(document, schema, strict=False)


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_runs_dry(name: str) -> None:
    """To its end, or as far as what nobody knows carries: what a function of theirs would find."""
    _, document, schema = PUBLISHED[name]
    definition = checked(document, schema, strict=False)
    done = try_out(definition, made_up(needed(definition), schema))
    assert done.execution.visited[0] == document["StartAt"]
    if done.ended == "broken":
        assert done.execution.error is not None
        assert done.execution.error[0] in ("PathError", "ExpressionError", "NeverEnds"), done.execution.error


def test_most_of_them_run_to_an_end_that_they_say() -> None:
    ends = [
        try_out(d, made_up(needed(d), s)).ended
        for d, s in ((checked(d, s, strict=False), s) for _, d, s in PUBLISHED.values())
    ]
    assert len(PUBLISHED) >= 25
    assert ends.count("broken") <= 9


def _places(document: Part) -> Iterator[tuple[Part, str, str]]:
    """Whatever refers to something by a path: the object, the key, the path."""
    waiting: list[Any] = list(document["States"].values())
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            for key, value in here.items():
                if isinstance(value, str) and value.startswith("$.") and key != "ResultPath":
                    yield here, key, value
                waiting.append(value)
        elif isinstance(here, list):
            waiting += here


def _roots(document: Part) -> set[str]:
    return {s["ResultPath"].split(".")[1] for s in document["States"].values() if "ResultPath" in s}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_slip_in_a_reference_is_noticed_without_a_schema(name: str) -> None:
    """One letter too many in the name of what an earlier state has put there, in each reference by itself."""
    _, document, _ = PUBLISHED[name]
    roots = {root for root in _roots(document) if len(root) >= 5 and root != "input"}
    for number, (_, key, path) in enumerate(_places(document)):
        first = path.split(".")[1]
        if first.split("[")[0] in roots and document["States"][document["StartAt"]].get("Type") != "Choice":
            broken = copy.deepcopy(document)
            where, _, _ = list(_places(broken))[number]
            where[key] = path.replace(f"$.{first}", f"$.{first}x", 1)
            assert any("leads nowhere" in line for line in refused(broken)), where[key]


OF_TWO = [name for name, (_, _, schema) in PUBLISHED.items() if schema == TWO]


@pytest.mark.parametrize("name", OF_TWO)
def test_with_a_schema_whatever_is_not_there_is_noticed(name: str) -> None:
    _, document, schema = PUBLISHED[name]
    for number, (_, key, path) in enumerate(_places(document)):
        steps = [step for step in paths.parse(path) if isinstance(step, str)]
        if steps[0] == "_context" or "details" in steps:
            continue
        broken = copy.deepcopy(document)
        where, _, _ = list(_places(broken))[number]
        where[key] = path.replace(steps[-1], "quite_another", 1)
        assert any("leads nowhere" in line for line in refused(broken, schema)), where[key]


def _drop(state: str) -> Callable[[Part], None]:
    """The state before leads to the one after."""

    def change(document: Part) -> None:
        gone = document["States"].pop(state)
        if document["StartAt"] == state:
            document["StartAt"] = gone["Next"]
        for other in document["States"].values():
            for field in ("Next", "Default"):
                if other.get(field) == state:
                    other[field] = gone["Next"]

    return change


def _set(state: str, **fields: Any) -> Callable[[Part], None]:
    return lambda document: document["States"][state].update(fields)


def _ask(state: str, **fields: Any) -> Callable[[Part], None]:
    return lambda document: document["States"][state]["Parameters"].update(fields)


BROKEN: list[tuple[str, Callable[[Part], None], str]] = [
    ("a move", _drop("SeeBegin"), r"Kinds: BeginStat.details.type leads nowhere"),
    ("a move", _drop("Kinds"), r"Which: \$.Kinds.end_is_there leads nowhere"),
    ("a move", _set("Below", Next="Drop"), ""),
    ("a move", _set("SeeEnd", ResultPath="$.Other"), r"Kinds: EndStat.details.* leads nowhere|EndStat"),
    (
        "a move",
        _ask("Move", source_endpoint_id="x"),
        "there is no field source_endpoint_id; it is called source_endpoint",
    ),
    ("a move", _ask("Drop", recursiv=True), "delete: there is no field recursiv; it is called recursive"),
    ("a move", _ask("Drop", recursive="yes"), "delete: recursive is text; it takes true or false"),
    (
        "a move",
        _set("Good", Parameters={"w.$": "$.Moved.detail"}),
        r"\$.Moved.detail leads nowhere: .*; is it details\?",
    ),
    ("move in batches", _ask("Bring", **{"DATA.$": "$.plan.drop"}), r"\$.plan.drop leads nowhere"),
    ("move in batches", _ask("Drop", **{"DATA.$": "$.plan.bring"}), r"\$.plan.bring leads nowhere"),
    ("move in batches", _ask("Plan", **{"bring.=": "[{'path': begin.path} for one in seen.details.DATA]"}), "DATA"),
    ("move in batches", _ask("See", paths="/"), "ls: there is no field paths; it is called path"),
    ("through a third place", _ask("Make", **{"path.$": "$.Plan.dir"}), r"nothing puts \$.Plan.dir there"),
    ("through a third place", _set("Plan", ResultPath="$.Kinds"), r"Plan.folder leads nowhere"),
]


@pytest.mark.parametrize(("name", "change", "words"), BROKEN)
def test_what_is_broken_is_named(name: str, change: Callable[[Part], None], words: str) -> None:
    _, document, schema = PUBLISHED[name]
    broken = copy.deepcopy(document)
    change(broken)
    found = refused(broken, schema)
    assert any(re.search(words, line) for line in found) if words else found == [], found
