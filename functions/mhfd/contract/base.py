"""What all models of the contract are, and the versions that they carry."""

from typing import Final

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

METHOD_VERSION: Final = 1
"""Part of every `params_id`: raised when the same parameters give other numbers."""


class Model(BaseModel):
    """Frozen, strict about unknown fields, NaN-free."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
