"""Scores one hostile file in a worker, and adds what that took. Whatever warns, fails."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

from mhfd import api
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd_client.runners.thumbnails import jpeg

SECONDS = "hostile_s"
PEAK = "hostile_peak_mb"


def score(path: str, *, params: Params, device: api.Device, threads: int) -> FocusReport:
    """As a watch does it: the report, which must be JSON, and the small picture."""
    warnings.simplefilter("error")
    began = time.perf_counter()
    _forget_the_peak()
    before = _memory("VmRSS:")
    report = api.score(path, params=params, device=device, threads=threads, look=jpeg)
    json.dumps(report.model_dump(mode="json"), allow_nan=False)
    detail = report.finding_detail or ""
    if report.finding is not Finding.OK and not (detail.isprintable() and 0 < len(detail) < 400):
        raise AssertionError(f"the finding {report.finding} says {detail!r}")
    took = {SECONDS: time.perf_counter() - began, PEAK: (_memory("VmHWM:") - before) / 1024}
    return report.model_copy(update={"timing_ms": took})


def _memory(name: str) -> int:
    """KiB, of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
