"""The numbers of a network by name: what they begin with, and what tells one set from another. Needs numpy alone."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.training.nets.counting import layers_of
from mhfd.learning.training.nets.drawing import Net

Weights = dict[str, NDArray[np.float32]]
"""By name: `NAME.weight` (outputs, inputs, rows, columns) and `NAME.bias` (outputs) of each convolution."""


def begin(net: Net, *, channels: int, outputs: int, seed: int) -> Weights:
    """What a network begins with: He's normal numbers for each kernel, and no bias. The same for the same seed."""
    drawn = np.random.default_rng(seed)
    weights: Weights = {}
    for name, layer in sorted(layers_of(net, channels=channels, outputs=outputs).items()):
        spread = layer.gain * math.sqrt(2 / math.prod(layer.shape[1:]))
        weights[f"{name}.weight"] = (drawn.standard_normal(layer.shape) * spread).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(layer.shape[0], np.float32)
    return weights


def digest_of(weights: Weights) -> str:
    """SHA-256 of names, shapes and numbers: equal where all of them are, to the last bit."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(json.dumps([name, list(weights[name].shape)]).encode())
        digest.update(np.ascontiguousarray(weights[name], "<f4").tobytes())
    return digest.hexdigest()
