"""What everything that crosses the wire is, and the versions that they carry."""

from typing import Final

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

METHOD_VERSION: Final = 4
"""Part of every `params_id`: raised when the same parameters give other numbers.

1 was the first; 2 was written where a data bar is left out that 1 had measured with the image; 3 has a cross-spectrum
that knows coloured noise, and a profile; 4 looks at a quarter of a large image's tissue at least, and at more of sparse
tissue, where 3 looked at 256 blocks of any. The density of one image is the same in all, but for such a bar.
"""

CROSS_SPECTRUM_VERSIONS: Final = (1, 3)
"""The versions that gave the cross-spectrum another meaning: two of different meaning are never compared."""


def meaning_of(version: int) -> int:
    """The version that gave the cross-spectrum the meaning that it has in this one."""
    return max(known for known in CROSS_SPECTRUM_VERSIONS if known <= max(version, 1))


class Wire(BaseModel):
    """Frozen, strict about unknown fields, NaN-free."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
