"""What runs at the instrument: the command line, the station that watches a folder, and `score` for notebooks.

Names are imported when first used: `import mhfd_client` costs nothing and loads no scoring.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhfd_client.scoring.notebook import reattach, score
    from mhfd_client.scoring.table import Table

__all__ = ["Table", "reattach", "score"]


if not TYPE_CHECKING:  # a checker would take every submodule for an object

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'mhfd_client' has no attribute {name!r}")
        from mhfd_client.scoring import notebook

        return getattr(notebook, name)


def __dir__() -> list[str]:
    return __all__
