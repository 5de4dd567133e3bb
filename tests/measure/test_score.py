"""`mhfd.score`: one call, any source, and a report whatever the file is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import mhfd
from mhfd import native, simulate

FIBICS = (
    '<?xml version="1.0" encoding="iso-8859-1"?><Fibics version="1.0"><Image>'
    "<BoundingBox.Left>{left}</BoundingBox.Left><BoundingBox.Right>{right}</BoundingBox.Right>"
    "<BoundingBox.Top>{top}</BoundingBox.Top><BoundingBox.Bottom>{bottom}</BoundingBox.Bottom></Image></Fibics>"
)


@pytest.fixture(scope="module")
def tile() -> np.ndarray:
    return simulate.section((300, 280), seed=4)


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"),
    [(0, 60, 0, 0), (60, 0, 0, 0), (0, 0, 55, 0), (0, 0, 0, 55), (13, 7, 29, 31)],
    ids=["below", "above", "left", "right", "all round"],
)
def test_a_declared_black_border_changes_no_number(
    tile: np.ndarray, tmp_path: Path, top: int, bottom: int, left: int, right: int
) -> None:
    path = tmp_path / "bordered.tif"
    rows, columns = tile.shape
    xml = FIBICS.format(left=left, right=left + columns - 1, top=top, bottom=top + rows - 1)
    bordered = np.pad(tile, ((top, bottom), (left, right)))
    tifffile.imwrite(path, bordered, extratags=[(51023, 2, None, xml.encode("iso-8859-1"), True)])
    plain, cropped = mhfd.score(tile), mhfd.score(path)
    assert cropped.image.shape == bordered.shape
    assert plain.dof is not None
    assert plain.dof > 200
    for field in ("finding", "dof", "density", "cross_spectrum", "noise", "tissue", "scales", "cells"):
        assert getattr(cropped, field) == getattr(plain, field), field


def test_a_path_and_its_array_give_the_same_numbers(tile: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tile.tif", tile, compression="lzw", tile=(64, 64))
    assert mhfd.score(tmp_path / "tile.tif").cells == mhfd.score(tile).cells


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(tile: np.ndarray, threads: int) -> None:
    assert mhfd.score(tile, threads=threads).cells == mhfd.score(tile, threads=1).cells


def test_the_report_names_what_made_it(tile: np.ndarray) -> None:
    report = mhfd.score(tile, params=mhfd.Params(n=8, max_t=8))
    assert report.method.kind == "mhfd"
    assert report.params.n == 8
    assert report.params_id == report.params.id
    assert report.provenance.version == mhfd.__version__
    assert {"numpy", "scipy"} <= set(report.provenance.versions)
    assert all(ms >= 0 for ms in report.timing_ms.values())
    assert report.scales is not None
    assert sum(s.count for s in report.scales) == report.dof


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"device": "tpu"}, "device: 'tpu'"),
        ({"threads": 0}, "threads"),
        ({"params": "fast"}, "no preset 'fast'"),
        ({"params": mhfd.Params.preset("paper_text"), "device": "gpu"}, "device"),
    ],
    ids=["device", "threads", "preset", "gpu"],
)
def test_wrong_arguments_are_named(tile: np.ndarray, kwargs: dict[str, object], words: str) -> None:
    with pytest.raises(mhfd.UsageError, match=words):
        mhfd.score(tile, **kwargs)  # type: ignore[arg-type]


def test_an_array_of_the_wrong_shape_is_a_wrong_argument() -> None:
    with pytest.raises(mhfd.UsageError, match="source"):
        mhfd.score(np.zeros(16))


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"II*\0" + b"\xff" * 300, b"\x89PNG\r\n\x1a\n"])
def test_rubbish_is_a_finding(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(content)
    report = mhfd.score(tmp_path / "x.tif")
    assert report.finding in (mhfd.Finding.UNREADABLE, mhfd.Finding.INCOMPLETE)
    assert report.finding_detail
    assert report.dof is None
    assert report.density is None


def test_importing_mhfd_and_all_its_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys, mhfd, mhfd_client.cli; "
        "print([m for m in ('cupy', 'torch', 'pydantic', 'numpy', 'email') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.skipif(not native.kernel_info().available, reason="no compiled kernel here")
def test_scoring_with_the_kernel_imports_no_scipy_and_no_pillow(tile: np.ndarray, tmp_path: Path) -> None:
    """They take half a second and 25 MB, of a command that takes 25 ms for an image."""
    tifffile.imwrite(tmp_path / "a.tif", tile)
    code = (
        "import sys; from mhfd_client.scoring import lines; from mhfd import Params; "
        "lines.run([sys.argv[1]], params=Params(), device='cpu', jobs=1); "
        "print([m for m in ('scipy', 'PIL', 'tifffile', 'ssl', 'numpy.f2py') if m in sys.modules])"
    )
    said = subprocess.check_output([sys.executable, "-c", code, tmp_path / "a.tif"], text=True).splitlines()
    assert "dof" in said[0]
    assert said[1:] == ["[]"]


def test_scoring_on_a_cpu_imports_no_cupy_and_no_scipy() -> None:
    """SciPy takes longer to load than an image of a megapixel to measure; only what has no kernel needs it."""
    code = (
        "import sys, numpy as np, mhfd; rng = np.random.default_rng(0); "
        "scene = np.kron(rng.integers(0, 200, (32, 32)), np.ones((8, 8), int)) + rng.integers(0, 30, (256, 256)); "
        "found = mhfd.score(scene.astype('u1'), device='cpu'); "
        "print(found.finding.value, found.cross_spectrum is not None, found.provenance.versions['scipy'][:2], "
        "[m for m in ('cupy', 'torch', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "ok True 1. []"
