"""`instrument.toml` in a station's state folder: which instrument, where, and what may be done to it. Only read here.

Nothing of ours writes it, and the page cannot: whoever may write to the state folder decides what a lens may do.
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mhfd_client.errors import SettingsError
from mhfd_client.files import shown

NAME: Final = "instrument.toml"
_MOST_BYTES: Final = 1 << 16
_ROOT: Final = 0

Allow = Literal["off", "propose", "apply"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SoftLimits(_Table):
    """How far a lens may be moved by mhfd; within what the instrument itself allows."""

    low_um: float = Field(description="the shortest working distance")
    high_um: float = Field(description="the longest")
    step_um: float = Field(10.0, gt=0, le=10.0, description="of one move")
    hour_um: float = Field(50.0, gt=0, le=1000.0, description="of all moves of an hour, added up")

    @model_validator(mode="after")
    def _in_order(self) -> SoftLimits:
        if not self.low_um < self.high_um:
            raise ValueError(f"low_um: {self.low_um:g} has to be below high_um, {self.high_um:g}")
        return self


class InstrumentConfig(_Table):
    """What the file says."""

    kind: Literal["pretend", "openfibsem", "micromanager", "sbemimage", "serialem"]
    address: str = Field(description="http://host:port, host:port, or the folder that the operator's script reads")
    name: str | None = Field(None, max_length=100, description="what it is called; unset: what it says itself")
    token_file: str | None = Field(None, description="micromanager: the file that its bridge was given as --token-file")
    allow: Allow = "off"
    limits: SoftLimits
    perturbation_um: float = Field(2.0, ge=1.0, le=10.0, description="a pair is taken this far on both sides")
    images_a_field: int = Field(6, ge=2, le=50, description="so many images of a field are taken to mend it: dose")
    tries_a_section: int = Field(2, ge=1, le=10, description="then a person is asked")
    expires_s: float = Field(60.0, gt=0, le=600.0, description="an instruction that is older is not carried out")
    timeout_s: float = Field(60.0, gt=0, le=600.0, description="for one answer of the instrument")

    @model_validator(mode="after")
    def _is_a_distance(self) -> InstrumentConfig:
        # A working distance ends at the lens. The scale of a light microscope's focus drive has its zero anywhere, and
        # what SerialEM turns is a defocus.
        if self.kind not in ("micromanager", "serialem") and self.limits.low_um < 0:
            raise ValueError(f"limits.low_um: {self.limits.low_um:g} has to be 0 or more: it is a distance")
        return self


def _check_owner(file: Path, status: os.stat_result) -> None:
    """Who may write to it decides what a lens may do: its owner, who runs mhfd, or root; on Windows nobody asks."""
    if sys.platform == "win32":
        return
    if status.st_uid not in (_ROOT, os.getuid()):
        raise SettingsError(f"{shown(file)}: belongs to another user, who would decide what the lens may do; own it")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            f"{shown(file)}: others may write to it, who would decide what the lens may do; chmod go-w {shown(file)}"
        )


def config_of(state_dir: Path) -> InstrumentConfig:
    """What the file of a state folder says. SettingsError names the file, the key and what to do."""
    file = state_dir / NAME
    try:
        with file.open("rb") as opened:
            _check_owner(file, os.fstat(opened.fileno()))
            data = opened.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError(
            f"{shown(file)}: there is none, so no instrument is known; write one with kind, address and [limits]"
        ) from None
    except OSError as error:
        raise SettingsError(f"{shown(file)}: cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise SettingsError(f"{shown(file)}: is larger than 64 KiB: no file of an instrument")
    try:
        told = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{shown(file)}: is no TOML: {error}") from None
    try:
        return InstrumentConfig.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{shown(file)}: {where + ': ' if where else ''}{message}; mend the file") from None
