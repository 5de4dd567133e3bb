"""Whatever a tag holds is understood, or unknown: it never fails an image, and what nobody is known for is no claim."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.rigs.tagged import DESCRIPTION, FEI, FIBICS, ZEISS, fibics, load, ok, scene

from mhfd import images
from mhfd.images import instruments
from mhfd.images.formats.ifd import Fields
from mhfd.images.instruments.written import Header, Written


def test_a_tag_that_points_out_of_the_file_is_no_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    xml = fibics(box=(0, 0, 139, 119))
    tifffile.imwrite(path, scene(), extratags=[(FIBICS, 2, len(xml) + 1, xml + b"\0", True)])
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages.first.tags[FIBICS].offset
    data = bytearray(path.read_bytes())
    data[entry + 8 : entry + 12] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    image = ok(images.load(path))
    np.testing.assert_array_equal(image.pixels, scene())


def test_xresolution_is_never_believed(tmp_path: Path) -> None:
    image = ok(load(tmp_path, scene(), resolution=(2e6, 2e6), resolutionunit="CENTIMETER"))
    assert image.info.pixel_nm is None


@dataclass(frozen=True)
class Form:
    """Where an instrument writes, and words of what it writes there. A new instrument adds its own to `FORMS`."""

    name: str
    where: int | str
    """A tag, or the ending of a file beside the image."""
    words: bytes
    """Separated by `|`."""
    before: bytes = b""
    """With `after`, makes of any words what the reader takes for its own."""
    after: bytes = b""


FORMS = (
    Form("fibics", FIBICS, b"<Fibics>|</Fibics>|<Image>|<BoundingBox.Left>|<Scan>|<!DOCTYPE"),
    Form("fibics focus", FIBICS, b"&amp;|4", b"<Fibics><Scan><Focus>", b"</Focus></Scan></Fibics>"),
    Form("zeiss", ZEISS, b"AP_WD\n|AP_WD = 4 mm\n|AP_STAGE_AT_X\n|= "),
    Form(
        "zeiss names", ZEISS, b"AP_IMAGE_PIXEL_SIZE\n|AP_WIDTH\n|AP_PIXEL_SIZE\n|DP_IMAGE_STORE\n|DP_DWELL_TIME\n|= |x"
    ),
    Form("zeiss in utf-16", 34119, b"AP_WD\n|AP_WD = 4 mm\n|A\0P\0_\0W\0D\0\n\0= |", b"\xff\xfe"),
    Form("fei", FEI, b"[Image]\n|ResolutionY=9\n|[PrivateFei]\n|DatabarHeight=91\n|[Scan]\n|PixelWidth="),
    Form("fei beams", FEI, b"[Beam]\nBeam=IBeam\n|[IBeam]\n|HFW=|WD=|[Image]\n|ResolutionX=|[Stage]\n|StageX=|StageY="),
    Form(
        "fei xml",
        34683,
        b"<ImageSize>|</ImageSize>|<PixelSize>|</PixelSize>|<X>|</X>|<Y>|</Y>",
        b"<Metadata><BinaryResult>",
        b"</BinaryResult></Metadata>",
    ),
    Form("tescan", 50431, b"PixelSizeX=|ImageStripSize=|WD=|\2\0|\3\0|\5\0\0\0|\xff\xff\xff\xff", b"\xff\0\0\0\2\0"),
    Form(
        "tescan beside",
        ".hdr",
        b"PixelSizeX=|ImageStripSize=|[SEM]\n|[FIB]\n|WD=|StageX=|StageY=",
        b"[MAIN]\nDevice=x\n",
    ),
    Form(
        "tescan beside, by the format",
        "-tif.hdr",
        b"[MAIN]\n|Device=x\n|PixelSizeX=|ViewFieldsCountX=|ImageStripSize=9\n",
    ),
    Form("ome", DESCRIPTION, b"<OME>|<Pixels PhysicalSizeX='|PhysicalSizeXUnit='|'|/>|<!DOCTYPE"),
    Form("ome plane", DESCRIPTION, b"<TiffData IFD='|<Plane ExposureTime='|PositionX='|'|/>", b"<OME><Pixels>"),
    Form("imagej", DESCRIPTION, b"unit=|micron|\n|\\u00B5m|spacing=", b"ImageJ=1.54f\n"),
    Form("openfibsem", DESCRIPTION, b'{|}|[|]|,|:|"|x|NaN|1e999|null|"hfw":', b'{"microscope_state":{},"image":', b"}"),
    Form("phenom", 34683, b"<databarHeight>|</databarHeight>|<pixelWidth unit='|'>|<a>", b"<FeiImage>", b"</FeiImage>"),
    Form("sightx", DESCRIPTION, b"<Eos>|</Eos>|<EosMode>|eosTEM|</EosMode>", b"<TemReporter>", b"</TemReporter>"),
    Form("tvips", 37706, b"\2\0\0\0|\1\0\0\0|\xff\xff\xff\x7f"),
    Form("olympus", 33560, b"\1\0|\0\0\0\0|\xff", b"SIS0" + bytes(54)),
    Form("digital micrograph", 65003, b"nm|1/"),
    Form(
        "jeol", ".txt", b"$CM_MAG |\n|$$SM_WD |$CM_FULL_SIZE |120 90|$$SM_MICRON_BAR |$$SM_MICRON_MARKER ", b"$CM_A b\n"
    ),
    Form("hitachi", ".txt", b"PixelSize=|DataSize=|120x90|\n|StagePositionX=|[|]", b"[SemImageFile]\n"),
)
NUMBERS = b"1e99|-4|nan|9|0|,|\xb5m|um|\r\n|\0"


class OneTag(Fields):
    """A page that has one tag."""

    def __init__(self, code: int, content: bytes) -> None:
        self._code, self._content = code, content
        self.order = "<"

    def __contains__(self, code: int) -> bool:
        return code == self._code

    def values(self, code: int, most: int = 1 << 16) -> NDArray[np.generic] | None:
        return np.frombuffer(self._content, np.uint8)[:most] if code == self._code else None

    def at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


def texts(form: Form) -> st.SearchStrategy[bytes]:
    words = st.sampled_from([word for word in (form.words + b"|" + NUMBERS).split(b"|") if word])
    pieces = st.lists(st.one_of(words, words, st.binary(max_size=12)), max_size=12)
    return pieces.map(lambda some: form.before + b"".join(some) + form.after)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_text_is_understood_or_unknown(form: Form, data: st.DataObject) -> None:
    text = data.draw(texts(form))
    found = Written()
    fields = OneTag(form.where, text) if isinstance(form.where, int) else None
    beside = {} if isinstance(form.where, int) else {"a" + form.where: text}
    instruments.read(Header(100, 120, "a.tif", lambda name: beside.get(name, b""), fields), found)
    assert found.pixel_nm is None or 0 < found.pixel_nm < float("inf")
    assert found.dwell_ns is None or 0 < found.dwell_ns < float("inf")
    assert found.focus_m is None or abs(found.focus_m) < 1e16
    assert found.stage_um is None or max(map(abs, found.stage_um)) < 1e22
    if found.box is not None:
        assert 0 <= found.box.top < found.box.bottom <= 100
        assert 0 <= found.box.left < found.box.right <= 120


K = 256 << 10
HEAVY = {
    "spaces": (34683, b" " * K),
    "spaces after a declaration": (34683, b"<?xml ?>" + b" " * K),
    "deep": (34683, b"<Metadata>" + b"<a>" * 80_000),
    "wide": (34683, b"<FeiImage>" + b"<a/>" * 60_000 + b"</FeiImage>"),
    "attributes": (34683, b"<Metadata " + b" ".join(b'a%d="1"' % n for n in range(25_000)) + b"/>"),
    "keys": (ZEISS, b"AP_WD\n" * (K // 6)),
    "digits": (ZEISS, b"AP_WD\nWD = " + b"9" * K),
    "sections": (FEI, b"[" * K),
    "lines": (FEI, b"".join(b"%d=1\n" % n for n in range(40_000))),
    "a long name": (FEI, b"[" + b"x" * (K // 2) + b"]\n" + b"".join(b"%d=\n" % n for n in range(20_000))),
    "blocks": (50431, b"\2\0\0\0\2\0" * 700_000),
    "one block": (50431, b"\xff\xff\xff\x7f\2\0" + b"a=1\n" * 1_000_000),
}


@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_text_costs_little(kind: str) -> None:
    """As much as is read of one; any of them that took the square of its length would end the run by its time."""
    code, text = HEAVY[kind]
    found = Written()
    tracemalloc.start()
    instruments.read(Header(100, 120, "a.tif", lambda _: b"", OneTag(code, text)), found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
    assert found.pixel_nm is None
