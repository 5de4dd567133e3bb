"""What a network is shown: pixels made alike, altered copies, and the order in which they come.

Knows no network and no process. All that is drawn is a function of seed, epoch and place: nothing here keeps a state.
"""

from mhfd.learning.training.examples.ahead import DecodedAhead
from mhfd.learning.training.examples.altering import COPIES, Copy, copy_of
from mhfd.learning.training.examples.example import Example, Examples
from mhfd.learning.training.examples.holding_back import split
from mhfd.learning.training.examples.opening import open_examples
from mhfd.learning.training.examples.shuffling import MOST_OFTEN, order, part, steps_in_epoch

__all__ = [
    "COPIES",
    "MOST_OFTEN",
    "Copy",
    "DecodedAhead",
    "Example",
    "Examples",
    "copy_of",
    "open_examples",
    "order",
    "part",
    "split",
    "steps_in_epoch",
]
