"""What a choice can cost: node-hours a day, at rest, at work and after the last image."""

from __future__ import annotations

from dataclasses import dataclass

from mhfd_endpoint.choices import Chosen, Cluster


@dataclass(frozen=True, slots=True)
class Cost:
    """Node-hours of one user's process. Another user, or other options, is another process with the same bounds."""

    nodes: int  # at one time
    gpus: int  # on a node
    after: float  # once, after the last image, until everything is given back
    after_at_most: float  # the same, when a user asks for as much as is allowed

    def sentences(self) -> list[str]:
        """For people: at rest, at work, afterwards."""
        held = f"{self.nodes} node{'s' if self.nodes > 1 else ''}"
        gpus = f" ({self.gpus * self.nodes} GPU{'s' if self.gpus * self.nodes != 1 else ''})" if self.gpus else ""
        # At work: images come all day long and keep every node busy.
        return [
            "at rest: 0 node-hours a day",
            f"while images come: {held}{gpus} at most, {self.nodes * 24} node-hours a day",
            f"after the last image: {self.after:.3g} node-hours, then nothing is held"
            + (f" (a user may ask for up to {self.after_at_most:.3g})" if self.after_at_most > self.after else ""),
        ]


def cost(choices: Chosen) -> Cost:
    """What one user's process costs at most."""
    if not isinstance(choices, Cluster):
        return Cost(1, choices.gpus_per_node, choices.warm_minutes / 60, choices.max_warm_minutes / 60)
    nodes, most = choices.max_nodes, choices.walltime_minutes

    def held(minutes: int) -> float:
        # The idle time is looked at every few seconds, and 30 s at least; a job also ends at its walltime.
        return nodes * min(max(minutes, 0.5), most) / 60

    return Cost(nodes, choices.gpus, held(choices.warm_minutes), held(choices.max_warm_minutes))
