"""What all models of the contract are, and the versions that they carry."""

from typing import Final

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

METHOD_VERSION: Final = 3
"""Part of every `params_id`: raised when the same parameters give other numbers.

1 was the first; 2 was written where a data bar is left out that 1 had measured with the image; 3 has a cross-spectrum
that knows coloured noise, and a profile. The density of one image is the same in all, but for such a bar.
"""

CROSS_SPECTRUM_VERSIONS: Final = (1, 3)
"""The versions that gave the cross-spectrum another meaning: two of different meaning are never compared."""


class Model(BaseModel):
    """Frozen, strict about unknown fields, NaN-free."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
