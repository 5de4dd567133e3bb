"""Which packages of a library suit a microscope, by its first images: scores, ranks, and what is worth training.

asking    the way in: a dataset and a library's packages -> an `Assessment`
scoring   what a package is worth on one image, by its task
picturing the same of packages that make pictures
standing  how much of a score, and of a difference, is chance
choosing  who stands where, and what is to be trained

Sees the training side of a dataset alone: who has earned a place is asked on the other one, by `promotion`.
"""

from mhfd.learning.assessing.asking import assess

__all__ = ["assess"]
