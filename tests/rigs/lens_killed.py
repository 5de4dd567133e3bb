"""A repair in a process of its own, which kills itself (SIGKILL) at a call to the instrument: STATE SCOPE STEP."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from mhfd_client.adjustment.applying import apply_once
from mhfd_client.instruments.pretend_scope import PretendScope
from tests.rigs.lens_rig import Dying, LensRig, Teller


def main(state: str, scope: str, step: str) -> None:
    """Until it is dead."""
    rig = LensRig(PretendScope(Path(scope)), Path(state))
    dying = Dying(rig.instrument(), int(step), done=True, end=lambda: os.kill(os.getpid(), signal.SIGKILL))
    apply_once(rig.state, really=True, ask=Teller(rig, gain=0.7), instrument=dying, field="a field")


if __name__ == "__main__":
    main(*sys.argv[1:])
