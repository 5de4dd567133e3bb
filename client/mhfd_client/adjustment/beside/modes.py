"""What a watch may do with a lens, and whether the instrument's file goes along with it. Asks no instrument."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mhfd.errors import ExtraMissing
from mhfd_client.errors import SettingsError
from mhfd_client.files import shown
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of

AdjustMode = Literal["record", "propose", "apply"]


def instrument_for(mode: AdjustMode, state_dir: Path) -> InstrumentConfig | None:
    """The instrument that a watch in this mode asks. None: there is none, and the most there is is a number.

    SettingsError where its file does not allow what the mode would do, ExtraMissing where nobody could be asked.
    """
    file = state_dir / NAME
    if not file.exists():
        if mode == "apply":
            raise SettingsError(
                f"--adjust apply: {shown(file)} is not there, so no lens can be moved; write it, or use --adjust record"
            )
        return None
    config = config_of(state_dir)
    allowed = {"off": ("record",), "propose": ("record", "propose"), "apply": ("record", "propose", "apply")}
    if mode not in allowed[config.allow]:
        raise SettingsError(
            f'--adjust {mode}: {shown(file)} says allow = "{config.allow}"; write allow = "{mode}" there, or use '
            f"--adjust {allowed[config.allow][-1]}"
        )
    if mode != "record" and find_spec("onnxruntime") is None:  # looked for and not loaded: a watch loads no package
        raise ExtraMissing(f"--adjust {mode} asks a learned package: pip install 'mhfd[models]'")
    return config
