"""A file that is read and measured band by band has the report of the whole image, but for the times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from mhfd import images, simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.detector import bands
from mhfd.detector.choose import choose
from mhfd.images import source
from mhfd.measure import measure as report

WRITTEN: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 7},
    "one strip": {},
    "tiles": {"tile": (64, 48)},
    "big tiles": {"tile": (512, 512), "bigtiff": True},
    "deflate": {"compression": "zlib", "rowsperstrip": 100, "predictor": 2},
    "lzw tiles": {"compression": "lzw", "tile": (32, 32)},
    "big endian": {"byteorder": ">", "rowsperstrip": 33},
}


def scored(path: Path, params: Params, *, in_memory: int) -> FocusReport:
    detector = choose(params, device="cpu", threads=1)
    with images.opened(path, in_memory=in_memory) as image:
        return report.measure(image, detector, params, keep=False).report


def plain(found: FocusReport) -> dict[str, Any]:
    return found.model_dump(exclude={"timing_ms"})


def scene(rows: int, cols: int, kind: str) -> NDArray[Any]:
    base = simulate.section((rows, cols), seed=rows, z=0)
    if kind == "f4":
        return (base / np.float32(255) - np.float32(0.2)).astype(np.float32)
    return base.astype(kind) if kind == "u1" else base.astype(np.uint16) * 200 + 17


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_the_report_is_the_same(how: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    written = WRITTEN[how] | ({"predictor": 3} if kind == "f4" and "predictor" in WRITTEN[how] else {})
    tifffile.imwrite(path, scene(397, 301, kind), **written)
    whole = scored(path, Params(), in_memory=1 << 30)
    monkeypatch.setattr(bands, "usual_height", lambda width: 96)
    monkeypatch.setattr(source, "HELD", 0)
    monkeypatch.setattr("mhfd.survey._AT_ONCE", 64 * 301 * 4)
    in_bands = scored(path, Params(), in_memory=0)
    assert whole.finding == "ok"
    assert plain(in_bands) == plain(whole)
