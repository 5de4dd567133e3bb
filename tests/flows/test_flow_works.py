"""A flow of several works: what its parts ask and keep, how large the state of a run may get, what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.rigs.flow_inputs import InputRefused, check_input

from mhfd.contract.assessing import MOST_TRAINED, AssessedPackage, Assessment, AssessRequest
from mhfd.contract.benchmarking import MOST_SAID, Benchmarked, BenchmarkEntry, BenchmarkRequest, ImageSaid
from mhfd.contract.training import TrainRequest
from mhfd.contract.work import WorkRequest
from mhfd.errors import UsageError
from mhfd_flows.build import FlowRecipe, FlowStage
from mhfd_flows.interpreter import STATE_LIMIT, ActionAnswer, VirtualClock, run
from mhfd_flows.shipped import FLOWS
from mhfd_flows.stages.acting import Kept, act
from mhfd_flows.stages.staging import bring, clean, give_back

LEARN, RETEST = FLOWS["learn"], FLOWS["retest"]
ID = "01234567-89ab-cdef-0123-456789abcdef"
NAMES = [f"{n:064x}" for n in range(64)]
SIDES = {side: {"id": ID, "path": "/" + "p" * 1000} for side in ("source", "staging", "results")}
WANTED = {"library": "/l" * 500, "instrument": "n" * 64, "champion": NAMES[0], "key": "k" * 52, "train_at_most": 2}
BODY = {
    **SIDES,
    "compute": {
        "endpoint_id": ID,
        "functions": dict.fromkeys(LEARN.functions, ID),
        "staging_root": "/" + "e" * 1000,
    },
    "request": {**WANTED, "plan": {"lesson": "focus", "learner": "small"}, "title": "t" * 200},
}


@pytest.mark.parametrize(
    ("flow", "state", "request_of", "own"),
    [
        (LEARN, "Assess", AssessRequest, {"dataset"}),
        (LEARN, "Train1", TrainRequest, {"dataset", "parent"}),
        (LEARN, "Train2", TrainRequest, {"dataset", "parent"}),
        (LEARN, "Benchmark", BenchmarkRequest, {"dataset", "trained", "against"}),
        (RETEST, "Act", BenchmarkRequest, {"dataset"}),
    ],
)
def test_each_part_is_asked_with_the_fields_that_its_function_has(
    flow: FlowRecipe, state: str, request_of: type[WorkRequest], own: set[str]
) -> None:
    (task,) = flow.document["States"][state]["Parameters"]["tasks"]
    names = {name.removesuffix(".=").removesuffix(".$") for name in task["kwargs"]}
    assert own <= names <= set(request_of.model_fields)
    needed = {name for name, field in request_of.model_fields.items() if field.is_required()}
    assert needed <= names
    assert set(request_of.model_fields) - names <= {"cancel", "client", "after", "trained"}


# The state of a run


class Answers:
    """Compute, whose functions answer with what they are given here."""

    def __init__(self, *results: Mapping[str, Any]) -> None:
        self._results, self.asked = list(results), list[dict[str, Any]]()

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        self.asked.append(dict(parameters["tasks"][0]["kwargs"]))
        output = self._results[len(self.asked) - 1]
        return ActionAnswer("SUCCEEDED", "0", {"results": [{"task_id": ID, "output": output}], "result": [output]})

    def status(self, action_id: str) -> ActionAnswer:
        raise AssertionError(action_id)

    def cancel(self, action_id: str) -> None:
        raise AssertionError(action_id)


class Told(Answers):
    """Transfer."""

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        return ActionAnswer("SUCCEEDED", "0", {f"field_{n}": "x" * 60 for n in range(40)})


def answer(part: str, result: Any, kind: str = "package") -> dict[str, Any]:
    work = f"{'/e' * 500}/mhfd-run/work/mhfd-work-{WANTED['key']}-{part}/files-1"
    made = [
        {"path": f"{work}/packages/{NAMES[1]}/{n}.onnx", "sha256": NAMES[0], "bytes": 9, "kind": kind} for n in range(8)
    ]
    return {"ok": True, "errors": [], "state": "done", "result": result, "artefacts": made, "key": f"k-{part}"}


def learned(*trained: str) -> Answers:
    row = {"title": "t" * 60, "instruments": ("i" * 64,) * 3, "score": 0.123456789, "reason": "r" * 300}
    row |= {"low": 0.123456789, "high": 0.123456789, "images": 1000}
    packages = tuple(AssessedPackage(package=name, rank=n, **row) for n, name in enumerate(NAMES, 1))
    assessment = Assessment(
        task="focus", instrument="n" * 64, dataset=NAMES[0], images=9, groups=9, measure="m" * 200, bar="b" * 64,
        packages=packages, train=trained, best=NAMES[0], words="w" * 300,
    )  # fmt: skip
    epochs = [
        {"epoch": n, "step": n, "loss": 0.123456789, "validation_loss": 0.123456789, "top1": 0.5} for n in range(500)
    ]
    training = {"network": {"epochs": epochs}, "words": ["w" * 200] * 10}
    names = [f"{name[:12]} of {'i' * 30}" for name in NAMES[:8]]
    said = ImageSaid(
        sha256=NAMES[0], bad=True, scores=dict.fromkeys(names, 0.123456789), far=dict.fromkeys(NAMES[:7], 0.123456789)
    )
    benchmarked = Benchmarked(
        task="focus", instrument="n" * 64, decision="kept", line="l" * 300, champion=NAMES[0], challenger=NAMES[1],
        measure="m" * 200, images=9, groups=9, said=(said,) * MOST_SAID, report=NAMES[0],
        entries=tuple(BenchmarkEntry(name=name, package=NAMES[0], barred=("b" * 200,) * 2) for name in names),
    )  # fmt: skip
    parts = [("assess", assessment.model_dump(mode="json"))]
    parts += [(f"train-{n}", training) for n in range(1, len(trained) + 1)]
    return Answers(
        *(answer(part, result) for part, result in [*parts, ("benchmark", benchmarked.model_dump(mode="json"))])
    )


@pytest.mark.parametrize("trained", [(), NAMES[:1], NAMES[:MOST_TRAINED]], ids=len)
def test_the_state_stays_below_its_bound_with_the_largest_answers(trained: tuple[str, ...]) -> None:
    """Each told twice, as the provider may; the library as full as it may be."""
    check_input(LEARN, BODY)
    compute, told = learned(*trained), Told()
    providers: dict[str, Any] = {
        one["ActionUrl"]: compute if "compute" in one["ActionUrl"] else told
        for one in LEARN.document["States"].values()
        if "ActionUrl" in one
    }
    done = run(LEARN.definition, BODY, providers, VirtualClock(), run_id=ID)
    assert done.status == "SUCCEEDED", done.error
    assert 50_000 < done.largest < STATE_LIMIT
    last = compute.asked[-1]
    assert len(last["trained"]) == len(trained)
    assert all(folder.endswith(f"/packages/{NAMES[1]}") for folder in last["trained"])
    assert last["against"] == [name for name in NAMES if name not in (*trained, NAMES[0])][:4]
    assert [one["parent"] for one in compute.asked[1:-1]] == list(trained)


@pytest.mark.parametrize("result", [None, {}, {"train": None}, {"packages": []}, "rubbish"])
def test_an_answer_of_another_version_ends_no_run_uncleaned(result: Any) -> None:
    compute = Answers(answer("assess", result), answer("benchmark", None))
    providers: dict[str, Any] = {
        one["ActionUrl"]: compute if "compute" in one["ActionUrl"] else Told()
        for one in LEARN.document["States"].values()
        if "ActionUrl" in one
    }
    done = run(LEARN.definition, BODY, providers, VirtualClock(), run_id=ID)
    assert done.status == "SUCCEEDED", done.error
    assert len(compute.asked) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "k" * 53}, "request.key"),
        ({"train_at_most": 3}, "request.train_at_most"),
        ({"seed": -1}, "request.seed"),
        ({"champion": "north"}, "request.champion"),
        ({"against": []}, "'against' was unexpected"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_its_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        check_input(LEARN, BODY | {"request": {**BODY["request"], **change}})  # type: ignore[dict-item]


# A flow of one's own


def flow_of(*stages: FlowStage) -> FlowRecipe:
    return FlowRecipe(name="own", title="mhfd: own", subtitle="Own", stages=stages)


def test_parts_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="part: 'a-very-long-part' is not of 1 to 11 characters"):
        act("mhfd_a", part="a-very-long-part")
    with pytest.raises(UsageError, match="part: must be given"):
        act("mhfd_a", keeps={"n": Kept("result.n")})
    with pytest.raises(UsageError, match="part: must be given"):
        act("mhfd_a", only_if="True")
    of = {"type": "integer", "default": 1}
    stages = act("mhfd_a", part="a", request={"n": of}), act("mhfd_b", part="b", request={"n": {**of, "default": 2}})
    with pytest.raises(Exception, match="n: two stages ask for it"):
        assert flow_of(bring(), *stages, give_back(part="b"), clean()).input_schema


def test_a_flow_of_parts_says_what_it_asks() -> None:
    assert (LEARN.functions, LEARN.parts) == (
        ("mhfd_assess", "mhfd_train", "mhfd_benchmark"),
        ("assess", "train-1", "train-2", "benchmark"),
    )
    assert (LEARN.work, RETEST.work, RETEST.parts) == ("learn", "mhfd_benchmark", ())
    asked = LEARN.input_schema["properties"]["compute"]["properties"]["functions"]
    assert asked["required"] == list(asked["properties"]) == list(LEARN.functions)
    assert "functions" not in json.dumps(RETEST.input_schema)
