"""Phenom: units obeyed, the data bar is no image, and no nonsense ever fails one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.rigs.tagged import load, ok, scene

from mhfd.contract.focus_report import Box

TAG = 34683


def phenom(bar: object = 0, pixel: str = '<pixelWidth unit="um">0.0046</pixelWidth>') -> bytes:
    return (
        f'<?xml version="1.0"?>\r\n<FeiImage>\r\n<databarHeight>{bar}</databarHeight>{pixel}'
        '<samplePosition><x>-0.0012</x><y>3e-4</y></samplePosition><workingDistance unit="mm">5.1</workingDistance>'
        '<acquisition><scan><dwellTime unit="ns">200</dwellTime></scan></acquisition></FeiImage>'
    ).encode()


def test_scan_and_stage(tmp_path: Path) -> None:
    info = ok(load(tmp_path, scene(), (TAG, phenom()))).info
    assert info.pixel_nm == pytest.approx(4.6)
    assert (info.focus_m, info.dwell_ns) == pytest.approx((0.0051, 200))
    assert info.stage_um == pytest.approx((-1200, 300))
    assert info.box is None


def test_the_data_bar_is_no_image(tmp_path: Path) -> None:
    bar = np.zeros((20, 140), "u1")
    bar[4:14, 8:100:3] = 255
    image = ok(load(tmp_path, np.concatenate([scene(), bar]), (TAG, phenom(20))))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.box == Box(top=0, left=0, bottom=120, right=140)


@pytest.mark.parametrize("bar", [20, -20, 1000, "nan", "1e300", 0.5, ""])
def test_a_bar_that_cannot_be(tmp_path: Path, bar: object) -> None:
    assert ok(load(tmp_path, scene(140, 140), (TAG, phenom(bar)))).info.box is None


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "1e400", "wide"])
@pytest.mark.parametrize("unit", ["um", "", "px"])
def test_a_pixel_that_cannot_be(tmp_path: Path, value: str, unit: str) -> None:
    text = phenom(pixel=f'<pixelWidth unit="{unit}">{value}</pixelWidth>')
    assert ok(load(tmp_path, scene(), (TAG, text))).info.pixel_nm is None


@pytest.mark.parametrize(
    "text",
    [
        phenom()[:150],
        phenom().replace(b"<FeiImage", b"<!DOCTYPE a><FeiImage"),
        b"<FeiImage>" + b"<a>" * 50_000,
        b"<FeiImage>" + b"x" * 300_000 + b"</FeiImage>",
        b"<a><FeiImage/></a>",
    ],
    ids=range(5),
)
def test_damaged_deep_and_long(tmp_path: Path, text: bytes) -> None:
    info = ok(load(tmp_path, scene(), (TAG, text))).info
    assert (info.pixel_nm, info.box, info.stage_um) == (None, None, None)
    assert "Phenom XML" in str(info.tags["note"])
