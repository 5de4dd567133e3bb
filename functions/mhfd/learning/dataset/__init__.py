"""Labelled images with their groups and the split between training and test; built, checked, and kept in one file.

Nothing here learns, measures focus or knows a station's journal.
"""

from mhfd.learning.dataset.rows import (
    BesideImage,
    Dataset,
    DatasetRow,
    ImageCause,
    Origin,
    RecordedPair,
    Side,
    SourceGroup,
    Target,
)

__all__ = [
    "BesideImage",
    "Dataset",
    "DatasetRow",
    "ImageCause",
    "Origin",
    "RecordedPair",
    "Side",
    "SourceGroup",
    "Target",
]
