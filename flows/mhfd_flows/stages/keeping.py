"""What took hours is not lost with a run that comes to nothing after it: it goes home, and the run's folder stays.

Another run with the same key, in the same folder, goes on there: each work is known by its key, and is not done again.
Only what would end in the same way again is cleaned up.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from mhfd_flows.build import Fault, FlowStage, Keeping
from mhfd_flows.parts.states import ON, choice, computed, three_times, when
from mhfd_flows.stages.acting import Names
from mhfd_flows.stages.staging import clean, moved

_FINAL: Final = ("WorkFailed", "WorkCancelled")
"""How work ends for ever, whoever asks again."""
_CUT_OFF: Final = ("WorkLost", "WorkNotEnded")
"""How a run ends that leaves a work half done."""


def clean_or_keep(made: tuple[str, ...], parts: tuple[str, ...]) -> FlowStage:
    """As `clean`, but where something was made and a later part came to nothing.

    Args:
        made: The parts whose artefacts are worth it, in order. Each keeps `folder`, where these lie.
        parts: All parts.
    """
    cleaning = clean()
    keeping = Keeping(
        made,
        _errors(parts, _FINAL),
        _errors(made[:1], _CUT_OFF),
        "What was trained, if anything was, stays there, and a run with the same key and folder goes on with it; all "
        "else is gone.",
    )
    folders = ", ".join(f"getattr('{Names(part).counter('act')}.folder', '')" for part in made)
    any_made = f"len([f for f in [{folders}] if f != '']) > 0"
    worth = f"(True if {any_made} else getattr('there', '') != '')"
    mended = f"outcome.error != '' and outcome.error not in {[*keeping.final]}"
    ask = {
        "any.=": f"outcome.error != '' and {any_made}",
        "stays.=": f"True if outcome.error in {[*keeping.cut_off]} else {mended} and {worth}",
    }
    kept = "'mhfd-work-' + f.rpartition('/mhfd-work-')[2]"
    data: Any = (
        f"[{{'source_path': plan.work + {kept} + '/', 'destination_path': results.path.rstrip('/') + "
        f"'/' + {kept} + '/', 'recursive': True}} for f in [{folders}] if f != '']"
    )
    save = moved("What was made goes home.", "staging", "results", {"DATA.=": data}, "saved")
    states = {
        "LookBack": computed("Did it come to nothing after something was made?", ask, "made", "AnythingMade"),
        "AnythingMade": choice("What was made goes home first.", [when("made.any", True, "SaveMade")], "StaysOrGoes"),
        **three_times("SaveMade", save, short="Save", counter="save", lost=ON, then="StaysOrGoes"),
        "StaysOrGoes": choice("Can another run go on here?", [when("made.stays", True, ON)], "Clean"),
    }
    return replace(
        cleaning,
        states=states | cleaning.states,
        places={"SaveMade": "save", **cleaning.places},
        faults=(
            Fault("save-fails-once", "the transfer of what was made fails, once", "save", "failed", times=1),
            Fault("save-fails", "the transfer of what was made fails each time", "save", "failed"),
            *cleaning.faults,
        ),
        keeping=keeping,
    )


def _errors(parts: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(Names(part).state(kind) for part in parts for kind in kinds)
