"""Whether a model earned its place: who may stand against mhfd, and how much doubt a whole life of tests allows.

It decides and writes down; it makes nobody champion. That is `packages`, on the ground of what is decided here.
"""

from mhfd.learning.promotion.life import LIFE, Life

__all__ = ["LIFE", "Life"]
