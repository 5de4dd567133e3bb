"""BBBC021's layout on made-up plates: what is read, what is left out, and rubbish. Not run on BBBC021."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.plates import MadeUpPlates
from tests.rigs.shown import plan_of

from mhfd.errors import UsageError
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.training.examples import COPIES, Examples, open_examples, split

FOUR = ("DMSO", "Eg5 inhibitors", "Microtubule destabilizers", "Microtubule stabilizers")


def opened(folder: Path, copies: str = "turns") -> Examples:
    return open_examples(folder, "cause", multiple=64, copies=copies)  # type: ignore[arg-type]


def test_fields_of_three_channels_say_what_their_compound_does(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    examples = opened(made.write())
    assert (examples.channels, examples.side, examples.says) == (3, (128, 128), FOUR)
    assert len(examples) == 2 * 2 * 6  # plates, sites, wells of which the mechanism is known or none is needed
    named = dict(zip(examples.groups, examples.classes.tolist(), strict=True))
    assert named == {
        "taxol": 3.0,
        "docetaxel": 3.0,
        "colchicine": 2.0,
        "4,5-dianilino thing": 1.0,
        "DMSO on Week1_22123": 0.0,
        "DMSO on Week1_22141": 0.0,
    }
    example = examples.load(0, None)
    channels = [tifffile.imread(made.file(0, channel)) for channel in range(3)]
    assert np.array_equal(example.x[:, :70, :90], NORMALISATION.of(np.stack(channels)))
    assert example.y.tolist() == [3.0]
    assert examples.paths[0] == str(made.file(0, 0))


def test_a_person_is_told_what_was_left_out_and_what_was_not_tried(tmp_path: Path) -> None:
    notes = "\n".join(opened(MadeUpPlates(tmp_path).write()).notes)
    assert "not run on BBBC021" in notes
    assert "8 of 32 fields are left out" in notes
    assert "of one compound, so taught or validated, never both: Eg5 inhibitors, Microtubule destabilizers" in notes


def test_validation_holds_back_compounds_and_plates_of_neutral_cells(tmp_path: Path) -> None:
    examples = opened(MadeUpPlates(tmp_path).write())
    taught, validated = split(examples, plan_of(validation=0.3))
    sides = [{examples.groups[n] for n in side} for side in (taught, validated)]
    assert not sides[0] & sides[1]
    assert {examples.classes[n] for n in taught} == {0, 1, 2, 3}
    assert {examples.classes[n] for n in validated} == {0, 3}


def test_copies_of_what_is_no_square(tmp_path: Path) -> None:
    folder = MadeUpPlates(tmp_path, shape=(100, 130)).write()
    assert {opened(folder).load(0, copy).x.shape for copy in COPIES["turns"]} == {(3, 128, 192)}
    assert {opened(folder, "A").load(0, copy).x.shape for copy in COPIES["A"]} == {(3, 128, 192), (3, 192, 128)}
    assert {opened(folder, "B").load(0, copy).x.shape for copy in (None, *COPIES["B"])} == {(3, 128, 128)}


@pytest.mark.parametrize("below", ["Week1", "images"])
def test_plates_lie_where_the_table_says_or_where_people_unpack_them(tmp_path: Path, below: str) -> None:
    folder = MadeUpPlates(tmp_path).write()
    (folder / below).mkdir()
    for plate in ("Week1_22123", "Week1_22141"):
        shutil.move(folder / plate, folder / below / plate)
    assert len(opened(folder)) == 24


def test_plates_that_are_not_here_are_left_out(tmp_path: Path) -> None:
    whole = opened(MadeUpPlates(tmp_path).write())
    shutil.rmtree(tmp_path / "Week1_22141")
    half = opened(tmp_path)
    assert len(half) == len(whole) // 2
    assert "1 plate of 2 are here" in half.notes
    assert half.digest != whole.digest
    shutil.rmtree(tmp_path / "Week1_22123")
    with pytest.raises(UsageError, match=r"no plate of BBBC021_v1_image.csv is here, as Week1/Week1_22123 would be"):
        opened(tmp_path)


def test_the_digest_is_of_names_labels_and_lengths(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    first = opened(made.write()).digest
    assert opened(tmp_path).digest == first
    made.actions[2] = ("colchicine", "0.03", "Eg5 inhibitors")
    assert opened(made.write()).digest != first


def refused(made: MadeUpPlates, lesson: str = "cause") -> str:
    with pytest.raises(UsageError) as error:
        open_examples(made.write(), lesson, multiple=64)  # type: ignore[arg-type]
    return str(error.value)


def test_a_missing_file_of_a_plate_that_is_here_is_refused_with_its_line(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    made.file(3, 1).unlink()
    said = refused(made)
    assert f"BBBC021_v1_image.csv, line 5: image {made.file(3, 1).name!r} is not in " in said
    assert said.endswith("put it back, or take the line out")


def test_two_sizes_and_a_torn_file_are_refused(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    path = made.file(2, 2)
    whole = path.read_bytes()
    tifffile.imwrite(path, np.zeros((64, 90), np.uint16), photometric="minisblack", metadata=None)
    said = refused(made)
    assert "images of 2 sizes" in said
    assert f"1 image of 64 x 90 ({path})" in said
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(made).startswith(f"{path}: ")


def test_a_file_that_is_exchanged_later_ends_in_words(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    examples = opened(made.write())
    tifffile.imwrite(made.file(0, 0), np.zeros((64, 90), np.uint16), photometric="minisblack", metadata=None)
    with pytest.raises(UsageError, match="it was 70 x 90 pixels when the training began"):
        examples.load(0, None)
    made.file(0, 0).unlink()
    with pytest.raises(UsageError, match=r"no such file.*put the image back"):
        examples.load(0, None)


def test_a_dark_and_flat_channel_is_no_flaw(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    tifffile.imwrite(made.file(0, 2), np.zeros((70, 90), np.uint16), photometric="minisblack", metadata=None)
    assert not opened(made.write()).load(0, None).x[2].any()


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        (-1, "0,3", "Image_Metadata_Concentration '0,3' is no number of 0 or more; write it with a point"),
        (-1, "", "Image_Metadata_Concentration '' is no number"),
        (-1, "nan", "'nan' is no number"),
        (-2, " ", "Image_Metadata_Compound is empty"),
        (-5, "", "Image_Metadata_Plate_DAPI is empty"),
        (2, "", "an image has no name or no folder"),
        (3, "../Week1_22123", "leads out of the folder"),
        (3, "/etc", "leads out of the folder"),
    ],
)
def test_rubbish_in_a_line_is_named(tmp_path: Path, column: int, cell: str, words: str) -> None:
    made = MadeUpPlates(tmp_path)
    made.lines[4][column] = cell
    said = refused(made)
    assert f"{tmp_path / 'BBBC021_v1_image.csv'}, line 6: " in said
    assert words in said


def test_a_comma_without_quotes_a_lacking_column_and_no_table_are_named(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    folder = made.write()
    table = folder / "BBBC021_v1_moa.csv"
    table.write_text("compound,concentration,moa\n4,5-thing,10,Eg5 inhibitors\n")
    with pytest.raises(UsageError, match=r"moa.csv, line 2: 4 cells where line 1 has 3 columns; put text with a comma"):
        opened(folder)
    table.write_text("compound,moa\ntaxol,x\n")
    with pytest.raises(UsageError, match="line 1: column 'concentration' is not there once"):
        opened(folder)
    table.write_bytes(b"compound,concentration,moa\n\xff\xfe,1,x\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        opened(folder)
    table.unlink()
    with pytest.raises(UsageError, match=r"moa.csv: no such file; the folder has to hold BBBC021_v1_image.csv and"):
        opened(folder)


def test_what_contradicts_itself_or_teaches_nothing_is_refused(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    made.actions.append(("Taxol", "0.30000", "Something else"))
    assert "line 7: Taxol at 0.30000 is called 'Something else', and 'Microtubule stabilizers' above" in refused(made)
    made.actions = [("unseen", "1", "Mystery")]
    assert "it names no mechanism of a compound at a concentration that is on the plates here" in refused(made)
    made.actions = [("taxol", "0.3", "One")]
    made.lines = [line for line in made.lines if line[-2] == "taxol"]
    assert "all 4 fields are One: there is nothing to tell apart" in refused(made)
    made.lines = []
    assert "it lists no image" in refused(made)
    assert "train `cause`, not 'focus'" in refused(made, "focus")


def test_one_file_as_two_channels_is_refused(tmp_path: Path) -> None:
    made = MadeUpPlates(tmp_path)
    made.lines[0][4] = made.lines[0][2]
    assert "line 2: two channels are one file" in refused(made)
