"""Any rows of any layout of TIFF, asked for in any order, are those of the array that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from mhfd import images
from mhfd.images import source
from mhfd.images.formats import row_by_row, segments

LAYOUTS = st.one_of(
    st.fixed_dictionaries({"rowsperstrip": st.integers(1, 90)}),
    st.fixed_dictionaries({"tile": st.tuples(st.sampled_from([16, 32, 80]), st.sampled_from([16, 48, 96]))}),
)
CODECS: list[dict[str, Any]] = [
    {},
    {"byteorder": ">"},
    {"bigtiff": True},
    {"compression": "zlib", "predictor": True},
    {"compression": "lzw"},
    {"compression": "zstd"},
    {"compression": "lzma"},
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of the size of a test's image: nothing is held whole."""
    monkeypatch.setattr(source, "HELD", 0)
    monkeypatch.setattr(segments, "_OVERLAP", 20)
    monkeypatch.setattr(segments, "_PIECE", 500)
    monkeypatch.setattr(row_by_row, "_PIECE", 500)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), layout=LAYOUTS, codec=st.sampled_from(CODECS), kind=st.sampled_from(["u1", "u2", "i2", "f4"]))
def test_rows_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    layout: dict[str, Any],
    codec: dict[str, Any],
    kind: str,
) -> None:
    height, width = data.draw(st.integers(32, 90)), data.draw(st.integers(32, 90))
    colour = data.draw(st.sampled_from([None, None, "contig", "separate"])) if kind == "u2" else None
    rng = np.random.default_rng(height * width)
    array = rng.integers(0, 100, (height, width)).astype(kind)
    options: dict[str, Any] = {**layout, **codec, "photometric": "minisblack"}
    stored: Any = array
    if colour is not None:  # three equal channels: their luminance is the channel itself
        stored = np.stack([array] * 3, axis=-1 if colour == "contig" else 0)
        options |= {"photometric": "rgb", "planarconfig": colour}
    path: Path = tmp_path_factory.mktemp("rows") / "a.tif"
    tifffile.imwrite(path, stored, **options)
    with images.opened(path, in_memory=0) as image:
        assert image.rows is not None, image.detail
        for _ in range(6):
            top = data.draw(st.integers(0, height - 1))
            bottom = data.draw(st.integers(top + 1, height))
            np.testing.assert_array_equal(image.rows.read(top, bottom), array[top:bottom])
