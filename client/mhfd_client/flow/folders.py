"""Where files are, by each side's name, and what of the input of a run is made of that. Opens nothing."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    functions: Mapping[str, str] = field(default_factory=dict)
    """For a flow that asks several: by name, instead of `function`."""

    @property
    def surroundings(self) -> Surroundings:
        """What words about a run need of it."""
        return Surroundings(self.flow, self.endpoint, self.staging, self.staging_path, self.mapped)

    def below(self, path: str) -> str:
        """What a file is called below the source folder."""
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        return os.path.relpath(real, self.source_here).replace(os.sep, "/")

    def there(self, folder: str) -> str:
        """What the collection calls a folder below the source folder."""
        below = self.below(folder)
        return f"{self.source_path.rstrip('/')}/{'' if below == '.' else f'{below}/'}"

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

    def question(self, key: str) -> dict[str, Any]:
        """The input of a run that moves nothing, and only asks the endpoint."""
        return self.surrounded(key) | {"only_ask": True}

    def surrounded(self, key: str) -> dict[str, Any]:
        """What every run of ours is given. What it brings back goes to a folder of its own."""
        body: dict[str, Any] = {
            "source": {"id": self.source, "path": self.source_path.rstrip("/") + "/"},
            "staging": {"id": self.staging, "path": self.staging_path},
            "results": {"id": self.results, "path": f"{self.results_path.rstrip('/')}/{key}/"},
            "compute": {
                "endpoint_id": self.endpoint,
                **({"functions": dict(self.functions)} if self.functions else {"function_id": self.function}),
                "staging_root": self.staging_root,
            },
            "key": key,
        }
        if self.user_endpoint_config:
            body["user_endpoint_config"] = dict(self.user_endpoint_config)
        return body
