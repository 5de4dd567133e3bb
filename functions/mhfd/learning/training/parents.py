"""The package that a training begins with: whether it can, its numbers, and what its card adds to the new one.

What it was taught with was seen by whatever is made of it: its groups and its licence go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mhfd.contract.training import NET_LESSONS, NetLesson, TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.dataset.checking import counted
from mhfd.learning.packages import Card, NetworkRecipe, Package
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.training.examples import Examples
from mhfd.learning.training.nets import Head, Net, Weights, begin, head_of, net_of, weights_in
from mhfd.learning.training.nets.counting import layers_of

_MOST_GROUPS: Final = 4096
"""That a card has room for."""
_AND: Final = "; "


@dataclass(frozen=True, slots=True)
class Parent:
    """A package, and the numbers of it that a training begins with."""

    package: Package
    weights: Weights
    notes: tuple[str, ...] = ()
    """What a person should know of it."""

    @property
    def words(self) -> str:
        """As `begins with package 1f0c9a2b (south), taught with 12 groups`."""
        card = self.package.card
        groups = counted(len(card.groups_seen), "group")
        return f"begins with package {self.package.short} ({card.title}), which was taught with {groups}"


def parent_of(plan: TrainingPlan, package: Package | None, examples: Examples) -> Parent | None:
    """What a plan begins with; None: with drawn numbers. UsageError says why it cannot be that package."""
    if (None if package is None else package.name) != plan.parent:
        given = "none" if package is None else package.name
        raise UsageError(f"parent: the plan begins with package {plan.parent}, and {given} is given; name the same")
    if package is None:
        return None
    card, called = package.card, _called(package)
    network, learner = network_in(package), card.recipe.learner
    if learner != plan.learner:
        raise UsageError(f"{called} is a network {learner}, and {plan.learner} is to be trained; say learner {learner}")
    if network.channels != examples.channels:
        raise UsageError(
            f"{called} takes {counted(network.channels, 'channel')}, and the images of the dataset have "
            f"{examples.channels}; begin with another, or with none"
        )
    if network.normalisation != NORMALISATION.text:
        raise UsageError(f"{called} is shown images in another way ({network.normalisation}); begin with another")
    net, head = net_of(plan.lesson, plan.learner), head_of(plan.lesson, examples.says)
    try:
        before = head_of(_taught(card), card.recipe.says)
        weights = weights_in(package.weights(), net, channels=network.channels, outputs=before.outputs)
    except UsageError as error:
        raise UsageError(f"{called} is not what {net.name} writes: {error}; begin with another") from None
    if before == head:
        return Parent(package, weights)
    anew = _begun_anew(weights, net, head, channels=examples.channels, seed=plan.seed)
    note = f"package {package.short} says {_said(before)}: of its network all but the last layer is gone on with"
    return Parent(package, anew, (note,))


def network_in(package: Package) -> NetworkRecipe:
    """What may be trained further. UsageError: the package takes features."""
    recipe = package.card.recipe
    if recipe.network is None:
        raise UsageError(
            f"{_called(package)} was taught by {recipe.learner}, with features: only networks are trained further"
        )
    return recipe.network


def _called(package: Package) -> str:
    return f"parent: package {package.short} ({package.card.title})"


def _taught(card: Card) -> NetLesson:
    """UsageError: no network learns that."""
    for lesson in NET_LESSONS:
        if card.task == lesson:
            return lesson
    raise UsageError(f"it is for {card.task}")


def _said(head: Head) -> str:
    return f"{head.lesson} ({len(head.says)} numbers)" if len(head.says) > 4 else ", ".join(head.says)


def joined_licence(licence: str, parent: Package | None) -> str:
    """Of the data of both, each once; the parent's first."""
    before = [] if parent is None else parent.card.data_licence.split(_AND)
    return _AND.join(dict.fromkeys([*before, *licence.split(_AND)]))


def joined_groups(groups: Iterable[str], parent: Package | None) -> tuple[str, ...]:
    """Every group that a network has seen. UsageError: more than a card has room for."""
    seen = {*groups, *(() if parent is None else parent.card.groups_seen)}
    if len(seen) > _MOST_GROUPS:
        raise UsageError(
            f"parent: with its groups the network has seen {len(seen)}, and a card has room for {_MOST_GROUPS}; begin "
            "with another, or with none"
        )
    return tuple(sorted(seen))


def _begun_anew(weights: Weights, net: Net, head: Head, *, channels: int, seed: int) -> Weights:
    """With the layers drawn again that give the answer: the parent's give another one."""
    drawn = begin(net, channels=channels, outputs=head.outputs, seed=seed)
    one, other = (layers_of(net, channels=channels, outputs=outputs) for outputs in (head.outputs, head.outputs + 1))
    anew = {name for name in one if one[name] != other[name]}
    return {name: drawn[name] if name.rpartition(".")[0] in anew else value for name, value in weights.items()}
