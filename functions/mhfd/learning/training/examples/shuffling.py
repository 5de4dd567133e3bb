"""The order in which images are shown, and which worker takes which of them. Of numbers alone: it knows no image.

An epoch is as many places as there are images. Each batch has the classes in equal parts: the images of a class come
from a deck of theirs that is shuffled again when all were shown, so none comes twice before all of its class came once.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_OFTEN: Final = 8
"""Times that an image of a rare class comes in an epoch, at most: others have the rest of its part."""
_DECK, _PLACES = 63, 64  # what is drawn from the seed


def order(taught: NDArray[np.intp], classes: NDArray[np.float64], *, seed: int, epoch: int) -> NDArray[np.intp]:
    """Of each place of an epoch the image: one of `taught`.

    Args:
        taught: Images, as numbers.
        classes: The class of every image, taught or not; NaN is a class, too.
        seed: Of the shuffling.
        epoch: Counted from 0.
    """
    _, at = np.unique(classes[taught], return_inverse=True)
    counts = np.bincount(at) if len(taught) else np.zeros(0, np.intp)
    shares = _shares(counts)
    chosen: list[NDArray[np.intp]] = []
    places: list[NDArray[np.float64]] = []
    offsets = np.random.default_rng([seed, epoch, _PLACES]).random(len(counts))
    for number, share in enumerate(shares.tolist()):
        chosen.append(_dealt(taught[at == number], epoch * share, share, seed, number))
        places.append((np.arange(share) + offsets[number]) / share)
    if not chosen:
        return np.zeros(0, np.intp)
    return np.concatenate(chosen)[np.argsort(np.concatenate(places), kind="stable")]


def steps_in_epoch(images: int, batch: int) -> int:
    """How many steps show as many images; the last may show fewer than a batch."""
    return -(-images // batch)


def part(shown: NDArray[np.intp], *, step_in_epoch: int, batch: int, worker: int, workers: int) -> NDArray[np.intp]:
    """The places of the epoch's order that one worker takes in a step: some in a row, or none."""
    begin = min(step_in_epoch * batch, len(shown))
    size = min(batch, len(shown) - begin)
    return np.arange(begin + size * worker // workers, begin + size * (worker + 1) // workers, dtype=np.intp)


def _shares(counts: NDArray[Any]) -> NDArray[np.intp]:
    """Of each class the places in an epoch: equal, or as many as `MOST_OFTEN` allows; all images together in number."""
    most = counts * MOST_OFTEN
    wanted = np.zeros(len(counts))
    left, open_ = float(counts.sum()), np.ones(len(counts), bool)
    while open_.any():
        equal = left / open_.sum()
        short = open_ & (most <= equal)
        if not short.any():
            wanted[open_] = equal
            break
        wanted[short] = most[short]
        left -= float(most[short].sum())
        open_ &= ~short
    shares = np.floor(wanted).astype(np.intp)
    over = int(counts.sum() - shares.sum())
    shares[np.argsort(-(wanted - shares), kind="stable")[:over]] += 1
    return shares


def _dealt(members: NDArray[np.intp], first: int, count: int, seed: int, number: int) -> NDArray[np.intp]:
    """So many cards of a class's endless deck, from one on."""
    dealt: list[NDArray[np.intp]] = []
    while count > 0:
        deck, place = divmod(first, len(members))
        some = np.random.default_rng([seed, number, deck, _DECK]).permutation(members)[place : place + count]
        dealt.append(some)
        first, count = first + len(some), count - len(some)
    return np.concatenate(dealt) if dealt else np.zeros(0, np.intp)
