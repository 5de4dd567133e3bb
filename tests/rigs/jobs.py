"""Scoring functions for tests of runners and stations, called in real worker processes by their dotted name.

The file's first line says what shall happen to the one who scores it: `ok`, `segfault`, `sigkill`, `hang`, `memory`,
`raise`, `usage`, `text`, `rewrite`, `print`, `modules`. Each call first adds a line to the file that MHFD_TEST_LOG
names.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
from mhfd.contract.params import Params
from mhfd.errors import UsageError


def report(path: str, params: Params, *, finding: Finding = Finding.OK, **fields: Any) -> FocusReport:
    return FocusReport(
        method=Method(id="test"),
        image=ImageInfo(path=os.fsencode(path).decode("utf-8", "replace")),
        finding=finding,
        dof=7,
        density=3.5,
        params=params,
        params_id=params.id,
        provenance=Provenance(version="test", backend="test", device="test", threads=1),
        **fields,
    )


def score(path: str, *, params: Params, device: str, threads: int) -> FocusReport:
    """Do what the file says."""
    if log := os.environ.get("MHFD_TEST_LOG"):
        with Path(log).open("ab") as f:
            f.write(os.fsencode(path) + b"\n")
    try:
        order = Path(path).read_bytes().split(b"\n")[0].decode("latin-1")
    except OSError as e:
        return report(path, params, finding=Finding.UNREADABLE, finding_detail=str(e))
    match order:
        case "segfault":
            ctypes.string_at(0)
        case "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3600)
        case "memory":
            len(bytearray(1 << 42))
        case "raise":
            raise LookupError("no such tag")
        case "usage":
            raise UsageError("params: these do not fit this image")
        case "text":
            return "sharp"  # type: ignore[return-value]
        case "rewrite":
            Path(path).write_bytes(b"others are quick\n")
        case "print":
            print("libtiff warning: 1 2 3", flush=True)  # noqa: T201
            os.write(1, b"scored 1 1 {}\n")
        case "modules":
            loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"cupy", "torch", "matplotlib"})
            return report(path, params, finding_detail=f"{device} {threads} {os.environ['OMP_NUM_THREADS']} {loaded}")
    return report(path, params)
