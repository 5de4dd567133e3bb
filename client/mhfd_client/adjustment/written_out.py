"""An instruction as text: for a person, or for the Python of SBEMimage or SerialEM. Runs nothing.

Each text checks what an instruction is bound to (its time, where the lens has to stand, where it stands afterwards), as
nobody else does where a person runs it. Tried with stand-ins for the programs' modules, not on the programs.
"""

from __future__ import annotations

from typing import Final, Literal

from mhfd_client.adjustment.instructions import Instruction
from mhfd_client.adjustment.outstanding import SAME_UM
from mhfd_client.times import local

Form = Literal["person", "sbemimage", "serialem"]

_PROGRAMS: Final = {
    # SBEMimage's class of a microscope, in metres, as `sem` in its console
    "sbemimage": ("", "sem.get_wd() * 1e6", "sem.set_wd({um!r} * 1e-6)"),
    # the Python module of SerialEM, in um
    "serialem": ("import serialem\n", "float(serialem.ReportDefocus())", "serialem.SetDefocus({um!r})"),
}


def written_out(instruction: Instruction, form: Form) -> str:
    """The text."""
    if form == "person":
        return _for_person(instruction)
    imports, read, write = _PROGRAMS[form]
    one = instruction
    start, end = round(one.from_um, 3), round(one.to_um, 3)
    return f"""\
# mhfd instruction {one.id} for {one.instrument!r}
# working distance {one.by_um:+.3f} um, from {one.from_um:.3f} to {one.to_um:.3f} um; good until {local(one.expires_at)}
# to take it back: {write.format(um=start)}
import time
{imports}
if not {one.made_at!r} <= time.time() <= {one.expires_at!r}:
    raise SystemExit("this instruction has expired; nothing was set")
stands_um = {read}
if not abs(stands_um - {start!r}) <= {SAME_UM!r}:
    raise SystemExit(f"the lens stands at {{stands_um:.3f}} um, not at {one.from_um:.3f}; nothing was set")
{write.format(um=end)}
stands_um = {read}
if not abs(stands_um - {end!r}) <= {SAME_UM!r}:
    raise SystemExit(f"told {one.to_um:.3f} um, the lens stands at {{stands_um:.3f}} um; it was at {one.from_um:.3f}")
"""


def _for_person(one: Instruction) -> str:
    longer = "longer" if one.by_um > 0 else "shorter"
    capped = f" The package said {one.proposed_um:+.3f} um; one move may be {one.step_um:g}." * one.is_clamped
    return (
        f"{one.instrument}: if the working distance is {one.from_um:.3f} um ({one.from_um / 1000:.6f} mm), set it to "
        f"{one.to_um:.3f} um ({one.to_um / 1000:.6f} mm): {one.by_um:+.3f} um, {longer}.{capped} Do it before "
        f"{local(one.expires_at)}, then look: if the image is not sharper, set {one.from_um:.3f} um again. "
        f"Why: {one.why}.\n"
    )
