"""Which way a folder of twelve files is named, and what is said where a way puts several files on one place."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mhfd_client.naming import Place, choose, detect
from mhfd_client.settings.options import NamesSettings


@dataclass(frozen=True)
class Folder:
    """Twelve names, how they are to be read, and the place of the last one."""

    naming: str
    names: tuple[str, ...]
    last: Place
    sections: int
    words: str = field(default="12 of 12 names fit")


def grid(name: str) -> tuple[str, ...]:
    """Three sections of a 2 x 2 mosaic."""
    return tuple(name.format(s=s, r=r, c=c, n=2 * r + c) for s in (10, 11, 12) for r in (1, 2) for c in (1, 2))


def run(name: str, first: int = 1) -> tuple[str, ...]:
    return tuple(name.format(n=n, s=n) for n in range(first, first + 12))


NO_SECTION = "12 of 12 names fit; none says its section: images are compared in the order in which they come"
FOLDERS = [
    Folder("atlas", grid("S_{s:03d}_17524500{s}/Tile_r{r}-c{c}_S_{s:03d}_17524500{s}.tif"), Place(12, "r2-c2"), 3),
    Folder("wafermapper", grid("W02_Sec{s:03d}_Montage/Tile_r{r}-c{c}_W02_sec{s:03d}.tif"), Place(12, "r2-c2"), 3),
    Folder("sbemimage", grid("tiles/g0000/t{n:04d}/X_g0000_t{n:04d}_s{s:05d}.tif"), Place(12, "g0000_t0006"), 3),
    Folder(
        "sbemimage2025",
        grid("tiles/a0000/r0000/t{n:04d}/X_a0000_r0000_t{n:04d}_s{s:05d}.ome.tif"),
        Place(12, "a0000_r0000_t0006"),
        3,
    ),
    Folder("maps", grid("Section 0{s}/Tile_00{r}-00{c}-000000_0-000.tif"), Place(12, "r2-c2"), 3),
    Folder("maps", grid("Section 0{s}/Tile_00{r}-00{c}-000000_0-000.s0001_e00.tif"), Place(12, "r2-c2"), 3),
    Folder("maps", grid("Acq/Tile_{s:03d}-{r}0{c}-000000_0-000.tif"), Place(None, "r12-c202"), 0, NO_SECTION),
    Folder(
        "multisem",
        grid("{s:03d}_S{s}R1/00002{r}/{s:03d}_00002{r}_02{c}_2019-03-25T141404483402{r}.bmp"),
        Place(12, "000022_022_r1"),
        3,
    ),
    Folder("multisem", grid("{s:03d}_00002{r}_02{c}_2019-03-25T141404483402{r}.bmp"), Place(12, "000022_022"), 3),
    Folder("fastem", grid("Section 0{s}/00{c}_00{r}_0.tiff"), Place(12, "r2-c2"), 3),
    Folder("fastem", run("megafield/001_{n:03d}_0.tiff"), Place(None, "r12-c1"), 0, NO_SECTION),
    Folder(
        "micromanager",
        grid("Pos{n}/img_channel000_position{n:03d}_time000000000_z{s:03d}.tif"),
        Place(12, "position006"),
        3,
    ),
    Folder("trakem", grid("s00{s}/tile_r{r}_c{c}.tif"), Place(12, "r2-c2"), 3),
    Folder("render", grid("00{s}/col000{c}_row000{r}_cam0.tif"), Place(12, "col0002_row0002_cam0"), 3),
    Folder(
        "render",
        run("150224121547_120x172/col{n:04d}_row0001_cam0.tif"),
        Place(None, "col0012_row0001_cam0"),
        0,
        NO_SECTION,
    ),
    Folder(
        "janelia", run("Merlin-6049_20-12-17_1424{n:02d}_0-0-1-InLens.png"), Place(None, "0-0-1-inlens"), 0, NO_SECTION
    ),
    Folder(
        "temca",
        grid("2018111520180458{n}_17797_1R_Tape147_TEMCA5_18_0053{s}_0_6{r}_2{c}.tif"),
        Place(5312, "0_62_22"),
        3,
    ),
    Folder("zen", grid("Region 1_s0{s}_Tile_00{r}-00{c}.tif"), Place(12, "r2-c2"), 3),
    Folder("hitachi", run("S4800_m{n:03d}.tif"), Place(), 0, NO_SECTION),
    Folder("folders", grid("Section 0{s}/overlap_{n}.tif"), Place(12, "overlap_6"), 3),
    Folder("folders", grid("s00{s}/{n}.png"), Place(12, "6"), 3),
    Folder("folders", grid("0{s}/tile_{n}.tif"), Place(12, "tile_6"), 3),
    Folder("plain", run("slice_{n:04d}.tif"), Place(12), 12),
    Folder("plain", run("W7/2026-03-01_{n:04d}.tif"), Place(12), 12),
    Folder("plain", run("7/{n:04d}.tif"), Place(12), 12),
    Folder("plain", grid("run_s{s:04d}_r{r}-c{c}.tif"), Place(12, "r2-c2"), 3),
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.naming}: {folder.names[-1]}")
def test_twelve_files_tell_how_they_are_named(folder: Folder) -> None:
    found = detect(folder.names)
    places = [found.naming.place(name) for name in folder.names]
    assert (found.naming.name, places[-1]) == (folder.naming, folder.last)
    assert len({place.section for place in places if place.section is not None}) == folder.sections
    assert str(found) == f"{folder.naming}: {folder.words}"
    assert found.crowds == ()
    said = [place for place in places if place.section is not None]
    assert len(set(said)) == len(said), "no two files have one place"
    assert [choose(NamesSettings(preset=folder.naming), folder.names).naming.place(n) for n in folder.names] == places


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.naming}: {folder.names[-1]}")
def test_an_instruments_names_are_read_alike_while_the_folder_is_empty(folder: Folder) -> None:
    naming = detect([]).naming
    some = [naming.place(name) for name in folder.names]
    if folder.names[0] != "010/tile_3.tif":  # a folder of digits may mean anything
        assert some[-1] == folder.last
    said = [place for place in some if place.section is not None]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (tuple(f"X4800_{c}.tif" for c in "abcdefghijkl"), "X4800_a.tif and X4800_b.tif and 10 more are section 4800"),
        (
            grid("W{r}/batch{c}/slice_{s:03d}.tif"),
            "W1/batch1/slice_010.tif and W1/batch2/slice_010.tif and 2 more are section 10",
        ),
        (run("run_s0004_{n:02d}x.tif"), "run_s0004_01x.tif and run_s0004_02x.tif and 10 more are section 4"),
    ],
)
def test_a_guess_that_puts_several_files_on_one_place_is_refused(names: tuple[str, ...], words: str) -> None:
    for found in (detect(names), choose(NamesSettings(preset="plain"), names)):
        assert found.refused
        assert {found.naming.place(name) for name in names} == {Place()}
        assert "names fit" not in str(found)
        assert f"the names do not say the section: {words}. No image gets one." in str(found)
        assert "names.pattern" in str(found)


def test_a_few_files_on_one_place_are_named_and_do_not_undo_the_others() -> None:
    names = (*run("slice_{n:04d}.tif"), "old/slice_0004.tif")
    found = detect(names)
    assert not found.refused
    assert found.naming.place("slice_0004.tif") == Place(4)
    assert str(found).startswith(
        "plain: 13 of 13 names fit, but 1 place has several files: "
        "old/slice_0004.tif and slice_0004.tif are section 4. If they are retakes, say so (mhfd fine DIR --retaken)"
    )


def test_an_instruments_names_with_several_files_on_a_place_never_just_fit() -> None:
    names = [f"W{wafer}/S_004_1752{wafer}/Tile_r1-c1_S_004_1752{wafer}.tif" for wafer in (1, 2, 3)]
    found = detect(names)
    assert not found.refused
    assert found.naming.place(names[0]) == Place(4, "r1-c1")
    assert "3 of 3 names fit, but 1 place has several files: " in str(found)
    assert "and 1 more are section 4, tile r1-c1" in str(found)


@pytest.mark.parametrize(
    "name", ["Name_0150 (2).tif", "Name_0150(2).tif", "Name_0150 - Copy.tif", "Name_0150 - Copy (2).tif"]
)
def test_a_copy_that_windows_made_is_no_section(name: str) -> None:
    assert detect([]).naming.place(name) == Place()
    assert detect(["Name_0149.tif", "Name_0150.tif", name]).naming.place(name) == Place()


def test_a_clock_is_no_section() -> None:
    naming = choose(NamesSettings(preset="plain"), []).naming
    assert naming.place("a_2019-03-25T1414044834028.bmp") == Place()
    assert naming.place("20260301.tif") == Place()
    assert naming.place("20260301_117.tif") == Place(117)


def test_only_a_guess_is_a_guess() -> None:
    naming = detect([]).naming
    assert naming.guesses("slice_0004.tif")
    assert not naming.guesses("s0001/tile_r0_c0.tif")
    assert not naming.guesses("image.tif")
