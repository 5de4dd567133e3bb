"""The flows that come with this package, and the schemas of their inputs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_flows.checks import checked
from mhfd_flows.definition import Definition

INPUT_VERSION: Final = 2
"""Of the inputs' schemas. A deployed flow is told from another by its digest, which holds them."""

MAX_IMAGES: Final = 512
"""In one run that is told which. More names would fill the 200 KB that the service allows for the state of a run."""

MAX_FILES: Final = 64
"""In the folder that a run looks at by itself, and in one of the smaller flow."""


@dataclass(frozen=True)
class Shipped:
    """A flow of this package."""

    name: str
    title: str
    subtitle: str
    schema: str
    most: int
    """Images of a run."""

    @cached_property
    def document(self) -> dict[str, Any]:
        """The definition as it is deployed."""
        return _read(f"{self.name}.json")

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of a run's input."""
        return _read(self.schema)

    @cached_property
    def definition(self) -> Definition:
        """The definition, typed and checked."""
        return checked(self.document, self.input_schema)

    @cached_property
    def digest(self) -> str:
        """Short hash of definition and schema: a deployed flow that has another is obsolete."""
        text = json.dumps([self.document, self.input_schema], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


FLOWS: Final[Mapping[str, Shipped]] = {
    flow.name: flow
    for flow in (
        Shipped(
            "focus_check",
            "mhfd: check the focus of images",
            "Bring images to a GPU endpoint, score their focus, bring the reports back, leave nothing behind",
            "input_schema.json",
            MAX_IMAGES,
        ),
        Shipped(
            "focus_check_shared",
            "mhfd: check the focus of images on a shared file system",
            "Score images that the GPU endpoint can see where they are",
            "input_schema_shared.json",
            MAX_FILES,
        ),
    )
}


def flow_of(name: str) -> Shipped:
    """A flow by its name; UsageError names those there are."""
    try:
        return FLOWS[name]
    except KeyError:
        raise UsageError(f"there is no flow {name!r}; there are {', '.join(FLOWS)}") from None


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files("mhfd_flows").joinpath(name).read_text())
    return found
