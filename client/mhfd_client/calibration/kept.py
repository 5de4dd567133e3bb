"""The file of a calibration: written whole, and read with a clear word on what is wrong with it."""

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mhfd.errors import UsageError
from mhfd_client.files import shown, write_whole
from mhfd_client.verdicts.blur.calibration import Calibration

_MOST_BYTES: Final = 1 << 20
_AGAIN: Final = "make it anew with `mhfd calibrate`, or name another file"


def save(calibration: Calibration, file: Path) -> None:
    """Write it: whole, or not at all. StateError."""
    write_whole(file, f"{calibration.model_dump_json(indent=2)}\n".encode())


def load(file: Path) -> Calibration:
    """What a file says. UsageError, which names the file and what is wrong with it."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown(file)}: cannot be read: {error.strerror}; name a calibration's file") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{shown(file)}: is no calibration: it is larger than 1 MiB; {_AGAIN}")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{shown(file)}: is no calibration: it is not JSON; {_AGAIN}") from None
    if not isinstance(told, dict) or "um_a_px" not in told:
        raise UsageError(f"{shown(file)}: is no calibration: it has no um_a_px; {_AGAIN}")
    version = told.get("schema_version")
    if version != Calibration.model_fields["schema_version"].default:
        raise UsageError(f"{shown(file)}: its version is {version!r}, which this mhfd does not know; {_AGAIN}")
    try:
        return Calibration.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{shown(file)}: {where + ': ' if where else ''}{message}; {_AGAIN}") from None
