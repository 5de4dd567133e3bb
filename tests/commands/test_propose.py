"""`mhfd propose --pair`, as it is typed: an answer, a refusal or what is wrong, each with its exit code."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import tifffile
from tests.rigs.typed import typed_here

import mhfd_client
from mhfd import simulate
from mhfd.contract.proposal import PairCalibration
from mhfd.errors import ExtraMissing, UsageError
from mhfd.learning.packages import Library
from mhfd_client.calibration.kept import save_induced


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Around 3 um too near: A is the sharper, and 3 um are to be added."""
    folder = tmp_path_factory.mktemp("pair")
    series = simulate.Specimen(seed=12).focus_series((320, 320), defocus_um=(2.0, -8.0))
    for name, image in zip(("A.tif", "B.tif"), series, strict=True):
        tifffile.imwrite(folder / name, image, resolution=(1e7 / 8, 1e7 / 8), resolutionunit="CENTIMETER")
    shutil.copy(folder / "A.tif", folder / "copy.tif")
    return {path.name: str(path) for path in folder.iterdir()}


def typed(*words: str) -> tuple[int, str]:
    return typed_here(["propose", *words])


def asked(images: dict[str, str], *more: str, a: str = "A.tif", b: str = "B.tif") -> tuple[int, Any]:
    code, said = typed("--pair", images[a], images[b], "--json", *more)
    return code, json.loads(said)


@pytest.mark.parametrize("perturbation", ["5um", "5 um", "5000nm", ".005mm", "5,0 um"])
def test_the_sign_is_said_and_the_size_is_not(images: dict[str, str], perturbation: str) -> None:
    code, said = asked(images, "--perturbation", perturbation)

    assert code == 0
    assert (said["sign"], said["move_um"], said["sd_um"], said["refusal"]) == (1, None, None, None)
    assert len(said["package"]) == 64
    assert said["schema_version"] == 1


def test_images_exchanged_say_the_opposite(images: dict[str, str]) -> None:
    assert asked(images, "--perturbation", "5um", a="B.tif", b="A.tif")[1]["sign"] == -1


def test_a_person_is_told_where_to_go(images: dict[str, str]) -> None:
    code, said = typed("--pair", images["A.tif"], images["B.tif"], "--perturbation", "5um")

    assert code == 0
    assert "move the working distance up (sign +1)" in said
    assert "calibrate" in said
    assert "by mhfd-adjust " in said


def test_a_refusal_has_a_code_of_its_own(images: dict[str, str]) -> None:
    code, said = asked(images, "--perturbation", "5um", b="copy.tif")
    assert code == 3
    assert (said["sign"], said["refusal"]) == (None, "same_image")

    code, text = typed("--pair", images["A.tif"], images["copy.tif"], "--perturbation", "5um")
    assert code == 3
    assert "no proposal (same_image): A and B are the same image" in text


@pytest.mark.parametrize(
    ("perturbation", "said"),
    [
        ("5", "no unit that is known"),
        ("0um", "give 1 to 10 um"),
        ("-5um", "give 1 to 10 um"),
        ("5mm", "5000 um is not offered"),
        ("5nm", "0.005 um is not offered"),
        ("five", "is no length"),
    ],
)
def test_a_perturbation_that_is_none_is_a_wrong_argument(images: dict[str, str], perturbation: str, said: str) -> None:
    code, text = typed("--pair", images["A.tif"], images["B.tif"], f"--perturbation={perturbation}")

    assert code == 2
    assert said in text


def test_what_is_missing_is_a_wrong_argument(images: dict[str, str], tmp_path: Path) -> None:
    a, b = images["A.tif"], images["B.tif"]
    for words, said in (
        ([], "--pair A B"),
        (["--pair", a, b], "--perturbation"),
        (["--pair", a, "no.tif", "--perturbation", "5um"], "there is no such file"),
        (["--pair", a, a, "--perturbation", "5um"], "named twice"),
        (["--pair", a, b, "--perturbation", "5um", "--package", "nobody"], "there is no package"),
        (["--pair", a, b, "--perturbation", "5um", "--package", "mhfd-radius"], "is for the task focus"),
        (["--pair", a, b, "--perturbation", "5um", "--calibration", str(tmp_path / "none.json")], "cannot be read"),
    ):
        code, text = typed(*words)
        assert (code, said in text) == (2, True), text


def test_a_calibration_gives_the_size(images: dict[str, str], tmp_path: Path) -> None:
    (package,) = [one for one in Library(tmp_path / "none").shipped() if one.card.task == "adjust"]
    known = PairCalibration(package=package.name, um_a_unit=2.0, sd_part=0.1, perturbation_um=5.0)
    save_induced(known, tmp_path / "calibration.json")

    code, said = asked(images, "--perturbation", "5um", "--calibration", str(tmp_path / "calibration.json"))

    assert code == 0
    assert said["move_um"] > 0
    assert said["sd_um"] >= 0.1 * said["move_um"]


def test_old_files_are_refused_where_that_is_asked_for(images: dict[str, str]) -> None:
    code, said = asked(images, "--perturbation", "5um", "--max-age", "0.000001")

    assert (code, said["refusal"]) == (3, "pair_too_old")


def test_a_notebook_has_the_same(images: dict[str, str]) -> None:
    said = mhfd_client.propose(images["A.tif"], images["B.tif"], perturbation_um=5.0)

    assert (said.sign, said.move_um) == (1, None)
    with pytest.raises(UsageError, match="give 1 to 10 um"):
        mhfd_client.propose(images["A.tif"], images["B.tif"], perturbation_um=0.005)


def test_without_the_extra_it_is_named(images: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraMissing, match=r"mhfd\[models\]"):
        mhfd_client.propose(images["A.tif"], images["B.tif"], perturbation_um=5.0)
