"""What should come from lists and from Atlas, and what of it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd_client import expected
from mhfd_client.errors import NamingError
from mhfd_client.expected import missing, overdue
from mhfd_client.naming import Place


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
