"""What a known machine's queues take, and what is wrong with a choice of one.

Polaris' rules as ALCF publishes them (docs.alcf.anl.gov, Running Jobs on Polaris). They change: the scheduler has the
last word, and what is found here is said as a warning that names the rule.
"""

from dataclasses import dataclass
from typing import Final

from mhfd_endpoint.choices import Cluster, Polaris


@dataclass(frozen=True, slots=True)
class Queue:
    """The bounds of one job, and what else a person should know."""

    min_nodes: int
    max_nodes: int
    max_hours: int
    note: str = ""


POLARIS: Final[dict[str, Queue]] = {
    "debug": Queue(1, 2, 1, "every job ends within the hour: for trying it out, not for a night"),
    "debug-scaling": Queue(1, 10, 1, "one job a user at a time; every job ends within the hour"),
    "prod": Queue(10, 496, 24, "ten nodes at least are paid for, whatever is used; 10 to 24 nodes end after 3 hours"),
    "preemptable": Queue(1, 10, 72, "a job may be killed at any time, without a warning: its images are scored again"),
    "capacity": Queue(1, 4, 168, "for small jobs that last"),
    "demand": Queue(1, 56, 1, "by request to ALCF only"),
}


POLARIS_MEMORY_GB: Final = 512
"""Of a node, as ALCF publishes it."""


def problems(choices: Polaris) -> list[str]:
    """What the queue would refuse, each with the remedy; also of the queue of a training."""
    # One job is one node, except in prod, where it is all of them; of a training it is as many as were asked for.
    found = _refused(choices.queue, choices.max_nodes, choices.walltime_minutes)
    if (train := choices.train) is not None:
        found += [f"training: {one}" for one in _refused(train.queue, train.nodes, train.walltime_minutes)]
    return found


def least_nodes(choices: Cluster, queue: str) -> int:
    """The nodes that a queue gives at least to a job."""
    known = POLARIS.get(queue) if isinstance(choices, Polaris) else None
    return 1 if known is None else known.min_nodes


def _refused(name: str, nodes: int, minutes: int) -> list[str]:
    queue = POLARIS.get(name)
    if queue is None:
        return [f"queue {name!r} is none of {', '.join(POLARIS)}: see `qstat -Q`"]
    found = []
    hours = queue.max_hours
    if name == "prod":
        hours = 3 if nodes < 25 else 6 if nodes < 100 else queue.max_hours
    if minutes > hours * 60:
        found.append(f"queue {name!r} ends a job of this size after {hours} h, the walltime is {minutes / 60:g} h")
    if nodes < queue.min_nodes:
        found.append(f"queue {name!r} takes no job of fewer than {queue.min_nodes} nodes; capacity or debug do")
    if nodes > queue.max_nodes:
        found.append(f"queue {name!r} gives {queue.max_nodes} nodes at most, max_nodes is {nodes}")
    return found
