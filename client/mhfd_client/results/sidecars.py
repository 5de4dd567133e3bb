"""[5] Sidecars: one file an image that says everything about it, for whoever finds it in ten years.

They mirror the watched tree below `STATE/records`, and each stands alone: the verdict with its numbers, its threshold
and where that came from, the history of verdicts, the whole report, the versions, the settings, the time of each step.
Beside it, where the settings and its verdict say so, lies the image's focus map, for a viewer. Written whole; writing
one again gives the same file. It judges nothing and never writes into the watched folder.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic_core import to_json

import mhfd
from mhfd import focus_map
from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd.focus_map import FocusMap
from mhfd_client.files import named, text_of, write_all_whole
from mhfd_client.journal.folder import picture_of, records, thumbnails
from mhfd_client.journal.rows import ImageRow, LabelRow, Outcome, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.results import latency
from mhfd_client.scoring import learned
from mhfd_client.settings.load import Loaded
from mhfd_client.times import iso_ns
from mhfd_client.verdicts.blur.kept import blur_of

SUFFIX: Final = ".mhfd.json"
_SUFFIXES: Final = (SUFFIX, focus_map.SUFFIX)
_SUM: Final = b',\n "sum": "'
_END: Final = b'"\n}\n'
_LONGEST: Final = 200  # bytes of a name that get a suffix and a temporary name

Said = Callable[[ImageRow, FocusReport, VerdictRow], None]


class Recorder:
    """Writes the sidecars of a state folder.

    Args:
        journal: Where the history of verdicts is looked up.
        said: Called after each sidecar: a verdict is here, or another one.
    """

    def __init__(self, state_dir: Path, journal: JournalView, loaded: Loaded, *, said: Said | None = None) -> None:
        self._state_dir, self._journal, self._said = state_dir, journal, said
        self._root = text_of(journal.root())
        self._settings = _settings(loaded)
        self._maps = loaded.settings.state.focus_maps
        self._pixel_nm = loaded.settings.verdict.pixel_nm

    def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        """Write the sidecar of an image with its current verdict, and its focus map, if it is to have one."""
        write_all_whole(self.files(row, report, verdict))
        if self._said is not None and not self._journal.was_recorded(verdict.id):  # else only a label is new
            self._said(row, report, verdict)

    def files(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> list[tuple[Path, bytes]]:
        """The sidecar and the focus map that are to be written; a map that is not to be there any more is deleted."""
        beside = map_under(records(self._state_dir), row.path, row.revision)
        blurred = verdict.outcome is Outcome.OUT_OF_FOCUS
        wanted = self._maps == "all" or (self._maps == "out_of_focus" and blurred)
        focus = map_of(report.sized(self._pixel_nm)) if wanted else None
        sidecar = self.sidecar(row, report, verdict)
        if focus is not None:
            return [(beside, focus.to_tiff()), sidecar]
        with named(beside):
            beside.unlink(missing_ok=True)  # of another report, or of another verdict
        return [sidecar]

    def sidecar(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> tuple[Path, bytes]:
        """Where it lies, and what is in it."""
        data = to_json(self._content(row, report, verdict), indent=1)
        return sidecar_of(self._state_dir, row.path, row.revision), _summed(data)

    def _content(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> dict[str, Any]:
        picture = picture_of(thumbnails(self._state_dir), row.id)
        history = [_verdict(past) for past in self._journal.verdicts(row.id)]
        return {
            "kind": "mhfd.record",
            "schema_version": 4,
            "image": {
                "path": text_of(row.path),
                "root": self._root,
                "revision": row.revision,
                "bytes": row.size,
                "mtime": iso_ns(row.mtime_ns),
                "sha256": report.image.sha256,
                "section": row.section,
                "tile": row.tile,
                "thumbnail": str(picture.relative_to(self._state_dir)) if picture.is_file() else None,
            },
            "verdict": _verdict(verdict),
            "history": history,
            "estimates": learned.plain(self._journal.estimates([row.id]).get(row.id, ())),
            "labels": [_label(label) for label in self._journal.labels(row.id)],
            "times": {step: iso_ns(ns) for step in latency.MOMENTS if (ns := getattr(row, f"{step}_ns")) is not None},
            "steps_ms": steps_ms(row),
            "tries": row.attempts,
            "settings": self._settings,
            "versions": {"mhfd": mhfd.__version__, "python": platform.python_version()},
            "report": report.model_dump(mode="json"),
        }


def sidecar_of(state_dir: Path, path: str, revision: int = 1) -> Path:
    """Where the sidecar of an image lies: below `records`, at the image's own path."""
    return _mirrored(records(state_dir), path, revision, SUFFIX)


def map_under(folder: Path, path: str, revision: int = 1) -> Path:
    """Where the focus map of an image lies below a folder, at the image's own path."""
    return _mirrored(folder, path, revision, focus_map.SUFFIX)


def _mirrored(top: Path, path: str, revision: int, suffix: str) -> Path:
    *folders, name = path.split("/")
    # A folder may be called as such a file is; two different ones stay different.
    folders = [f"{folder}~" if folder.rstrip("~").endswith(_SUFFIXES) else folder for folder in folders]
    raw = os.fsencode(name)
    if len(raw) > _LONGEST:
        name = f"{os.fsdecode(raw[:_LONGEST])}~{hashlib.sha256(raw).hexdigest()[:16]}"
    again = "" if revision == 1 else f".r{revision}"
    return top.joinpath(*folders) / f"{name}{again}{suffix}"


def map_of(report: FocusReport) -> FocusMap | None:
    """The focus map of a report; None where it has none."""
    try:
        return FocusMap.of(report)
    except UsageError:
        return None


def sum_holds(data: bytes) -> bool | None:
    """Whether a sidecar is what was written, by the sum at its end; None: it has none, as those of before."""
    before, mark, end = data.rpartition(_SUM)
    return end == _hash(before) + _END if mark else None


def _summed(data: bytes) -> bytes:
    """Its last value is the SHA-256 of the bytes before the comma."""
    before = data.removesuffix(b"\n}")
    return before + _SUM + _hash(before) + _END


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def steps_ms(row: ImageRow) -> dict[str, float]:
    """How long each step took, as far as the image has come; `whole_to_verdict` is what the operator waits for."""
    settle = {"settle": round((row.whole_ns - row.arrived_ns) / 1e6, 3)}
    verdict = {} if row.judged_ns is None else {"whole_to_verdict": round((row.judged_ns - row.whole_ns) / 1e6, 3)}
    return settle | latency.spans(row) | verdict


def _verdict(row: VerdictRow) -> dict[str, Any]:
    blur = blur_of(row)
    return {
        "outcome": row.outcome.value,
        "provisional": row.provisional,
        "sentence": row.sentence,
        "reason": row.reason,
        "at": iso_ns(row.at_ns),
        "blur": None if blur is None else blur.model_dump(mode="json"),
        "detail": json.loads(row.detail),
    }


def _label(row: LabelRow) -> dict[str, Any]:
    said = {"sharp": row.sharp, "fine": row.fine, "again": row.again, "note": row.note}
    return {**said, "who": row.who, "at": iso_ns(row.at_ns)}


def _settings(loaded: Loaded) -> dict[str, Any]:
    """What verdicts and scores depend on, each value with where it comes from."""
    return {
        f"{section}.{name}": {"value": value, "from": loaded.origins.get(f"{section}.{name}", "default")}
        for section in ("score", "verdict")
        for name, value in getattr(loaded.settings, section).model_dump(mode="json").items()
    }
