"""From a plan and a dataset to a package: start the workers, hear them out, and pack what they learned.

Imports no torch: what has to compute with it is a process of its own. Promotes nothing.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from mhfd.contract.training import TrainingPlan
from mhfd.errors import UsageError, needing_extra


def plan_of(lesson: str, learner: str, **given: Any) -> TrainingPlan:
    """The plan of what somebody said; None: as usual. UsageError names the option."""
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return TrainingPlan.model_validate({"lesson": lesson, "learner": learner, **said})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        words = str(first["msg"]).removeprefix("Input should be ")
        raise UsageError(f"{where}: expected {words}, got {first['input']!r}") from None


def needs_torch(learner: str) -> None:
    """Before anything else is done. OptionNeedsExtra."""
    with needing_extra("train", f"learner: {learner} is a network, which is trained with torch", option=True):
        for name in ("torch", "onnxruntime"):
            if find_spec(name) is None:
                raise ImportError(name, name=name)
