"""What runs at the instrument: the command line, the station that watches a folder, and `score` for notebooks.

Names are imported when first used: `import mhfd_client` costs nothing and loads no scoring.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhfd_client.adjustment.proposing import propose
    from mhfd_client.learning.datasets import dataset
    from mhfd_client.learning.evaluating import evaluate
    from mhfd_client.learning.from_library.learn import learn
    from mhfd_client.learning.picturing import evaluate_pictures
    from mhfd_client.learning.restoring import restore
    from mhfd_client.learning.training import train
    from mhfd_client.scoring.held.async_endpoint import AsyncEndpoint
    from mhfd_client.scoring.held.endpoint import Endpoint
    from mhfd_client.scoring.notebook import reattach, score
    from mhfd_client.scoring.table import Table
    from mhfd_client.works.notebook import cancel_work, known_works, resume_work, work

__all__ = [
    "AsyncEndpoint",
    "Endpoint",
    "Table",
    "cancel_work",
    "dataset",
    "evaluate",
    "evaluate_pictures",
    "known_works",
    "learn",
    "propose",
    "reattach",
    "restore",
    "resume_work",
    "score",
    "train",
    "work",
]

_HOMES = {
    "AsyncEndpoint": "scoring.held.async_endpoint",
    "Endpoint": "scoring.held.endpoint",
    "Table": "scoring.table",
    "cancel_work": "works.notebook",
    "dataset": "learning.datasets",
    "evaluate": "learning.evaluating",
    "evaluate_pictures": "learning.picturing",
    "known_works": "works.notebook",
    "learn": "learning.from_library.learn",
    "propose": "adjustment.proposing",
    "reattach": "scoring.notebook",
    "restore": "learning.restoring",
    "resume_work": "works.notebook",
    "score": "scoring.notebook",
    "train": "learning.training",
    "work": "works.notebook",
}


if not TYPE_CHECKING:  # a checker would take every submodule for an object

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'mhfd_client' has no attribute {name!r}")
        return getattr(importlib.import_module(f"mhfd_client.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
