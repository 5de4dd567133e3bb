"""What an endpoint says of itself and of files, without scoring."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from mhfd.contract.answer import Answer
from mhfd.contract.base import Wire
from mhfd.contract.request import Name


class ExamineRequest(Wire):
    """How is this endpoint, and what does it see of these files?"""

    schema_version: Literal[1, 2] = 2
    paths: tuple[Name, ...] = Field((), max_length=100)
    hash: bool = False
    echo: str | None = Field(None, max_length=10_000, description="comes back as it is: for measuring the way")
    only_echo: bool = Field(False, description="do nothing else")
    functions: bool = Field(False, description="say what may run: who asks reads an answer of version 3")


class RootSeen(Wire):
    """One of the administrator's folders, and whether tasks can use it as it is meant."""

    path: str
    use: str
    usable: bool
    why: str | None = None


class FileSeen(Wire):
    """A file as the worker sees it. `writable`: by the account that tasks run as."""

    size: int
    mtime_ns: int
    owner: str
    mode: str
    writable: bool
    sha256: str | None = None


class FunctionSeen(Wire):
    """A function that this mhfd has, or that the site file has a table of, and what it may have here."""

    name: str
    here: bool = Field(description="this mhfd has it")
    allowed: bool
    purpose: str | None = None
    max_seconds: float | None = None
    gpus: int | None = None
    read_roots: tuple[str, ...] = ()
    write_roots: tuple[str, ...] = ()


class Examination(Answer):
    """What an endpoint says of itself. `files[i]` belongs to `paths[i]`; null where `errors` says why."""

    schema_version: Literal[1, 2, 3] = 3
    versions: dict[str, str] = Field(default_factory=dict)
    site: str | None = None
    user: str | None = None
    host: str | None = None
    pid: int | None = None
    since_ns: int | None = None
    tasks_before: int | None = Field(None, description="tasks this process has had before: 0 means it was not warm")
    now_ns: int | None = None
    backend: str | None = None
    device: str | None = None
    chosen: str | None = Field(None, description="`device` of the site file: auto, cpu or gpu")
    gpus: str | None = Field(None, description="CUDA_VISIBLE_DEVICES of the worker")
    roots: tuple[RootSeen, ...] = ()
    files: tuple[FileSeen | None, ...] = ()
    echo: str | None = None
    functions: tuple[FunctionSeen, ...] = ()

    @model_serializer(mode="wrap")
    def _in_its_version(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Who did not ask for version 3 knows nothing of what is new in it, and refuses it."""
        said: dict[str, Any] = plain(self)
        return said if self.schema_version > 2 else {key: value for key, value in said.items() if key != "functions"}
