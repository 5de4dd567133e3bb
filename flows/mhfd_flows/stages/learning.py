"""What a library is asked in a flow: what is worth training, to train it, and whether it earned its place.

Each is an `act`, with the fields of its request, what is kept of its answer, and what a dry run pretends. The fields
are those of `mhfd.contract.assessing`, `.training` and `.benchmarking`; what a plan or a layout may say is the
endpoint's to judge.
"""

from collections.abc import Mapping
from typing import Any, Final

from mhfd.contract.assessing import MOST_TRAINED
from mhfd.contract.benchmarking import MOST_CHALLENGERS
from mhfd_flows.build import Fault, FlowStage
from mhfd_flows.parts.schemas import text
from mhfd_flows.stages.acting import Kept, act

Fields = Mapping[str, Mapping[str, Any]]


def _perhaps(kind: str, title: str) -> dict[str, Any]:
    return {"type": [kind, "null"], "title": title, "default": None}


def _number(kind: str, title: str, default: float) -> dict[str, Any]:
    return {"type": kind, "minimum": 0, "title": title, "default": default}


_PACKAGE: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_OF_A_MICROSCOPE: Final[Fields] = {
    "library": text("Library", description="The folder of packages, as the endpoint names it."),
    "instrument": text("Microscope", 64, description="That the images are of."),
    "task": {"enum": ["focus", "denoise", "segment"], "title": "What is learned", "default": "focus"},
    "champion": {"anyOf": [_PACKAGE, {"type": "null"}], "title": "Package that judges now", "default": None},
    "seed": _number("integer", "Seed of all that is drawn", 0),
}
_ASSESS: Final[Fields] = {
    **_OF_A_MICROSCOPE,
    "learner": _perhaps("string", "Network that may be trained"),
    "train_at_most": {**_number("integer", "Packages to be trained", 1), "maximum": MOST_TRAINED},
}
_TRAIN: Final[Fields] = {
    "library": _OF_A_MICROSCOPE["library"],
    "plan": {"type": "object", "title": "Plan of the training", "description": "As of mhfd_train, without parent."},
    "layout": _perhaps("object", "Workers; left out: as it was measured there"),
    "title": _perhaps("string", "What people call the package"),
    "licence": _perhaps("string", "Licence of the data"),
    "at_most_hours": _perhaps("number", "Hours that a training may take"),
}
_BENCHMARK: Final[Fields] = {
    **_OF_A_MICROSCOPE,
    "prevalence": _number("number", "Part of bad images in the run", 0.03),
    "miss_cost": _number("number", "False alarms that a missed image costs", 20.0),
}
_AGAINST: Final[Fields] = {
    "against": {
        "type": "array",
        "maxItems": MOST_CHALLENGERS,
        "items": _PACKAGE,
        "title": "Packages of the library that stand too",
        "default": [],
    },
}

# What is kept of an answer

_OTHERS: Final = (
    "[p.package for p in OUT.result.packages if 'rank' in p and p.rank != None and p.package not in OUT.result.train "
    f"and p.package != plan.champion][:{MOST_CHALLENGERS}]"
)
_FOLDERS: Final = "[a.path.rpartition('/')[0] for a in OUT.artefacts if a.kind == 'package']"
_TRAINED: Final = Kept("artefacts", f"({_FOLDERS}[0] if len({_FOLDERS}) > 0 else '')", otherwise="")


def assess() -> FlowStage:
    """The packages of the library, with the images that were brought."""
    return act(
        "mhfd_assess",
        part="assess",
        brought="dataset",
        request=_ASSESS,
        keeps={
            "train": Kept("result.train", otherwise=[]),
            "others": Kept("result.packages", _OTHERS, otherwise=[]),
        },
        plan={"champion.=": "getattr('request.champion', None)"},
        doing="assessing the library",
        rehearsed=_assessed(_BEST, _SECOND),
        other_ways=(
            (_otherwise("best-alone", "only the best is worth training", "train-2"), _assessed(_BEST)),
            (_otherwise("library-suffices", "no package is worth training", "train-1", "train-2"), _assessed()),
        ),
    )


def train(rank: int, which: str) -> FlowStage:
    """The package of this rank among those that are worth it; nothing where there are fewer."""
    return act(
        "mhfd_train",
        part=f"train-{rank}",
        only_if=f"len(assess.train) > {rank - 1}",
        brought="dataset",
        request=_TRAIN,
        answers={"parent": f"assess.train[{rank - 1}]"},
        keeps={"folder": _TRAINED},
        doing=f"training the {which}",
        worth=True,
    )


def benchmark() -> FlowStage:
    """What was trained, and the best of the others as they stand, before anything comes home."""
    return act(
        "mhfd_benchmark",
        part="benchmark",
        brought="dataset",
        request=_BENCHMARK,
        answers={
            "trained": "[f for f in [train_1.folder, train_2.folder] if f != '']",
            "against": "assess.others",
        },
        doing="benchmarking",
    )


def test_again() -> FlowStage:
    """Who judges now, and whoever the starter names, with the images that were brought."""
    return act("mhfd_benchmark", brought="dataset", request={**_BENCHMARK, **_AGAINST}, doing="testing the champion")


# What a dry run pretends

_BEST, _SECOND, _THIRD = (letter * 64 for letter in "abc")


def _assessed(*trained: str) -> dict[str, Any]:
    ranked = [{"package": name, "rank": n} for n, name in enumerate((_BEST, _SECOND, _THIRD), 1)]
    return {"packages": ranked, "train": list(trained), "best": _BEST}


def _otherwise(name: str, words: str, *skips: str) -> Fault:
    return Fault(name, words, "assess", "otherwise", skips=skips)
