"""What a choice can cost: node-hours a day, at rest, at work and after the last image."""

from mhfd_endpoint.choices import Chosen, Cluster


def cost(choices: Chosen) -> list[str]:
    """What one user's process costs at most, for people: at rest, at work, afterwards.

    Another user, or other options, is another process with the same bounds.
    """
    nodes = choices.max_nodes if isinstance(choices, Cluster) else 1
    gpus = choices.gpus_held * nodes

    def held(minutes: int) -> float:
        """Node-hours after the last image, once, until everything is given back."""
        if not isinstance(choices, Cluster):
            return minutes / 60
        # The idle time is looked at every few seconds, and 30 s at least; a job also ends at its walltime.
        return nodes * min(max(minutes, 0.5), choices.walltime_minutes) / 60

    after, at_most = held(choices.warm_minutes), held(choices.max_warm_minutes)
    at_work = f"{nodes} node{'s' if nodes > 1 else ''}" + (f" ({gpus} GPU{'s' if gpus != 1 else ''})" if gpus else "")
    return [
        "at rest: 0 node-hours a day",
        f"while images come: {at_work} at most, {nodes * 24} node-hours a day",  # all day long, every node busy
        f"after the last image: {after:.3g} node-hours, then nothing is held"
        + (f" (a user may ask for up to {at_most:.3g})" if at_most > after else ""),
    ]
