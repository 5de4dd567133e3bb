"""What was learned, as a folder that can be checked: card, weights, a test; and which is the champion, where.

A package is named by the sha256 of its manifest. It holds numbers only: nothing of it is imported, unpickled or
fetched, and onnxruntime sees its bytes after they have passed. Nobody becomes champion here who has not earned it:
that is decided in `promotion`, and the library asks for the report.
"""

from mhfd.learning.packages.card import ASKED_ELSEWHERE, TASKS, Card, CardRow, ModelTask, NetworkRecipe, Reach, Recipe
from mhfd.learning.packages.history import MHFD, ChampionChange
from mhfd.learning.packages.library import Library
from mhfd.learning.packages.operators import OPERATORS
from mhfd.learning.packages.origins import instruments_of, refused_for
from mhfd.learning.packages.package import Package, read_package, verify, write_package
from mhfd.learning.packages.report import sealed
from mhfd.learning.packages.shelf import Listed

__all__ = [
    "ASKED_ELSEWHERE",
    "MHFD",
    "OPERATORS",
    "TASKS",
    "Card",
    "CardRow",
    "ChampionChange",
    "Library",
    "Listed",
    "ModelTask",
    "NetworkRecipe",
    "Package",
    "Reach",
    "Recipe",
    "instruments_of",
    "read_package",
    "refused_for",
    "sealed",
    "verify",
    "write_package",
]
