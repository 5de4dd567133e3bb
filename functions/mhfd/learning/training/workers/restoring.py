"""How far a picture or a map is from what it should be: what the networks that restore are taught by.

One image is one label, whatever it has of places that are known. Imports torch: for workers alone.
"""

from __future__ import annotations

from typing import Any, Final

import torch

PLACE_WEIGHTS: Final = (1.0, 1.0, 4.0)
"""Of resin, tissue and artefact: artefacts are a twentieth of what is seen, and are never said where they count so."""


def picture_loss(said: Any, drawn: Any, wanted: Any) -> tuple[Any, Any]:
    """Sum over images of the mean difference where it is known what is wanted, and how many images that are.

    Args:
        said: Nothing.
        drawn: Pictures (batch, 1, rows, columns).
        wanted: The same, NaN where nobody knows.
    """
    known = torch.isfinite(wanted)
    off = (drawn - torch.where(known, wanted, drawn.detach())).abs()
    return _summed(off, known)


def places_loss(said: Any, drawn: Any, wanted: Any) -> tuple[Any, Any]:
    """Sum over images of the mean cross-entropy of their places, those that are rare counted more.

    Args:
        said: Nothing.
        drawn: A score for each class (batch, classes, rows, columns).
        wanted: The number of a class (batch, rows, columns), NaN where nobody knows.
    """
    known = torch.isfinite(wanted)
    number = torch.nan_to_num(wanted).long().unsqueeze(1)
    # By gather: the loss of torch's own for places has no deterministic form on a GPU.
    off = -torch.log_softmax(drawn, 1).gather(1, number).squeeze(1)
    weights = drawn.new_tensor(PLACE_WEIGHTS)[number.squeeze(1)] * known
    each = (off * weights).flatten(1).sum(1) / weights.flatten(1).sum(1).clamp(min=1)
    return each.sum(), known.flatten(1).any(1).sum()


def places_right(drawn: Any, wanted: Any) -> tuple[Any, Any, Any]:
    """How many known places have their class for the largest score, how many are known, and each class's number."""
    known = torch.isfinite(wanted)
    right = (drawn.argmax(1) == torch.nan_to_num(wanted)) & known
    classes = torch.bincount(wanted[known].long(), minlength=drawn.shape[1])
    return right.sum(), known.sum(), classes


def _summed(off: Any, known: Any) -> tuple[Any, Any]:
    """Over the images of which anything is known."""
    each, places = off.flatten(1).sum(1), known.flatten(1).sum(1)
    return (each / places.clamp(min=1)).sum(), (places > 0).sum()
