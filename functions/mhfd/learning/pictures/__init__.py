"""How good the pictures are that packages make: beside classical ways, by truth, masks and second takes of a field."""

from mhfd.learning.pictures.classical import PictureTask
from mhfd.learning.pictures.scoring import MEASURE, classical_scores, image_scores

__all__ = ["MEASURE", "PictureTask", "classical_scores", "image_scores"]
