"""What a calibration says of an image's blur, where it says nothing, and its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.calibrations import calibration

from mhfd.contract.focus_report import ImageInfo
from mhfd.contract.params import Params
from mhfd.contract.proposal import PairCalibration
from mhfd.errors import UsageError
from mhfd_client.calibration.kept import load, load_induced, save, save_induced
from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.blur.calibration import Calibration, in_um, instrument_of, um_words

ID = Params().id


def image(**changes: Any) -> ImageInfo:
    told = {"pixel_nm": 8.0, "dwell_ns": 1000.0, "tags": {"focus_from": "Zeiss AP_WD"}}
    return ImageInfo(**(told | changes))


def blur(px: float, low: float, high: float, kind: BlurKind | None = BlurKind.DEFOCUS) -> Blur:
    return Blur(px=px, low=low, high=high, neighbours=15, chi2=1.0, kind=kind)


def test_it_says_um_of_a_blur_with_both_doubts_in_the_interval() -> None:
    told = in_um(blur(2.0, 1.8, 2.2), calibration(um=1.5, low=1.4, high=1.6))
    assert told.um == pytest.approx(3.0)
    assert told.um_low == pytest.approx(3.0 - (0.3**2 + 0.2**2) ** 0.5)
    assert told.um_high == pytest.approx(3.0 + (0.3**2 + 0.2**2) ** 0.5)
    assert um_words(told) == "out of focus by about 3 um (2.6 to 3.4)"


def test_never_less_than_nothing() -> None:
    told = in_um(blur(0.3, -0.4, 0.7, None), calibration())
    assert told.um_low == 0
    assert told.um == pytest.approx(0.3)


@pytest.mark.parametrize(
    "kind", [BlurKind.VIBRATION, BlurKind.MOTION_ALONG, BlurKind.MOTION_ACROSS, BlurKind.ASTIGMATISM]
)
def test_what_is_no_defocus_has_no_um(kind: BlurKind) -> None:
    told = in_um(blur(2.0, 1.8, 2.2, kind), calibration())
    assert told.um is None
    assert um_words(told) is None


def test_an_image_that_is_sharper_than_its_neighbours_has_no_um() -> None:
    assert in_um(blur(-1.0, -1.2, -0.8, None), calibration()).um is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"pixel_nm": 8.05}, None),
        ({"pixel_nm": 4.0}, "made with 8 nm a pixel, this image has 4 nm a pixel"),
        ({"pixel_nm": None}, "made with 8 nm a pixel, this image has no pixel size"),
        ({"dwell_ns": 500.0}, "made with a dwell of 1000 ns, this image has a dwell of 500 ns"),
        ({"tags": {"pixel_from": "TESCAN PixelSizeX"}}, "made with Zeiss, this image is of TESCAN"),
        ({"tags": {}}, "made with Zeiss, this image is of images that name no instrument"),
    ],
)
def test_it_is_refused_elsewhere_by_name(changes: dict[str, Any], why: str | None) -> None:
    found = calibration().why_not(image(**changes), ID)
    assert found is None if why is None else why in str(found)


def test_other_parameters_are_refused() -> None:
    paper = Params.preset("paper_code").id
    assert f"this image has {paper}" in str(calibration().why_not(image(), paper))


def test_what_says_no_pixel_size_is_for_images_that_say_none() -> None:
    unsized = calibration().model_copy(update={"pixel_nm": None})
    assert unsized.why_not(image(pixel_nm=None), ID) is None
    assert "this image has 8 nm a pixel" in str(unsized.why_not(image(), ID))


def test_an_instrument_is_named_as_far_as_the_file_says() -> None:
    assert instrument_of(image(tags={"pixel_from": "FEI Scan.PixelWidth", "format": "TIFF"})) == "FEI"
    assert instrument_of(image(tags={"maker": "A", "model": "B", "serial": 7})) == "A B 7"
    assert instrument_of(image(tags={"format": "PNG"})) is None


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "calibration.json"
    save(calibration(), file)
    assert load(file) == calibration()
    assert sorted(path.name for path in file.parent.iterdir()) == ["calibration.json"]


def induced(um_a_unit: float = 2.5) -> PairCalibration:
    return PairCalibration(package="a" * 64, um_a_unit=um_a_unit, sd_part=0.05, perturbation_um=2.0, pixel_nm=8.0)


def test_either_part_of_a_file_is_written_beside_the_other(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    save(calibration(), file)
    save_induced(induced(), file)
    assert (load(file), load_induced(file)) == (calibration(), induced())
    save(calibration(um=1.05), file)
    assert (load(file), load_induced(file)) == (calibration(um=1.05), induced())
    save_induced(induced(3.0), file)
    assert (load(file), load_induced(file)) == (calibration(um=1.05), induced(3.0))


def test_a_file_of_one_part_says_that_it_lacks_the_other(tmp_path: Path) -> None:
    series, known = tmp_path / "series.json", tmp_path / "known.json"
    save(calibration(), series)
    save_induced(induced(), known)
    assert load_induced(known) == induced()
    with pytest.raises(UsageError, match="nothing of a focus series"):
        load(known)
    with pytest.raises(UsageError, match="says nothing of a known move; `mhfd adjust calibrate"):
        load_induced(series)


@pytest.mark.parametrize("data", [b"no JSON", b"[1]", b'{"induced": 3}', b"\xff" * 100])
def test_what_is_no_calibration_is_replaced_and_never_kept(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "calibration.json"
    file.write_bytes(data)
    save_induced(induced(), file)
    assert load_induced(file) == induced()
    file.write_bytes(data)
    save(calibration(), file)
    assert load(file) == calibration()


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"um_a_unit": -1.0}, "um_a_unit: "), ({"schema_version": 9}, "its version is 9"), ({"more": 1}, "more: ")],
)
def test_a_known_move_that_cannot_be_is_named(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({"schema_version": 1, "induced": induced().model_dump() | changes}))
    with pytest.raises(UsageError, match=r"calibration\.json: ") as refused:
        load_induced(file)
    assert why in str(refused.value)


def _changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(calibration().model_dump_json()) | changes).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda: b"", "it is not JSON"),
        (lambda: b"\xff\xfe", "it is not JSON"),
        (lambda: b"[" * 100_000, "it is not JSON"),
        (lambda: b"[1]", "it has no um_a_px"),
        (lambda: b" " * (2 << 20), "larger than 1 MiB"),
        (lambda: _changed(schema_version=9), "its version is 9"),
        (lambda: _changed(pixel_nm="large"), "pixel_nm: "),
        (lambda: _changed(surprise=1), "surprise: "),
        (lambda: _changed(um_a_px={"value": 1, "low": 2, "high": 3}), "um_a_px: "),
        (lambda: _changed(um_a_px={"value": 1, "low": -2, "high": 3}), "must be above 0"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong(tmp_path: Path, data: Callable[[], bytes], why: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_bytes(data())
    with pytest.raises(UsageError, match=r"calibration\.json: ") as refused:
        load(file)
    assert why in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: cannot be read: No such file"):
        load(tmp_path / "none.json")


def test_one_of_another_version_is_not_read_as_ours() -> None:
    with pytest.raises(ValueError, match="schema_version"):
        Calibration.model_validate(json.loads(_changed(schema_version=2)))
