"""Are the sidecars there, whole, and what the journal says now?"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mhfd_client.errors import StateError
from mhfd_client.files import text_of, write_whole
from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.sidecars import Recorder, sidecar_of, sum_holds
from mhfd_client.settings.load import Loaded
from mhfd_client.soundness.flaw import Kind, StateFlaw, moved_aside

_DO: Final = "`mhfd check DIR --repair` writes it again"
_OF_THEIR_TIME: Final = ("settings", "versions", "schema_version", "steps_ms", "sum")
"""Parts of a sidecar that say how it was when it was written, or follow from others."""
_PARTS: Final = {"image": "thumbnail", "times": "recorded"}
"""Likewise: a picture may have gone since, and the journal knows when it was recorded after that."""


Opened = Callable[[], AbstractContextManager[JournalView]]


def sidecar_flaws(opened: Opened, loaded: Loaded, state_dir: Path) -> Iterator[StateFlaw]:
    """Of each image that is recorded."""
    with opened() as view:
        for file, image, what in _flaws(view, Recorder(state_dir, view, loaded), state_dir):
            mend = partial(_written, opened, loaded, state_dir, image)
            yield StateFlaw(Kind.SIDECAR, text_of(file), what, _DO, mend)


def _flaws(view: JournalView, recorder: Recorder, state_dir: Path) -> Iterator[tuple[Path, int, str]]:
    for image in view.ids(State.RECORDED):
        try:
            row = view.image(image)
            file = sidecar_of(state_dir, row.path, row.revision)
            what = _what(view, recorder, image, file)
            if what is not None and view.image(image) == row:  # else the station was writing
                what = _what(view, recorder, image, file)
        except (StateError, ValueError):
            continue  # its row is named already
        if what is not None:
            yield file, image, what


def _what(view: JournalView, recorder: Recorder, image: int, file: Path) -> str | None:
    try:
        data = file.read_bytes()
    except OSError as e:
        return f"it cannot be read ({e.strerror or e})"
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        return "it is no JSON"
    holds = sum_holds(data)
    if holds is False or (holds is None and "sum" in plain):
        return "it is not what was written: its sum differs"
    content = _content(view, recorder, image)
    if content is None or view.image(image).state is not State.RECORDED:
        return None
    if _told(plain) != _told(json.loads(content[1])):
        return "it says something else than the journal"
    return None


def _content(view: JournalView, recorder: Recorder, image: int) -> tuple[Path, bytes] | None:
    row = view.image(image)
    if row.report is None or row.verdict is None:
        return None
    try:
        return recorder.sidecar(row, view.report(row.report), view.verdict(row.verdict))
    except (StateError, ValidationError):
        return None


def _told(sidecar: Any) -> Any:
    """What must agree."""
    if not isinstance(sidecar, dict):
        return None
    left = {key: value for key, value in sidecar.items() if key not in _OF_THEIR_TIME}
    for part, one in _PARTS.items():
        if isinstance(left.get(part), dict):
            left[part] = left[part] | {one: None}
    return left


def _written(opened: Opened, loaded: Loaded, state_dir: Path, image: int) -> bool:
    with opened() as view:
        content = _content(view, Recorder(state_dir, view, loaded), image)
    if content is None:
        return False
    try:
        write_whole(*content)
    except StateError:
        return moved_aside(content[0]) and _written(opened, loaded, state_dir, image)
    return True
