"""The file of a calibration: written whole, and read with a clear word on what is wrong with it.

It has two parts, and may have one alone: what a focus series says of blur (`mhfd calibrate`), and what a known move
says of a package's proposals (`mhfd adjust calibrate`). Whoever writes one keeps the other.
"""

import json
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from mhfd.contract.proposal import PairCalibration
from mhfd.errors import UsageError
from mhfd_client.files import shown, write_whole
from mhfd_client.verdicts.blur.calibration import Calibration

M = TypeVar("M", bound=BaseModel)
_INDUCED: Final = "induced"
"""The key of the part that a known move gave; all others are of the series."""
_VERSION: Final = "schema_version"
_MOST_BYTES: Final = 1 << 20
_AGAIN: Final = "make it anew with `mhfd calibrate`, or name another file"
_ANEW: Final = "make it anew with `mhfd adjust calibrate`, or name another file"


def save(calibration: Calibration, file: Path) -> None:
    """Write what a series says: whole, or not at all. StateError."""
    _write(file, calibration.model_dump(mode="json") | _others(file, {_INDUCED}))


def save_induced(calibration: PairCalibration, file: Path) -> None:
    """Write what a known move says: whole, or not at all. StateError."""
    series = _others(file, {*Calibration.model_fields} - {_VERSION})
    _write(file, {_VERSION: _version_of(Calibration)} | series | {_INDUCED: calibration.model_dump(mode="json")})


def load(file: Path) -> Calibration:
    """What a series says, by a file. UsageError, which names the file and what is wrong with it."""
    told = _read(file, _AGAIN)
    alone = told.pop(_INDUCED, None) is not None and not told.keys() - {_VERSION}
    if "um_a_px" not in told:
        has = "it says what a known move gave, and nothing of a focus series" if alone else "it has no um_a_px"
        raise UsageError(f"{shown(file)}: is no calibration: {has}; {_AGAIN}")
    return _checked(Calibration, told, file, _AGAIN)


def load_induced(file: Path) -> PairCalibration:
    """What a known move says, by a file. UsageError, which names the file and what is wrong with it."""
    told = _read(file, _ANEW).get(_INDUCED)
    if not isinstance(told, dict):
        raise UsageError(
            f"{shown(file)}: says nothing of a known move; `mhfd adjust calibrate --out {shown(file)}` adds that"
        )
    return _checked(PairCalibration, told, file, _ANEW)


def _checked(kind: type[M], told: dict[str, Any], file: Path, do: str) -> M:
    version = told.get(_VERSION)
    if version != _version_of(kind):
        raise UsageError(f"{shown(file)}: its version is {version!r}, which this mhfd does not know; {do}")
    try:
        return kind.model_validate_json(json.dumps(told))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{shown(file)}: {where + ': ' if where else ''}{message}; {do}") from None


def _version_of(kind: type[BaseModel]) -> Any:
    return kind.model_fields[_VERSION].default


def _read(file: Path, do: str) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown(file)}: cannot be read: {error.strerror}; name a calibration's file") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{shown(file)}: is no calibration: it is larger than 1 MiB; {do}")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{shown(file)}: is no calibration: it is not JSON; {do}") from None
    if not isinstance(told, dict):
        raise UsageError(f"{shown(file)}: is no calibration: it has no um_a_px; {do}")
    return told


def _others(file: Path, keys: set[str]) -> dict[str, Any]:
    """What a file holds of these keys; nothing of one that is not there, or that is no calibration."""
    try:
        told = _read(file, _AGAIN)
    except UsageError:
        return {}
    return {key: value for key, value in told.items() if key in keys}


def _write(file: Path, told: dict[str, Any]) -> None:
    write_whole(file, f"{json.dumps(told, indent=2)}\n".encode())
