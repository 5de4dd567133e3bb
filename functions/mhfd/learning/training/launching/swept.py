"""What a sweep measured, and where it is kept, so that the next training on such a machine takes its choice."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from mhfd.contract.base import Wire
from mhfd.contract.training import TrainingJob, WorkerLayout
from mhfd.whole import write_whole


class SweptRow(Wire):
    """Workers and threads, measured; or why they were not. Null: not measured."""

    workers: int
    threads: int = Field(description="of each worker")
    local_batch: int = Field(description="images of a step that a worker has, at most")
    images_s: float | None = Field(None, description="images a second, of all workers")
    step_s: float | None = None
    exchange_s: float | None = Field(None, description="of a step, in the exchange of gradients")
    waited_s: float | None = Field(None, description="of a step, for images")
    memory_bytes: int | None = Field(None, description="of all workers")
    steps: int = Field(0, description="that were measured")
    why: str = Field("", description="it was not measured")


class SweptFor(Wire):
    """What a sweep is good for: another of these may want another layout."""

    machine: str
    learner: str
    channels: int
    side: tuple[int, int]
    batch: int = Field(description="of a node")
    device: str

    @property
    def key(self) -> str:
        """The name of its file."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:24]


class Swept(Wire):
    """A sweep: all that was tried, what is best, and why."""

    schema_version: Literal[1] = 1
    of: SweptFor
    rows: tuple[SweptRow, ...]
    choice: WorkerLayout
    why: str

    def table(self) -> list[str]:
        """Lines for a person."""
        lines = [f"{'workers':>7} {'threads':>7} {'images':>6} {'images/s':>9} {'s/step':>8} {'exchange':>9} {'GB':>6}"]
        for row in self.rows:
            begin = f"{row.workers:>7} {row.threads:>7} {row.local_batch:>6}"
            if row.images_s is None:
                lines.append(f"{begin} {row.why}")
                continue
            exchange, memory = row.exchange_s or 0.0, (row.memory_bytes or 0) / 1e9
            lines.append(f"{begin} {row.images_s:>9.3g} {row.step_s:>8.3g} {exchange:>9.3g} {memory:>6.2f}")
        return lines


def keep(sweeps: Path, swept: Swept) -> None:
    """For the next training. A folder that cannot be written is no reason not to train."""
    with contextlib.suppress(OSError):
        write_whole(sweeps / f"{swept.of.key}.json", swept.model_dump_json(indent=1).encode())


def kept(sweeps: Path, of: SweptFor) -> Swept | None:
    """What was kept of such a machine, network, image and batch; None: nothing that can be read."""
    try:
        found = Swept.model_validate_json((sweeps / f"{of.key}.json").read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.of == of else None


def node_batch(job: TrainingJob) -> int:
    """Images of a step that one node has, at most."""
    return -(-job.plan.batch // job.layout.nodes)
