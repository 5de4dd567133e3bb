"""An id in Globus, as a person wrote it. Asks nobody whether it is known there."""

from typing import Final
from uuid import UUID

from mhfd.errors import UsageError
from mhfd_client.errors import SettingsError

_SHOWN: Final = 40
"""Characters; what is longer may be a secret in the wrong place, and is not repeated."""


def id_of(text: object, field: str, *, do: str = "", error: type[UsageError] = UsageError) -> UUID:
    """The id that a field names; else the error, with what to `do` beside writing it in the form that ids have."""
    value = str(text).strip()
    try:
        return UUID(value)
    except ValueError:
        shown = "" if len(value) > _SHOWN else f" = {value!r}"
    more = f"; {do}" if do else ""
    raise error(f"{field}{shown}: is no id; it has the form of 01234567-89ab-cdef-0123-456789abcdef{more}")


def id_set(key: str, text: str | None) -> str:
    """The id that a setting names, as text. SettingsError."""
    return str(id_of(text, key, error=SettingsError))
