"""How a work is, in words: for a line, a bar and the list. It asks nobody and decides nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mhfd.contract.request import Code
from mhfd.contract.work import Artefact, Progress, WorkAnswer, WorkState
from mhfd_client.progress import Bar
from mhfd_client.runners.work import AT_FAULT
from mhfd_client.times import local
from mhfd_client.works.kept_work import KeptWork

_THERE: Final = {Code.NOT_ALLOWED, Code.NO_FUNCTION, Code.NO_EXTRA, Code.NO_MHFD}
"""What the endpoint's administrator changes."""
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def progress_told(progress: Progress | None) -> str:
    """As `12 of 40 files (30%): section_012.tif`."""
    if progress is None:
        return "nothing is known of how far it is"
    many = _number(progress.done)
    if progress.total:
        many += f" of {_number(progress.total)}"
    share = f" ({progress.done / progress.total:.0%})" if progress.total else ""
    return f"{many} {progress.unit}{share}" + (f": {progress.note}" if progress.note else "")


def answer_told(answer: WorkAnswer) -> str:
    """What was heard, in one line."""
    again = f", taken up {answer.taken_up} times" if answer.taken_up > 1 else ""
    why = "; ".join(
        one.why if one.code in AT_FAULT or not one.remedy else f"{one.why}: {one.remedy}" for one in answer.errors
    )
    match answer.state:
        case WorkState.MORE:
            return f"under way: {progress_told(answer.progress)}{again}"
        case WorkState.ELSEWHERE:
            return f"a worker has it: {progress_told(answer.progress)}{again}"
        case WorkState.DONE:
            return f"done{again}" + (f", with errors: {why}" if why else "")
        case WorkState.CANCELLED:
            return ("cancelled: " + progress_told(answer.progress) if answer.progress else "cancelled") + again
        case WorkState.FAILED:
            return f"failed: {why or 'it did not say why'}" + _made_before(answer)
        case _:
            return f"not taken: {why or 'the endpoint did not say why'}"


def _made_before(answer: WorkAnswer) -> str:
    folders = dict.fromkeys(str(Path(one.path).parent) for one in answer.artefacts)
    return f"; what was made before is in {' and '.join(folders)}" if folders else ""


def state_told(kept: KeptWork) -> str:
    """How it is, as far as this machine has heard."""
    return "asked for, and nothing was heard of it yet" if kept.answer is None else answer_told(kept.answer)


def next_told(kept: KeptWork) -> str:
    """What a person does next about a work that has not ended."""
    codes = {error.code for error in kept.answer.errors} if kept.answer and kept.answer.state is None else set()
    if Code.WRONG_KEY in codes:
        return "to do: begin it with another key"
    if codes & _THERE:
        return f"once that is changed there: mhfd work follow {kept.key}"
    if codes & AT_FAULT:
        return "to do: correct that, and begin it again; the same key may be used"
    return f"goes on: mhfd work follow {kept.key}"


def left_told(kept: KeptWork) -> str:
    """What becomes of it while nobody follows."""
    if kept.via == "flow":
        return "its run goes on at Globus"
    return "what has begun there goes on to the end of its turn"


def artefact_told(artefact: Artefact) -> str:
    """A file of its result: what, how large, which, where, and how one comes to it."""
    where = "here" if is_here(artefact) else "on the endpoint's side, not seen from here"
    return f"{artefact.kind}  {artefact.path}  {_size(artefact.bytes)}  sha256 {artefact.sha256}  ({where})"


def is_here(artefact: Artefact) -> bool:
    """Whether this machine sees a file of that path and size. Its digest is not computed."""
    try:
        found = Path(artefact.path).stat()
    except (OSError, ValueError):
        return False
    return found.st_size == artefact.bytes


def lines_told(kept: KeptWork) -> Iterator[str]:
    """All that is known of it."""
    yield f"{kept.key}  {kept.function} on endpoint {kept.endpoint}, by {kept.via}"
    yield f"  begun {local(kept.begun_s)}"
    if kept.into is not None:
        yield f"  its folder there lies in {kept.into}"
    if kept.options:
        yield "  options: " + ", ".join(f"{name}={value}" for name, value in kept.options.items())
    heard = "" if kept.heard_s is None else f" (heard {local(kept.heard_s)})"
    yield f"  {state_told(kept)}{heard}"
    if kept.answer is not None:
        for note in kept.answer.notes:
            yield f"  note: {note.why}"
        for artefact in kept.answer.artefacts:
            yield f"  {artefact_told(artefact)}"
    if kept.ended is None:
        yield f"  {next_told(kept)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.4g}"


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def on_bar(shown: Bar, answer: WorkAnswer) -> None:
    """How far it is, where somebody looks."""
    if answer.progress is not None:
        if answer.progress.total:
            shown.of(answer.progress.total)
        shown.reach(answer.progress.done)
    shown.say(answer_told(answer))
