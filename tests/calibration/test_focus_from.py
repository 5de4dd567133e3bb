"""Where each image's focus is read: tags, names, a list; what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.focus_series import series

from mhfd.errors import UsageError
from mhfd_client.calibration.focus_from import Unit, from_list, from_names, from_tags


@pytest.mark.parametrize(
    ("names", "um"),
    [
        (["S_1_z-3.5um.tif", "S_2_z0um.tif", "S_3_z+2um.tif"], [-3.5, 0, 2]),
        (["a_wd=9.07mm.tif", "a_wd=9.1mm.tif"], [9070, 9100]),
        (["a_8nm_z500nm.tif", "a_8nm_z1500nm.tif"], [0.5, 1.5]),
        (["x/13um.tif", "x/18um.tif", "y/0 µm.tif"], [13, 18, 0]),
        (["a-0p5um.tif", "a-1p25um.tif"], [-0.5, -1.25]),
        (["defocus_00.25um.png", "defocus_01.00um.png"], [0.25, 1]),
        (["WD0.0091m", "WD0.0092m"], [9100, 9200]),
    ],
)
def test_the_number_with_a_unit_that_differs_is_the_focus(names: list[str], um: list[float]) -> None:
    assert from_names(names) == pytest.approx(um)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a_1.tif", "a_2.tif"], "no number with a unit of length differs"),
        (["a_8nm_1.tif", "a_8nm_2.tif"], "a_<number>nm is the same in all"),
        (
            ["wd9.1mm_z1um.tif", "wd9.2mm_z2um.tif"],
            "2 numbers differ from name to name: wd#mm_z<number>um, wd<number>mm",
        ),
        (["z1um.tif", "z2um.tif", "sharp.tif"], "z<number>um is in some names only, not in sharp.tif"),
    ],
)
def test_names_that_leave_it_open_are_refused_with_what_was_seen(names: list[str], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        from_names(names)
    assert why in str(refused.value)
    assert "--pattern" in str(refused.value)


def test_a_pattern_says_which_number() -> None:
    names = ["wd9.1mm_z1um.tif", "wd9.2mm_z2um.tif"]
    assert from_names(names, r"_z([-+.\d]+)") == [1, 2]
    assert from_names(names, r"wd(?P<focus>[.\d]+)(?P<unit>mm)") == pytest.approx([9100, 9200])
    assert from_names(["cell_0036.tif", "cell_0040.tif"], r"_(\d+)\.tif", Unit.of("0.5um")) == [18, 20]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "is no regular expression"),
        (r"z\d+", "has no group"),
        (r"wd(\d+)", "finds nothing in"),
        (r"(z)", "finds 'z' in z1.tif, which is no number"),
        (r"z(\d+)", "has no unit; say it with --unit"),
    ],
)
def test_a_pattern_that_finds_no_number_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(UsageError, match="--pattern") as refused:
        from_names(["z1.tif", "z2.tif"], pattern)
    assert why in str(refused.value)


@pytest.mark.parametrize("text", ["", "px", "0um", "-1um", "um2"])
def test_a_unit_is_a_length(text: str) -> None:
    with pytest.raises(UsageError, match="--unit"):
        Unit.of(text)


def test_tags_say_metres() -> None:
    reports = series((0.0, 1.0), focus_m=0.00907)
    assert from_tags(reports) == pytest.approx([9070, 9070])


def test_images_without_a_focus_in_their_tags_are_named() -> None:
    with pytest.raises(UsageError, match=r"run/a_0\.tif, run/a_1\.tif of 2 images say no focus in their tags"):
        from_tags(series((0.0, 1.0)))


@pytest.mark.parametrize(
    "text",
    [
        "image,focus_um\na.tif,-1.5\nb.tif,2\n",
        "\ufefffocus_um;note;image\n-1.5;x;a.tif\n2;y;sub/b.tif\n\n",
        "image\tfocus_mm\na.tif\t-0.0015\nb.tif\t0.002\n",
    ],
)
def test_a_list_says_it_by_name_or_path(tmp_path: Path, text: str) -> None:
    file = tmp_path / "focus.csv"
    file.write_text(text, encoding="utf-8")
    assert from_list(["run/a.tif", "sub/b.tif"], file) == pytest.approx([-1.5, 2])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"image,focus\na.tif,1\n", "needs a column `image` and one of focus_um"),
        (b"", "it has none"),
        (b"image,focus_um,focus_mm\n", "needs a column"),
        (b"image,focus_um\na.tif,one\n", "focus.csv:2: focus_um is 'one', which is no number"),
        (b"image,focus_um\na.tif,1\na.tif,2\n", "focus.csv:3: a.tif is listed twice, with two values"),
        (b"image,focus_um\nb.tif,1\n", "says no focus of a.tif; its column `image` has names such as b.tif"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (b"image,focus_um\n" + b"#" * (1 << 20), "is larger than 1 MiB"),
    ],
)
def test_a_list_that_does_not_say_it_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "focus.csv"
    file.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        from_list(["a.tif"], file)
    assert why in str(refused.value)
    assert "focus.csv" in str(refused.value)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv: cannot be read"):
        from_list(["a.tif"], tmp_path / "none.csv")
