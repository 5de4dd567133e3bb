"""Packages of networks that are made up: the small network as it begins, or a graph of four steps. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tests.rigs.packages import README, card_of

if TYPE_CHECKING:
    from mhfd.learning.inference import NetworkSession
    from mhfd.learning.packages import Card, NetworkRecipe, Package

TEST: Final = np.random.default_rng(11).uniform(-0.5, 0.5, (2, 1, 64, 128)).astype(np.float32)
SAYS: Final = ("bad", "radius_px", "sd")


def network_of(**changed: Any) -> NetworkRecipe:
    """What the card says of it."""
    from mhfd.learning.packages import NetworkRecipe
    from mhfd.learning.preparation.normalisation import NORMALISATION

    usual: dict[str, Any] = {
        "channels": 1,
        "gives": ("said", "map"),
        "normalisation": NORMALISATION.text,
        "parameters": 41_523,
        "steps": 1200,
        "images_seen": 38_400,
    }
    return NetworkRecipe(**(usual | changed))


def network_card(
    network: NetworkRecipe | None = None, says: tuple[str, ...] = SAYS, *, learner: str = "small", **changed: Any
) -> Card:
    """A card for a network."""
    from mhfd.learning.packages import Recipe

    recipe = Recipe(learner=learner, says=says, network=network or network_of())
    usual: dict[str, Any] = {"title": "lab-net", "recipe": recipe, "reach": None, "pixel_nm": None}
    return card_of(**(usual | changed))


def begun(*, seed: int = 3, channels: int = 1, bias: tuple[float, ...] = (), says: tuple[str, ...] = SAYS) -> bytes:
    """The small network before it has learned anything, as ONNX; it says what its last bias says."""
    from mhfd.learning.training.nets import begin, head_of, net_of, onnx_of

    head = head_of("focus" if says == SAYS else "cause", says)
    net = net_of(head.lesson, "small")
    weights = begin(net, channels=channels, outputs=head.outputs, seed=seed)
    if bias:
        weights["said.bias"] = np.array(bias, np.float32)
    return onnx_of(net, weights, channels=channels, head=head)


def answered(onnx: bytes, card: Card, images: np.ndarray[Any, Any] = TEST) -> dict[str, np.ndarray[Any, Any]]:
    """What it gives of images."""
    from mhfd.learning.inference.runtime import NetworkRuntime

    network = card.recipe.network
    assert network is not None
    runtime = NetworkRuntime(onnx, channels=network.channels, multiple=network.multiple, gives=network.gives)
    return dict(runtime.answered(images))


def network_written(folder: Path, onnx: bytes | None = None, card: Card | None = None) -> Package:
    """A whole package of a network below a folder."""
    from mhfd.learning.packages import write_package

    onnx, card = onnx or begun(), card or network_card()
    given = answered(onnx, card)
    return write_package(folder, card, onnx, TEST, given["said"], README, test_map=given["map"])


@dataclass(frozen=True)
class UnverifiedNetwork:
    """A package without its folder: to verify one is a process of its own."""

    card: Card
    model: bytes
    name: str = "4e" * 32

    def weights(self) -> bytes:
        """Of the network."""
        return self.model


def network_session(onnx: bytes | None = None, card: Card | None = None) -> NetworkSession:
    """Ready to be asked."""
    from mhfd.learning.inference import NetworkSession

    return NetworkSession(cast("Package", UnverifiedNetwork(card or network_card(), onnx or begun())))


def smoother() -> bytes:
    """The network that takes noise away, with weights by which a pixel is the mean of the nine around it."""
    from mhfd.learning.training.nets import begin, head_of, net_of, onnx_of

    net = net_of("denoise", "residual")
    weights = {name: np.zeros_like(one) for name, one in begin(net, channels=1, outputs=1, seed=0).items()}
    weights["first.weight"][0, 0, 1, 1] = 1.0
    weights["last.weight"][0, 0] = 1 / 18  # what it is given comes there twice: past the blocks, and through them
    weights["last.weight"][0, 0, 1, 1] -= 0.5
    return onnx_of(net, weights, channels=1, head=head_of("denoise"))


def quieter(seed: int = 0) -> bytes:
    """The network that takes noise away, before it has learned anything: it all but leaves an image as it came."""
    from mhfd.learning.training.nets import begin, head_of, net_of, onnx_of

    net = net_of("denoise", "residual")
    return onnx_of(net, begin(net, channels=1, outputs=1, seed=seed), channels=1, head=head_of("denoise"))


def finder(seed: int = 0, *, tissue: float = 0.0) -> bytes:
    """The network that finds tissue, before it has learned anything; with so much it takes all for tissue."""
    from mhfd.learning.training.nets import begin, head_of, net_of, onnx_of

    net = net_of("segment", "regions")
    weights = begin(net, channels=1, outputs=3, seed=seed)
    weights["map.bias"] = np.array([0, tissue, 0], np.float32)
    return onnx_of(net, weights, channels=1, head=head_of("segment"))


def restoring_written(
    folder: Path, task: str, onnx: bytes | None = None, *, outline: tuple[str, ...] = (), **changed: Any
) -> Package:
    """A whole package that makes pictures, below a folder. `outline`: what its reach is of."""
    from mhfd.learning.packages import write_package
    from mhfd.learning.training.nets import head_of

    segment = task == "segment"
    onnx = onnx or (finder() if segment else smoother())
    network = network_of(gives=("map",), grid=8 if segment else 1, outline=outline)
    says = head_of("segment" if segment else "denoise").says
    learner = "regions" if segment else "residual"
    card = network_card(network, says, learner=learner, **({"task": task, "title": f"lab-{task}"} | changed))
    return write_package(folder, card, onnx, TEST, answered(onnx, card)["map"], README)
