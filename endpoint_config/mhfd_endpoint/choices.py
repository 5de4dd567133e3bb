"""What an administrator chooses, once, for an endpoint: machine, queue, account, limits.

The choices stand at the top of the endpoint's own template, between two comments, as one dictionary; here they are
checked, written there and read back. Nothing here knows the endpoint's program.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mhfd_endpoint import gpus
from mhfd_endpoint.errors import ChoiceError, EndpointError

# What reaches a scheduler's script: one word, so that no line can be added to it.
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.@+-]+$")]
Gpu = Annotated[str, Field(pattern=rf"^(?:{gpus.NAME})$")]
"""A number, or an id of a GPU or of a part of one."""
Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\n\r\x00]*$")]


def minutes(text: str) -> int:
    """A time: `90`, `90m`, `8h`, `1:30` (hours and minutes). ChoiceError."""
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m|min|h)?", text.strip()):
        return round(float(found[1]) * (60 if found[2] == "h" else 1))
    if found := re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", text.strip()):
        return int(found[1]) * 60 + int(found[2]) + (1 if int(found[3] or 0) else 0)
    raise ChoiceError(f"{text!r} is no time; write 90m, 8h or 1:30")


class _OnGpus(BaseModel):
    """GPUs that workers take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: int | tuple[Gpu, ...]

    @property
    def gpus_per_node(self) -> int:
        """How many workers take on a node, however they are named."""
        return self.gpus if isinstance(self.gpus, int) else len(self.gpus)

    @property
    def gpus_held(self) -> int:
        """How many are kept from others on a node."""
        return self.gpus_per_node

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if isinstance(self.gpus, tuple):
            twice = next((name for name in self.gpus if self.gpus.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"--gpus: {twice} is named twice: --workers says how many share one")
            if len({name.isdigit() for name in self.gpus}) > 1:
                raise ValueError("--gpus: numbers or ids, not both: one could be the other")
        return self


class _OfJobs(_OnGpus):
    """What a job asks of a scheduler."""

    queue: Word
    gpus: Annotated[int, Field(ge=0, le=64)] | Annotated[tuple[Gpu, ...], Field(min_length=1, max_length=64)] = Field(
        description="so many on a node, or these; always of those that the scheduler gave to the job"
    )
    ask_gpus: int | None = Field(None, ge=0, le=64, description="GPUs that a job asks for; nothing: those it uses")
    cpus: int = Field(4, ge=1, le=1024, description="processor cores on a node")
    walltime_minutes: int = Field(60, ge=5, le=7 * 24 * 60, description="the longest a job may last")

    @property
    def gpus_held(self) -> int:
        """What a job asks for."""
        return self.gpus_per_node if self.ask_gpus is None else self.ask_gpus

    @model_validator(mode="after")
    def _asks_for_what_it_uses(self) -> Self:
        if self.ask_gpus is not None and self.ask_gpus < self.gpus_per_node:
            raise ValueError(f"ask_gpus {self.ask_gpus} is less than the {self.gpus_per_node} that are used")
        return self


class TrainingHere(_OnGpus):
    """What a training may have of one machine: these GPUs, each of them in every worker."""

    gpus: tuple[Gpu, ...] = Field((), max_length=64, description="the GPUs by numbers or ids; none: the processors")


class TrainingJobs(_OfJobs):
    """What a training may have of a cluster: one job, whose nodes and GPUs are all of one worker."""

    nodes: int = Field(1, ge=1, le=512, description="nodes of a job, at most: a user asks for fewer")
    memory_gb: int | None = Field(None, ge=1, le=8192)


class Choices(_OnGpus):
    """What every endpoint has."""

    workers: int = Field(1, ge=1, le=128, description="workers on one node; with GPUs as many for each")
    warm_minutes: int = Field(10, ge=0, le=7 * 24 * 60, description="how long workers stay up after the last image")
    max_warm_minutes: int = Field(10, ge=0, le=7 * 24 * 60, description="... and the most that a user may ask for")
    worker_init: tuple[Line, ...] = Field((), description="what a shell does before a worker starts")

    @property
    def workers_a_gpu(self) -> int:
        """How many share one; 0 without GPUs."""
        return self.workers // self.gpus_per_node if self.gpus else 0

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.gpus and self.workers % self.gpus_per_node:
            few = ", ".join(str(times * self.gpus_per_node) for times in (1, 2, 3))
            raise ValueError(f"--workers {self.workers}: {self.gpus_per_node} GPUs have as many each; choose {few}...")
        if self.warm_minutes > self.max_warm_minutes:
            raise ValueError(f"warm_minutes {self.warm_minutes} exceeds max_warm_minutes {self.max_warm_minutes}")
        return self


class Workstation(Choices):
    """One machine with its own GPUs."""

    kind: Literal["workstation"] = "workstation"
    gpus: tuple[Gpu, ...] = Field((), max_length=64, description="the GPUs by numbers or ids; none: the processors")
    train: TrainingHere | None = Field(None, description="what a training may have; nothing: there is none")


class Cluster(_OfJobs, Choices):
    """A machine whose nodes a scheduler gives out."""

    account: Word
    filesystems: tuple[Word, ...] = Field((), max_length=16)
    interface: Word
    max_nodes: int = Field(1, ge=1, le=512, description="nodes at one time, for one user")
    train: TrainingJobs | None = Field(None, description="what a training may have; nothing: there is none")


class Slurm(Cluster):
    """A cluster under Slurm."""

    kind: Literal["slurm"] = "slurm"
    qos: Word | None = None
    constraint: Word | None = None
    exclusive: bool = Field(False, description="whole nodes, whatever is used of them")
    memory_gb: int | None = Field(None, ge=1, le=8192)
    gpu_type: Word | None = Field(None, description="which GPUs, as Slurm calls them: a100, 1g.10gb")


class Polaris(Cluster):
    """Polaris, at ALCF."""

    kind: Literal["polaris"] = "polaris"
    gpus: Annotated[int, Field(ge=1, le=4)] | Annotated[tuple[Gpu, ...], Field(min_length=1, max_length=28)] = 4
    cpus: int = Field(32, ge=1, le=32)

    @model_validator(mode="after")
    def _trains_on_what_a_node_has(self) -> Self:
        if self.train is not None and (self.train.gpus_per_node not in range(1, 29) or self.train.gpus in range(5, 99)):
            raise ValueError(f"--train-gpus: a node of Polaris has 4 GPUs (got {self.train.gpus!r})")
        return self


Chosen = Workstation | Slurm | Polaris

_MODELS: Final[dict[str, type[Chosen]]] = {"workstation": Workstation, "slurm": Slurm, "polaris": Polaris}
KINDS: Final = tuple(_MODELS)


def checked(kind: str, **fields: Any) -> Chosen:
    """The choices for a kind of site; a wrong one is named by its option."""
    if kind not in _MODELS:
        raise ChoiceError(f"--site: no kind {kind!r}; choose one of {', '.join(KINDS)}")
    try:
        return _MODELS[kind](**fields)
    except ValidationError as e:
        parts = []
        # Of a choice of types, what the first says.
        first = {_place(error["loc"]): error for error in reversed(e.errors())}
        for place, error in reversed(first.items()):
            where = "_".join(place)
            got = f" (got {error['input']!r})" if where and error["type"] != "missing" else ""
            option = f"--{where.replace('_', '-')}: " if where else ""
            parts.append(f"{option}{error['msg'].removeprefix('Value error, ')}{got}")
        raise ChoiceError("; ".join(parts)) from None


def _place(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Which choice: those of a training lie below `train`."""
    return tuple(map(str, location[: 2 if location[:1] == ("train",) else 1]))


def write(template: str, choices: Chosen) -> str:
    """The template with these choices at its top."""
    begin, end = _places(template)
    fields = {"kind": choices.kind} | {k: v for k, v in choices.model_dump(mode="json").items() if k != "kind"}
    lines = [f"  {json.dumps(key)}: {_jinja(value)}" for key, value in fields.items()]
    return template[:begin] + "{%- set site = {\n" + ",\n".join(lines) + "\n} -%}\n" + template[end:]


def read(template: str, *, where: Path | str = "the template") -> Chosen:
    """The choices at the top of a template. Nothing of it runs: only constants are taken."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    begin, end = _places(template, where=where)
    try:
        # Parsed only, never rendered.
        tree = Environment(autoescape=True).parse(template[begin:end])
        fields = next(iter(tree.find_all(nodes.Dict))).as_const()
    except (TemplateSyntaxError, StopIteration, nodes.Impossible) as e:
        raise EndpointError(f"{where}: the administrator's choices cannot be read: {e}") from e
    if not isinstance(fields, dict):
        raise EndpointError(f"{where}: the administrator's choices are no dictionary")
    return checked(str(fields.pop("kind", None)), **{str(key): value for key, value in fields.items()})


def _jinja(value: Any) -> str:
    """A constant as Jinja writes it: JSON, but for null."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_jinja(one)}" for key, one in value.items()) + "}"
    return "none" if value is None else json.dumps(value)


def _places(template: str, *, where: Path | str = "the template") -> tuple[int, int]:
    begin, end = re.search(r"\{#- administrator.*?-?#\}\n", template, re.DOTALL), template.find("{#- /administrator")
    if begin is None or end < begin.end():
        raise EndpointError(f"{where} has no administrator's part: it was not made by `mhfd endpoint init`")
    return begin.end(), end
