"""What the page says across the room: is it sharp, what must I do, and the same in the window's title.

Green is said only of what somebody knows: until a person has confirmed an image, nobody does.
"""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from mhfd_client.files import shown, text_of
from mhfd_client.journal.rows import Outcome
from mhfd_client.page.model import PageModel

Kind = Literal["good", "watch", "bad", "unsure", "none"]
WORDS: Final = {
    Outcome.IN_FOCUS: "in focus",
    Outcome.OUT_OF_FOCUS: "out of focus",
    Outcome.UNDETERMINED: "can't tell",
    Outcome.INCOMPLETE: "incomplete",
}
SIGNS: Final = {
    Outcome.IN_FOCUS: "\u25cf",
    Outcome.OUT_OF_FOCUS: "\u25bc",
    Outcome.UNDETERMINED: "\u25c6",
    Outcome.INCOMPLETE: "\u2715",
}
UNSURE_SIGN: Final = "\u25cb"
"""In focus, provisionally."""
NOT_CONFIRMED: Final = "Not confirmed yet"


@dataclass(frozen=True, slots=True)
class Banner:
    """A cell of the header. `kind` is its colour; the sign at the beginning of `text` says the same without one."""

    kind: Kind
    text: str
    more: str
    asks: bool = False
    """Whether an answer to the question would change it."""


def sharpness(model: PageModel) -> Banner:
    """Is it sharp?"""
    recent = model.recent()
    if model.drifts:
        first = model.drifts[0]
        return Banner(
            "bad", f"▼ {'Focus drifts' if first['kind'] == 'sharpness' else 'Drift: check it'}", first["sentence"]
        )
    if not recent:
        return Banner("none", "◇ No image yet", "the first verdict comes with the first image")
    total, counted = sum(recent.values()), _counted(recent)
    out, sharp = recent[Outcome.OUT_OF_FOCUS], recent[Outcome.IN_FOCUS]
    if not model.confirmed:
        counted = counted.replace(WORDS[Outcome.IN_FOCUS], f"{WORDS[Outcome.IN_FOCUS]} provisionally")
        said = f"last {total}: {counted}; nobody has said yet what sharp looks like here"
        return Banner("unsure", f"? {NOT_CONFIRMED}", said, asks=model.question is not None)
    said = f"last {total}: {counted}"
    if out:
        return Banner("bad" if out > 1 else "watch", f"▼ {out} of {total} out of focus", said)
    if not sharp:
        return Banner("watch", f"{SIGNS[recent.most_common(1)[0][0]]} Can't tell", said)
    if not model.recent_final():
        return Banner("unsure", "? In focus, provisionally", said, asks=model.question is not None)
    return Banner("good", "● In focus", said)


def tasks(model: PageModel) -> list[str]:
    """What must I do? The first thing first."""
    asked = "answer a question" if model.confirmed else "say which images are sharp"
    return [
        *(["see the red line below"] if model.troubles or model.alerts or model.unheard else []),
        *([f"{len(model.retake):,} to take again"] if model.retake else []),
        *([f"{len(model.missing):,} missing"] if model.missing else []),
        *([asked] if model.question else []),
    ]


def todo(model: PageModel) -> Banner:
    """What must I do?"""
    wanted = tasks(model)
    if wanted:
        kind: Kind = "bad" if model.troubles or model.alerts or model.unheard else "watch"
        return Banner(kind, f"▲ {wanted[0]}", ", ".join(wanted[1:]))
    if model.entries and not model.confirmed:
        return Banner("unsure", "? Nothing yet", "the station asks you as soon as it has enough images to choose from")
    return Banner("good", "✓ Nothing", "")


def name_of(root: str) -> str:
    """What a run is called: the last part of the watched folder, which need not be text."""
    return shown(text_of(os.path.basename(root.rstrip(os.sep)) or root))  # noqa: PTH119 - it need not be UTF-8


def title(model: PageModel, root: str) -> str:
    """The window's: the state, then the run's name, so that a row of tabs tells one run from the other."""
    sharp, wanted = sharpness(model), tasks(model)
    words = wanted[0].replace("see the red line below", "trouble") if wanted else ""
    if sharp.kind == "unsure":
        words = f"{words}, not confirmed" if model.retake or words == "trouble" else sharp.text[2:].lower()
    return f"{_sign(model)} {words or _going(model)} - {name_of(root)} - mhfd"


def icon(model: PageModel) -> Kind:
    """The kind of the window's icon: the worst of what the cells say."""
    sharp = sharpness(model).kind
    if not model.running:
        return "none" if model.beat is None or model.beat.doing == "stopped" else "bad"
    if model.troubles or model.alerts or model.unheard or sharp == "bad":
        return "bad"
    if sharp == "good" and (model.retake or model.missing or model.question):
        return "watch"
    return sharp


def _sign(model: PageModel) -> str:
    beat = model.beat
    if model.running and beat is not None:
        return "◆" if beat.doing.startswith("waiting") else "▶"
    return "◇" if beat is None else "■" if beat.doing == "stopped" else "✕"


def _going(model: PageModel) -> str:
    if model.running:
        return "running"
    return {"◇": "not yet", "■": "stopped", "✕": "no sign of life"}[_sign(model)]


def _counted(recent: Counter[Outcome]) -> str:
    return ", ".join(f"{n} {WORDS[outcome]}" for outcome, n in recent.items())
