"""What all models of the contract are, and the versions that they carry."""

from typing import Final

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

METHOD_VERSION: Final = 1
"""Part of every `params_id`: raised when the same parameters give other numbers."""

PART_VERSION: Final = 2
"""The same for an image of which only a part is measured by a rule that version 1 did not know: a data bar left out."""


class Model(BaseModel):
    """Frozen, strict about unknown fields, NaN-free."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
