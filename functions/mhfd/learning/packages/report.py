"""The report that a promotion rests on: sealed, so that what was decided is what is read.

Only what a promotion needs of it is understood here; the rest is `evaluation`'s and `promotion`'s. The seal finds a
report that was changed or cut off; it is no signature.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from mhfd.errors import UsageError
from mhfd.learning.packages.card import ModelTask

PROMOTED: Final = "promoted"
_MOST_BYTES: Final = 16 << 20


class PromotionGround(BaseModel):
    """What the report of a comparison says of a promotion."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    task: ModelTask
    instrument: str | None = None
    """The microscope that it was decided for; None: no one in particular."""
    decision: str
    reason: str
    challenger: str | None
    champion: str
    digest: str


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its `digest`, the sha256 of all else in it."""
    return {**document, "digest": _seal_of(document)}


def read_ground(path: Path) -> PromotionGround:
    """What a report says; UsageError when it is none, or was changed since it was written.

    Args:
        path: The report, or the folder that holds it as report.json.
    """
    return read_report(path)[0]


def read_report(path: Path) -> tuple[PromotionGround, bytes]:
    """The same, and its bytes, so that what was looked at is what is kept."""
    if path.is_dir():
        path = path / "report.json"
    again = "run `mhfd evaluate --out DIR` (of moves: `mhfd adjust learn`) again, and give its report"
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"has more than {_MOST_BYTES} bytes")
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("is no JSON object")
        ground = PromotionGround.model_validate(document)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}; {again}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: is no report of a comparison: {where}: {first['msg']}; {again}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is no report of a comparison: {error}; {again}") from None
    if ground.digest != _seal_of(document):
        raise UsageError(f"{path}: has been changed since it was written: its digest does not fit; {again}")
    return ground, data


def kept_report(home: Path, digest: str) -> Path:
    """Where a library keeps the report that a promotion rests on."""
    return home / "reports" / f"{digest}.json"


def _seal_of(document: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in document.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()
