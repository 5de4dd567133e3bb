"""Sections and tiles from names, and what should come."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs import REPOSITORY

from mhfd_client.errors import NamingError
from mhfd_client.naming import PRESETS, Naming, Place, canonical, choose, detect, row_col, sbemimage_tile
from mhfd_client.settings.options import NamesSettings


@dataclass(frozen=True)
class Case:
    preset: str
    path: str
    section: int | None
    tile: str | None = None


CASES = [
    Case("atlas", "S_000_1752450056/Tile_r1-c1_S_000_1752450056.tif", 0, "r1-c1"),
    Case("atlas", "S_117_1752450056/Tile_r12-c3_S_117_1752450056.tif", 117, "r12-c3"),
    Case("atlas", r"E:\Run\S_117_1\TILE_R01-C02_S_117_1752450056.TIF", 117, "r1-c2"),
    Case("wafermapper", r"W02_Sec017_Montage\Tile_r1-c1_W02_sec017.tif", 17, "r1-c1"),
    Case("wafermapper", "W02_Sec017_Montage/Tile_r1-c1_w02_Sec017.tif", 17, "r1-c1"),
    Case("wafermapper", "W02_Sec017_Montage/Image_017.tif", 17),
    Case("sbemimage", "tiles/g0000/t0012/STACK_g0000_t0012_s00117.tif", 117, "g0000_t0012"),
    Case("sbemimage", "tiles/g0000/t0012/my_2nd_stack_g0000_t0012_s00117.ome.tif", 117, "g0000_t0012"),
    Case("sbemimage2025", "tiles/a0000/r0001/t0012/STACK_a0000_r0001_t0012_s00117.ome.tif", 117, "a0000_r0001_t0012"),
    Case("plain", "117.tif", 117),
    Case("plain", "slice_0117.tiff", 117),
    Case("plain", "run7/2026-03-01_0117.tif", 117),
    Case("plain", "section-3_r01_c02.tif", 3, "r1-c2"),
    Case("plain", "r1-c2_s3.ome.tif", 3, "r1-c2"),
    Case("plain", "s0117_t03.png", 117, "t03"),
    Case("folders", "section_012/tile_003.tif", 12, "tile_003"),
    Case("plain", "sample_s003_final2.tif", 3),
    Case("plain", "stack5_z12.5nm_003.tif", 3),
    Case("plain", "image.tif", None),
    Case("plain", "9999999999999999999999.tif", None),
    Case("atlas", "S_000_1/Tile_r1-c1_other.tif", None),
    Case("sbemimage", "tiles/g0000/t0012/g0000_t0012.tif", None),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.preset}:{case.path}")
def test_place(case: Case) -> None:
    assert PRESETS[case.preset].place(case.path) == Place(case.section, case.tile)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.section is not None], ids=lambda case: f"{case.preset}:{case.path}"
)
def test_detected_by_looking_at_the_folder(case: Case) -> None:
    """Three names of a kind and a stray one are enough; the words say how many fit."""
    found = detect([case.path] * 3 + ["notes.tif"])
    assert found.naming.name == case.preset
    assert found.naming.place(case.path) == Place(case.section, case.tile)
    assert str(found) == f"{case.preset}: 3 of 4 names fit"
    assert found.fitting / found.total == 0.75


def test_an_empty_folder_reads_each_path_by_what_it_fits() -> None:
    naming = detect([]).naming
    assert (detect([]).fitting, detect([]).total) == (0, 0)
    assert "no images yet" in str(detect([]))
    for case in CASES:
        if case.section is not None:
            assert naming.place(case.path) == Place(case.section, case.tile), case
    assert "overviews/" in naming.ignore


def test_nothing_that_fits_is_said() -> None:
    found = detect(["a.tif", "b.tif"])
    assert (found.naming.name, found.fitting, found.total) == ("plain", 0, 2)


def test_a_pattern_of_ones_own() -> None:
    settings = NamesSettings(preset="custom", pattern=r"wafer\d+/(?P<section>\d+)/(?P<tile>\w+)\.tif")
    found = choose(settings, ["wafer1/0012/A7.tif", "x.tif"])
    assert found.naming.place("wafer1/0012/A7.tif") == Place(12, "a7")
    assert (found.naming.name, found.fitting, found.total) == ("custom", 1, 2)
    assert choose(NamesSettings(preset="atlas"), ["1.tif"]).fitting == 0


@pytest.mark.parametrize(("pattern", "words"), [("(", "is no regular expression"), (r"(\d+)", "has no group")])
def test_patterns_that_cannot_be_used(pattern: str, words: str) -> None:
    with pytest.raises(NamingError, match=words):
        Naming("custom", pattern)


@given(st.integers(0, 10**6), st.integers(0, 9999), st.integers(0, 9999), st.sampled_from([".tif", ".ome.tif", ".TIF"]))
def test_names_as_the_instruments_make_them(section: int, a: int, b: int, end: str) -> None:
    """Every number an instrument can write comes back."""
    sbem = f"tiles/g{a:04d}/t{b:04d}/X_1_g{a:04d}_t{b:04d}_s{section:05d}{end}"
    assert PRESETS["sbemimage"].place(sbem) == Place(section, f"g{a:04d}_t{b:04d}")
    assert sbemimage_tile(f"g{a:04d}_t{b:04d}") == f"{a}.{b}"
    atlas = f"S_{section:03d}_1752450056/Tile_r{a}-c{b}_S_{section:03d}_1752450056{end}"
    place = PRESETS["atlas"].place(atlas)
    assert place == Place(section, f"r{a}-c{b}")
    assert row_col(place.tile) == (a, b)
    wafer = f"W02_Sec{section:03d}_Montage\\Tile_r{a}-c{b}_W02_sec{section:03d}{end}"
    assert PRESETS["wafermapper"].place(wafer) == Place(section, f"r{a}-c{b}")


@given(st.text(max_size=80))
def test_no_name_is_too_odd(name: str) -> None:
    for naming in (*PRESETS.values(), detect([]).naming):
        place = naming.place(name)
        assert place.section is None or 0 <= place.section < 10**18


def test_undecodable_bytes_do_not_matter() -> None:
    name = b"caf\xe9_s0012.tif".decode("utf-8", "surrogateescape")
    assert PRESETS["plain"].place(name) == Place(12)


def test_tiles_have_one_spelling() -> None:
    assert canonical("R01_C002") == canonical("r1-c2") == "r1-c2"
    assert canonical(" T0012 ") == "t0012"
    assert canonical("") is None
    assert canonical(None) is None
    assert row_col("g0000_t0012") is None
    assert sbemimage_tile("r1-c2") is None


def test_places_sort_as_people_count() -> None:
    places = [Place(), Place(10), Place(2, "r1-c10"), Place(2, "r1-c9"), Place(2)]
    assert sorted(places, key=lambda p: p.key) == [Place(2), Place(2, "r1-c9"), Place(2, "r1-c10"), Place(10), Place()]
    assert str(Place(2, "r1-c9")) == "section 2, tile r1-c9"
    assert str(Place()) == "no section"


def test_the_reference_is_right() -> None:
    """Each example in docs/reference/names.md is read as it says there."""
    page = (REPOSITORY / "docs" / "reference" / "names.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (?:(\d+) )?\| (?:`([^`]+)` )?\|$", page, re.MULTILINE)
    assert {preset for preset, *_ in rows} == set(PRESETS)
    for preset, path, section, tile in rows:
        assert PRESETS[preset].place(path) == Place(int(section) if section else None, tile or None)
    toml = re.search(r"```toml\n(.+?)```", page, re.DOTALL)
    assert toml is not None
    settings = NamesSettings(**tomllib.loads(toml[1])["names"])
    assert choose(settings, []).naming.place("wafer1/12/A7.tif") == Place(12, "a7")


@pytest.mark.parametrize("ending", ["tif", "tiff", "ome.tif", "png", "bmp", "jpg", "jpeg", "mrc", "dm4", "TIF"])
def test_the_ending_does_not_matter(ending: str) -> None:
    for name, path in {
        "atlas": "S_000_1752450056/Tile_r1-c1_S_000_1752450056",
        "maps": "Section 010/Tile_001-002-000000_0-000",
        "multisem": "001_S17R1/000021/001_000021_028_2019-03-25T1414044834028",
        "fastem": "Section 010/001_002_0",
        "plain": "slice_0117",
    }.items():
        assert PRESETS[name].place(f"{path}.{ending}") == PRESETS[name].place(f"{path}.tiff") != Place()
