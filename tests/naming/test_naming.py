"""Sections and tiles from names, and what should come."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs import REPOSITORY

from mhfd_client import expected
from mhfd_client.errors import NamingError
from mhfd_client.expected import missing, overdue
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


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_list_of_ranges(tmp_path: Path) -> None:
    path = write(tmp_path, "sections.txt", "# wafer 7\n1-3, 7\n\n9 .. 10  # two\n12\n")
    assert expected.load(path) == {Place(s) for s in (1, 2, 3, 7, 9, 10, 12)}


def test_a_csv_with_tiles(tmp_path: Path) -> None:
    path = write(tmp_path, "sections.csv", "\ufeffnote,Section,Tile\nx,1-2,R01-C1\n,3,\n\n")
    assert expected.load(path) == {Place(1, "r1-c1"), Place(2, "r1-c1"), Place(3)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("# only words\n", "is empty"),
        ("1-3\ntwelve\n", ":2: 'twelve' is no section"),
        ("9-3", "runs backwards; write 3-9"),
        ("note,section\nx\n", ":2: has no column"),
        ("1-99999999", "names more than"),
        (b"\xff\xfe\x00", "neither text in UTF-8 nor XML"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(NamingError, match=words):
        expected.load(write(tmp_path, "sections.csv", content))


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NamingError, match="No such file"):
        expected.load(tmp_path / "none.csv")


ATTRIBUTES = r"""<?xml version="1.0"?>
<MosaicInfo xmlns:a="urn:a"><Tiles>
  <Tile row="1" col="1"><Filename>E:\Run 7\S_004_1752450056\Tile_r1-c1_S_004_1752450056.tif</Filename></Tile>
  <Tile row="1" col="2"><Filename>
    E:\Run 7\S_004_1752450056\Tile_r1-c2_S_004_1752450056.tif</Filename></Tile>
  <a:Tile Row="2" Col="01" Filename="E:\Run 7\S_004_1752450056\Tile_r2-c1_S_004_1752450056.tif"/>
  <Tile row="3" col="1"/>
</Tiles></MosaicInfo>"""


def test_what_atlas_writes(tmp_path: Path) -> None:
    folder = tmp_path / "S_004_1752450056"
    folder.mkdir()
    path = write(folder, "MosaicInfo_004.ve-mif", ATTRIBUTES)
    write(folder, "other.xml", "<x/>")
    places = {Place(4, "r1-c1"), Place(4, "r1-c2"), Place(4, "r2-c1")}
    assert expected.load(path) == places
    assert expected.atlas_manifests(tmp_path) == [path]
    second = tmp_path / "S_005_1752450099"
    second.mkdir()
    write(second, "mosaicinfo_005.VE-MIF", ATTRIBUTES.replace("S_004_1752450056", "S_005_1752450099"))
    assert expected.load(tmp_path) == places | {Place(5, p.tile) for p in places}


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><m><Tile row="1" col="1" Filename="&b;"/></m>'
OUTSIDE = '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><m><Tile><Filename>&a;</Filename></Tile></m>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB, "declares a document type"),
        (OUTSIDE, "declares a document type"),
        ("<m><Tile", "is not valid XML"),
        ("<m/>", "names no Tile"),
        ('<m><Tile row="1" col="1" Filename="E:\\x\\foo.tif"/></m>', "cannot tell the section of 'foo.tif'"),
    ],
)
def test_xml_that_cannot_be_used(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(NamingError, match=words):
        expected.load(write(tmp_path, "MosaicInfo_1.ve-mif", content))


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    with pytest.raises(NamingError, match=r"holds no MosaicInfo_\*\.ve-mif"):
        expected.load(tmp_path)


def test_missing_and_overdue() -> None:
    wanted = {Place(1, "r1-c1"), Place(1, "r1-c2"), Place(2), Place(3), Place(4)}
    seen = [Place(1, "r1-c1"), Place(2, "r9-c9"), Place(4), Place()]
    assert missing(wanted, seen) == [Place(1, "r1-c2"), Place(3)]
    assert overdue(missing(wanted, seen[:2]), 2) == [Place(1, "r1-c2")]
    assert missing(wanted, seen[:2]) == [Place(1, "r1-c2"), Place(3), Place(4)]
    assert missing(wanted, []) == sorted(wanted, key=lambda p: p.key)
    assert overdue(missing(wanted, []), -1) == []


def test_gaps_without_expectations() -> None:
    assert missing(None, [Place(3), Place(6), Place()]) == [Place(4), Place(5)]
    assert missing(None, []) == []
    assert missing(None, [Place(1), Place(20260301)]) == []  # a date is no section


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_missing_and_seen_make_up_the_expected(wanted: set[int], seen: set[int]) -> None:
    absent = missing({Place(s) for s in wanted}, [Place(s) for s in seen])
    assert [p.section for p in absent] == sorted(wanted - seen)


@given(st.sets(st.integers(0, 5000), min_size=1))
def test_a_written_list_is_read_again(tmp_path_factory: pytest.TempPathFactory, sections: set[int]) -> None:
    path = tmp_path_factory.mktemp("list") / "sections.txt"
    path.write_text(", ".join(map(str, sections)))
    assert expected.load(path) == {Place(s) for s in sections}


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
