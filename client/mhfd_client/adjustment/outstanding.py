"""Where the lens was before something moved it that has not ended: on the disk before it moves, gone when it is over.

Moves nothing. What it says is what a start-up needs to put a lens back: its place, and every place where a program of
ours may have left it. A lens that stands elsewhere was moved by somebody else.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mhfd_client import files
from mhfd_client.adjustment import places
from mhfd_client.errors import StateDamaged, StateError
from mhfd_client.files import shown

SAME_UM: Final = 0.05
"""Two working distances that differ by less are the same: instruments round what they are told."""
EXACT_UM: Final = 0.001
"""What differs by less needs no setting."""
ROUNDING_UM: Final = 1e-6
"""More than a sum of floats is wrong by."""
_MOST_BYTES: Final = 1 << 16


class Outstanding(BaseModel):
    """One thing that was begun with the lens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    why: str = Field(description="what was begun, for a person")
    instrument: str = Field(description="its name")
    at: float = Field(default_factory=time.time)
    actor: str
    home_um: float = Field(description="the working distance that the lens goes back to")
    trial: str | None = Field(None, description="the instruction whose move is not verified yet; none in a mere pair")
    may_be_at: tuple[float, ...] = Field((), description="every other one that it was, or is about to be, set to")

    def ours(self, working_distance_um: float) -> bool:
        """Whether a lens that stands there was left so by what was begun."""
        return any(abs(working_distance_um - um) <= SAME_UM for um in (self.home_um, *self.may_be_at))


def outstanding_of(state_dir: Path) -> Outstanding | None:
    """What has not ended. StateDamaged where the file is no such thing: then nobody knows where the lens belongs."""
    path = places.outstanding(state_dir)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot read {shown(path)}: {error.strerror}") from error
    try:
        return Outstanding.model_validate_json(data)
    except ValidationError:
        raise StateDamaged(
            f"{shown(path)}: says where the lens belongs, and cannot be read; look at the lens, set it by hand, "
            "then say so: mhfd adjust undo DIR --forget"
        ) from None


def put(state_dir: Path, outstanding: Outstanding) -> None:
    """Keep it; on the disk when this returns."""
    path = places.outstanding(state_dir)
    files.make_folder(path.parent)
    files.write_whole(path, outstanding.model_dump_json(indent=1).encode())
    files.sync_folder(path.parent)


def drop(state_dir: Path) -> None:
    """It is over."""
    path = places.outstanding(state_dir)
    with files.named(path):
        path.unlink(missing_ok=True)
    files.sync_folder(path.parent)


def way_back(state_dir: Path) -> str:
    """How a lens that is not back comes back, in words."""
    return (
        f"{shown(places.outstanding(state_dir))} keeps it: the next `mhfd adjust` or `mhfd propose` of this folder "
        "puts it back; set by hand, say so: mhfd adjust undo DIR --forget"
    )
