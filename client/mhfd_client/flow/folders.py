"""Where images and reports are, by each side's name, and the input of a run made of that. Opens nothing."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mhfd.contract.request import ScoreRequest
from mhfd_client.flow.run_words import Surroundings
from mhfd_client.runners import Job

NAME_MOST = 255


@dataclass(frozen=True, slots=True)
class Folders:
    """A folder of this machine (`here`), what its collection calls it (`path`), and the staging area of both."""

    flow: str
    endpoint: str
    function: str
    source: str
    source_here: Path
    source_path: str
    watched: Path
    results: str
    results_here: Path
    results_path: str
    staging: str
    staging_path: str
    staging_root: str
    mapped: tuple[str, ...] = ()
    user_endpoint_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def surroundings(self) -> Surroundings:
        """What words about a run need of it."""
        return Surroundings(self.flow, self.endpoint, self.staging, self.staging_path, self.mapped)

    def below(self, path: str) -> str:
        """What a file is called below the source folder."""
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        return os.path.relpath(real, self.source_here).replace(os.sep, "/")

    def unmovable(self, path: str) -> str:
        """Why Globus cannot be asked for this file; empty when it can."""
        name = self.below(path)
        try:
            name.encode()
        except UnicodeEncodeError:
            return "has a name that is no UTF-8, which Globus cannot move: rename it"
        if name.startswith("../"):
            return f"is not below {self.source_here}, which the collection shows"
        if len(name) > NAME_MOST:
            return f"has a path of more than {NAME_MOST} characters, which a run does not take: shorten it"
        return ""

    def name(self, job: Job) -> str:
        """What an image is called in the staging area: no two of a station's are the same."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", os.path.basename(job.path))[-60:]  # noqa: PTH119
        return f"i{job.id}-{plain}"

    def seen(self, run: str, name: str) -> str:
        """What the endpoint calls a staged image."""
        return f"{self.staging_root.rstrip('/')}/mhfd-{run}/{name}"

    def image(self, job: Job) -> dict[str, Any]:
        """An image, in the input of a run."""
        return {"path": self.below(job.path), "name": self.name(job), "size": job.size}

    def body(self, key: str, jobs: Sequence[Job], names: Sequence[str]) -> dict[str, Any]:
        """The input of a run. The reports come back to a folder of its own."""
        params = ScoreRequest(paths=("-",), params=jobs[0].params).model_dump(mode="json", exclude_defaults=True)
        return self._surrounded(key) | {
            "batch": {"images": [self.image(job) | {"name": name} for job, name in zip(jobs, names, strict=True)]},
            "params": params.get("params", {}),
        }

    def question(self, key: str) -> dict[str, Any]:
        """The input of a run that moves nothing, and only asks the endpoint."""
        return self._surrounded(key) | {"only_ask": True}

    def _surrounded(self, key: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "source": {"id": self.source, "path": self.source_path.rstrip("/") + "/"},
            "staging": {"id": self.staging, "path": self.staging_path},
            "results": {"id": self.results, "path": f"{self.results_path.rstrip('/')}/{key}/"},
            "compute": {
                "endpoint_id": self.endpoint,
                "function_id": self.function,
                "staging_root": self.staging_root,
            },
            "key": key,
        }
        if self.user_endpoint_config:
            body["user_endpoint_config"] = dict(self.user_endpoint_config)
        return body
