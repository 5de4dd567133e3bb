"""The multiscale network of large microscopy images: seven pathways, from full resolution to one in 64.

What its authors print fixes most of it: 208 channels at 1/64, and 11 GB of activations for 32 1024x1280x3 images, are
seven pathways of three convolutions of 5 x 5. Instead of dense layers for one size of image alone, the mean over the
places is taken here: an image of any size whose sides are multiples of 64 is taken whole.
"""

from __future__ import annotations

from typing import Final

from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps, T

MULTIPLE: Final = 64
WIDTHS: Final = (16, 16, 16, 32, 32, 32, 64)
"""Channels of the pathways, the one of full resolution first: 208 together."""
CONVOLUTIONS: Final = 3
KERNEL: Final = 5
MIXED: Final = 1024
DENSE: Final = 512
_FAINT: Final = 0.1


def together(steps: Steps[T], given: T) -> T:
    """(batch, 208, height / 64, width / 64): the seven pathways side by side."""
    ends = []
    for number, width in enumerate(WIDTHS):
        if number:
            given = steps.average_pool(given, 2)
        inside = given
        for convolution in range(CONVOLUTIONS):
            if convolution:
                inside = steps.relu(inside)
            inside = steps.conv(inside, f"path{number}.{convolution}", width, KERNEL)
        smaller = MULTIPLE >> number
        # The largest is cut at 0, which is the largest of what was cut at 0, and takes less.
        ends.append(steps.relu(steps.max_pool(inside, smaller) if smaller > 1 else inside))
    return steps.concat(ends)


def _draw(steps: Steps[T], given: T, outputs: int) -> NetDrawn[T]:
    mixed = steps.relu(steps.conv(together(steps, given), "mixed", MIXED))
    dense = steps.relu(steps.conv(steps.mean(mixed), "dense", DENSE))
    return NetDrawn(steps.flat(steps.conv(dense, "said", outputs, gain=_FAINT)), None)


MCNN: Final = Net("mcnn", ("focus", "cause"), MULTIPLE, 0.03, _draw)
