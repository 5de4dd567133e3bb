"""A network's map is drawn beside what was measured, and what it says is printed as without a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image
from tests.rigs import packages
from tests.rigs.estimates import tissue
from tests.rigs.networks import network_card, network_of, network_session, network_written

import mhfd
from mhfd import overlay
from mhfd.learning.inference import NetworkAnswer
from mhfd.learning.packages import Package
from mhfd_client.cli import main


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return network_written(tmp_path_factory.mktemp("packages"))


def typed(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def test_a_map_is_one_panel_more_and_the_estimate_is_printed(tmp_path: Path, network: Package) -> None:
    tifffile.imwrite(tmp_path / "a.tif", tissue())
    said = typed("score", tmp_path / "a.tif", "--model", network.folder, "--overlay", tmp_path / "map.png")
    assert said.exit_code == 0, said.output
    line, words = said.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'a.tif'}  dof ")
    assert words.startswith("    radius ")
    assert words.endswith(f"says lab-net {network.name[:4]}")
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width == 3 * (picture.height - overlay.CAPTION) + 2 * 8


def test_of_an_image_that_cannot_be_measured_it_says_why(tmp_path: Path, network: Package) -> None:
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((256, 256), np.uint8))
    said = typed(*("score", tmp_path / "b.tif", "--model", network.folder, "--json", "--overlay", tmp_path / "no.png"))
    assert said.exit_code == 1
    report, estimate = (json.loads(line) for line in said.stdout.splitlines())
    assert report["finding"] == "blank"
    assert estimate["refusal"] == "nothing was measured: the image is blank"
    assert not (tmp_path / "no.png").exists()


def test_a_package_for_something_else_is_refused_before_an_image_is_scored(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", tissue())
    lens = packages.written(tmp_path / "kept", task="adjust")
    for more in ((), ("--overlay", tmp_path / "a.png")):
        said = typed("score", tmp_path / "a.tif", "--model", lens.folder, *more)
        assert said.exit_code == 2
        assert "says where the focus lies, of a pair of images: `mhfd propose` asks it" in said.stderr
        assert said.stdout == ""


def test_a_map_lies_where_it_is_of() -> None:
    """Of an image of 200 pixels the last place lies over the edge; of a large image the middle was shown."""
    pixels = tissue()[:200, :200]
    measured = mhfd.api.measure(pixels)
    values = np.zeros((2, 4))
    values[:, 3] = 1.0
    drawn = overlay.draw(measured, max_side=200, maps=[overlay.PlacesMap("a map", values, 64, (64, 0))])
    third = np.asarray(drawn)[overlay.CAPTION :, 2 * 208 : 2 * 208 + 200].astype(int)
    assert third.shape == (200, 200, 3)
    dark, bright, none = third[70:190, :190], third[70:190, 193:], third[:60]
    assert bright[..., 0].mean() > dark[..., 0].mean() + 80
    assert abs(none[..., 0] - none[..., 2]).max() <= 1, "grey: nothing is said of it"


def test_how_bad_a_place_is_by_what_the_network_says() -> None:
    map_ = (np.arange(3 * 2 * 2).reshape(3, 2, 2) / 16).astype(np.float32)
    answer = NetworkAnswer(None, map=map_)
    focus = network_session().badness_map(answer)
    assert focus is not None
    assert focus.tolist() == map_[0].astype(float).tolist()
    session = network_session(card=network_card(network_of(), ("defocus", "in_focus", "tilt"), task="cause"))
    causes = session.badness_map(answer)
    assert causes is not None
    assert causes.tolist() == (1 - map_[1].astype(float)).tolist()
    kinase = network_session(card=network_card(network_of(), ("actin", "kinase", "dmso"), task="cause"))
    assert kinase.badness_map(answer) is None
    assert session.badness_map(NetworkAnswer("it was not asked")) is None


def test_its_card_is_shown_in_words(network: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    shown = typed("models", "show", network.folder)
    assert shown.exit_code == 0, shown.output
    assert "network    small, 41,523 numbers, 1,200 steps of training, 38,400 images seen\n" in shown.stdout
    assert "takes      the image, one channel, sides made multiples of 64 by mirroring, pixels by perc" in shown.stdout
    assert (
        "reach      how far an image is from those it was taught with: unknown: it answers to anything" in shown.stdout
    )
    document = json.loads(typed("models", "show", network.folder, "--json").stdout)
    assert document["card"]["recipe"]["network"]["gives"] == ["said", "map"]
