"""FEI and Thermo Fisher: SI units, and the data bar is no image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.rigs.tagged import FEI, FEI_OLD, load, ok, scene

from mhfd.contract.focus_report import Box


@pytest.mark.parametrize("code", [FEI, FEI_OLD])
def test_fei_and_its_data_bar(tmp_path: Path, code: int) -> None:
    text = (
        b"[Beam]\r\nScan=EScan\r\n[EBeam]\r\nWD=0.0041\r\n[Scan]\r\nPixelWidth=5e-9\r\nDwelltime=3e-6\r\n"
        b"[Stage]\r\nStageX=0.001\r\nStageY=-0.002\r\n[Image]\r\nResolutionX=140\r\nResolutionY=120\r\n"
        b"[PrivateFei]\r\nDatabarHeight=20\r\n"
    )
    bar = np.zeros((20, 140), "u1")
    bar[4:14, 8:100:3] = 255
    image = ok(load(tmp_path, np.concatenate([scene(), bar]), (code, text)))
    np.testing.assert_array_equal(image.pixels, scene())
    info = image.info
    assert info.pixel_nm == pytest.approx(5)
    assert (info.focus_m, info.dwell_ns) == pytest.approx((0.0041, 3000))
    assert info.stage_um == pytest.approx((1000, -2000))
    assert info.box == Box(top=0, left=0, bottom=120, right=140)
