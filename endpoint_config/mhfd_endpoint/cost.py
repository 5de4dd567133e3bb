"""What a choice can cost: node-hours a day, at rest, at work and after the last image."""

from mhfd_endpoint.choices import Chosen, Cluster, TrainingJobs


def cost(choices: Chosen) -> list[str]:
    """What one user's process costs at most, for people: at rest, at work, afterwards; and what a training does.

    Another user, or other options, is another process with the same bounds.
    """
    nodes = choices.max_nodes if isinstance(choices, Cluster) else 1
    minutes = choices.walltime_minutes if isinstance(choices, Cluster) else None
    after = _after(choices, nodes, minutes)
    return [
        "at rest: 0 node-hours a day",
        # All day long, every node busy.
        f"while images come: {_held(nodes, choices.gpus_held)} at most, {nodes * 24} node-hours a day",
        f"after the last image: {after}",
        *_of_training(choices),
    ]


def _of_training(choices: Chosen) -> list[str]:
    train = choices.train
    if train is None:
        return []
    if not isinstance(train, TrainingJobs):
        alone = isinstance(choices.gpus, tuple) and train.gpus and not set(train.gpus) & set(choices.gpus)
        shared = "" if alone else ", which images share"
        return [f"while something trains: {_held(1, train.gpus_held)} beside that{shared}"]
    nodes, hours = train.nodes, train.walltime_minutes / 60
    return [
        f"while something trains: {_held(nodes, train.gpus_held)} at most beside that, {nodes * hours:,.3g} node-hours "
        f"a job of {hours:g} h, {nodes * 24} node-hours a day, if it goes on in job after job",
        f"after a training: {_after(choices, nodes, train.walltime_minutes)}",
    ]


def _held(nodes: int, gpus_a_node: int) -> str:
    gpus = gpus_a_node * nodes
    return f"{nodes} node{'s' if nodes > 1 else ''}" + (f" ({gpus} GPU{'s' if gpus != 1 else ''})" if gpus else "")


def _after(choices: Chosen, nodes: int, walltime: int | None) -> str:
    """Node-hours after the last task, once, until everything is given back."""

    def held(minutes: int) -> float:
        if walltime is None:
            return minutes / 60
        # The idle time is looked at every few seconds, and 30 s at least; a job also ends at its walltime.
        return nodes * min(max(minutes, 0.5), walltime) / 60

    after, at_most = held(choices.warm_minutes), held(choices.max_warm_minutes)
    more = f" (a user may ask for up to {at_most:.3g})" if at_most > after else ""
    return f"{after:.3g} node-hours, then nothing is held{more}"
