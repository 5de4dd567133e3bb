"""What each worker of a training does: steps, the exchange of gradients, checkpoints, and when it ends.

A worker is a process that torchrun started. It tells whoever follows it by lines on its standard output.
"""

from typing import Final

JOB: Final = "job.json"
"""In the training's folder: a `TrainingJob`, which every worker reads."""
STOP: Final = "stop"
"""A file of this name there ends the training after the step under way. Whoever starts it removes it."""
