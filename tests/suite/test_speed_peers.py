"""The kernel's peers do its work: about as many maxima, and what is not installed is said."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from benchmarks import speed
from benchmarks._speed_peers import PEERS
from benchmarks._subjects import ROOT, compared

from mhfd.detector.cpu import CpuDetector

NEEDS = {"fftw": ("pyfftw", "cv2"), "mkl": ("mkl_fft", "cv2"), "cascade": ("cv2",), "pyramid": ("cv2",), "paper": ()}


@pytest.mark.parametrize("name", NEEDS)
def test_a_peer_finds_about_what_the_kernel_finds(name: str) -> None:
    missing = [module for module in NEEDS[name] if importlib.util.find_spec(module) is None]
    if missing:
        with pytest.raises(ModuleNotFoundError, match="|".join(missing)):
            PEERS[name](speed.picture(64), speed.params(4))
        return
    pixels, params = speed.picture(256), speed.params(8)
    run = PEERS[name](pixels, params)
    expected = len(CpuDetector(1).detect(pixels, params))
    assert run() == run() == pytest.approx(expected, rel=0.04)


def test_subjects_run_in_turn_in_processes_of_their_own(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", speed.picture(64))
    found = compared(
        {"one": ("kernel", ROOT), "other": ("kernel", ROOT)}, tmp_path / "pixels.npy", 4, tmp_path / "none.tif", 2
    )
    one, other = found["one"], found["other"]
    assert one.process.pid != other.process.pid
    assert one.found == other.found
    assert len(one.cpu_ms) == len(other.cpu_ms) == 2
    assert min(one.peak_mb, other.peak_mb) > 10
