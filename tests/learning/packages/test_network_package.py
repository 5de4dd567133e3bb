"""A package of a network: written, read, refused where its parts do not agree, and what bioimage.io calls a model."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.rigs.forgery import OF_FIELDS, Forgery
from tests.rigs.networks import SAYS, TEST, answered, begun, network_card, network_of, network_written
from tests.rigs.packages import README, card_of

from mhfd.errors import PackageRefused, UsageError
from mhfd.learning.packages import Package, Recipe, read_package, verify, write_package
from mhfd.learning.packages.onnx_file import check_onnx
from mhfd.learning.packages.tensor_file import tensor_bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return network_written(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def whole(made: Package) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in made.folder.iterdir()}


@pytest.fixture
def answers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model answers in this process."""

    def here(weights: bytes, test: np.ndarray[Any, Any], shapes: Mapping[str, Any]) -> dict[str, Any]:
        network = network_card(network_of(gives=tuple(shapes), channels=test.shape[1]))
        return answered(weights, network, test)

    monkeypatch.setattr("mhfd.learning.packages.package.tried", here)


def test_a_network_answers_its_test_in_a_process_of_its_own(made: Package) -> None:
    assert {path.name for path in made.folder.iterdir()} >= {"test_output.npy", "test_map.npy"}
    again = verify(made.folder)
    assert again == made
    assert again.card.recipe.takes == "image"
    assert again.card == network_card()


def test_what_takes_features_says_nothing_of_networks() -> None:
    """So the packages that there are keep their text, and their names."""
    recipe = card_of().model_dump(mode="json")["recipe"]
    assert "network" not in recipe
    assert list(recipe)[-1] == "balance"
    assert network_card().model_dump(mode="json")["recipe"]["network"]["steps"] == 1200


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"names": ("a",)}, "names: a network takes the image itself"),
        ({"baseline": True}, "baseline: a network takes the image itself"),
        ({"network": None}, "names: a model that takes features names one at least"),
    ],
)
def test_a_recipe_is_of_features_or_of_a_network(changed: dict[str, Any], why: str) -> None:
    usual: dict[str, Any] = {"learner": "small", "says": SAYS, "network": network_of()}
    with pytest.raises(ValidationError, match=why):
        Recipe(**(usual | changed))


@pytest.mark.usefixtures("answers_itself")
def test_what_is_written_has_to_agree(tmp_path: Path) -> None:
    onnx = begun()
    given = answered(onnx, network_card())
    said, maps = given["said"], given["map"]
    with pytest.raises(UsageError, match="test_map: the recipe says that the model gives said, map"):
        write_package(tmp_path, network_card(), onnx, TEST, said, README)
    with pytest.raises(UsageError, match="test_map: has to hold numbers"):
        write_package(tmp_path, network_card(), onnx, TEST, said, README, test_map=np.zeros_like(maps))
    moved = maps.copy()
    moved[0, 0, 0, 0] += 0.1
    with pytest.raises(PackageRefused, match=r"answers its test with .* in row 1, column 1, line of its map 1"):
        write_package(tmp_path, network_card(), onnx, TEST, said, README, test_map=moved)
    with pytest.raises(PackageRefused, match="takes 1 channels and gives 3 numbers; its card names 3 and 3"):
        write_package(tmp_path, network_card(network_of(channels=3)), onnx, TEST, said, README, test_map=maps)
    with pytest.raises(PackageRefused, match="gives 'said', 'map', and not 'said' alone"):
        write_package(tmp_path, network_card(network_of(gives=("said",))), onnx, TEST, said, README)
    with pytest.raises(PackageRefused, match=r"takes 'image', and not 'features' alone"):
        write_package(tmp_path, card_of(), onnx, TEST, said, README)
    assert list(tmp_path.iterdir()) == []


def one_map(images: np.ndarray[Any, Any]) -> bytes:
    return tensor_bytes(np.ones((len(images), 3, 1, 2), np.float32))


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (lambda f: f.put("test_input.npy", tensor_bytes(TEST[:, :, :, :100])), "sides multiples of 64"),
        (
            lambda f: f.put("test_input.npy", tensor_bytes(np.tile(TEST, (3, 1, 1, 1)))),
            "6 x 1 x 64 x 128, and not 1 to 4",
        ),
        (
            lambda f: f.put("test_input.npy", tensor_bytes(TEST[:, 0, 0])),
            "test_input.npy: its header is not that of im",
        ),
        (lambda f: f.put("test_map.npy", tensor_bytes(np.ones((2, 3, 2, 2), np.float32))), "the maps of its test are"),
        (lambda f: f.put("test_map.npy", one_map(TEST) + b"\0"), "test_map.npy: has"),
        (lambda f: f.files.pop("test_map.npy"), "test_map.npy.*not there|test_map.npy is missing"),
        (lambda f: f.described(lambda d: d["outputs"].pop()), "outputs"),
        (lambda f: f.described(lambda d: d["outputs"][1]["axes"][2].update(scale=32.0)), "scale is 32.0, and not 64.0"),
        (lambda f: f.described(lambda d: d["inputs"][0]["axes"][2]["size"].update(min=32)), "size.min is 32"),
        (lambda f: f.described(lambda d: d["config"]["mhfd"]["recipe"]["network"].update(grid=0)), "network.grid"),
        (
            lambda f: f.described(lambda d: d["config"]["mhfd"]["recipe"]["network"].update(gives=["map", "said"])),
            "order",
        ),
    ],
)
def test_a_forged_network_is_refused(
    alter: Callable[[Forgery], object],
    why: str,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OF_FIELDS, "test_map.npy", ("outputs", 1, "test_tensor"))
    forgery = Forgery(tmp_path / "forged", whole)
    alter(forgery)
    forgery.manifest()
    forgery.write()
    with pytest.raises(PackageRefused, match=why):
        read_package(tmp_path / "forged")


def test_a_map_beside_does_not_belong_to_what_gives_none(tmp_path: Path) -> None:
    from tests.rigs.packages import written

    held = written(tmp_path / "kept")
    (held.folder / "test_map.npy").write_bytes(one_map(TEST))
    lines = (held.folder / "SHA256SUMS").read_text().splitlines()
    lines.append(f"{hashlib.sha256(one_map(TEST)).hexdigest()}  test_map.npy")
    (held.folder / "SHA256SUMS").write_text(
        "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[1]))
    )
    with pytest.raises(PackageRefused, match="by its card the model gives no map beside"):
        read_package(held.folder.rename(tmp_path / "with-map"))


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (lambda g: g.input[0].type.tensor_type.shape.dim[2].__setattr__("dim_value", 64), "images of any size"),
        (lambda g: g.input[0].type.tensor_type.shape.dim.pop(), "images of any size"),
        (lambda g: g.output[1].type.tensor_type.shape.dim[3].__setattr__("dim_value", 2), "a map of any size"),
        (lambda g: g.output[0].type.tensor_type.shape.dim[0].__setattr__("dim_value", 2), "'said' has to have a row"),
        (lambda g: g.output.pop(), "gives 'said', and not 'said', 'map'"),
    ],
)
def test_the_shapes_of_a_network_are_looked_at(alter: Callable[[Any], object], why: str) -> None:
    from onnx import load_from_string

    model = load_from_string(begun())
    alter(model.graph)
    with pytest.raises(PackageRefused, match=why):
        check_onnx(model.SerializeToString(), "weights.onnx", gives=("said", "map"))


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the reader leaves files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_bioimage_io_knows_the_axes_of_its_image_and_its_map(
    made: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "cache"))
    from bioimageio.spec import ValidationContext, load_description
    from bioimageio.spec.model.v0_5 import ModelDescr

    with ValidationContext(perform_io_checks=True, root=made.folder):
        found = load_description(made.folder / "rdf.yaml")
    assert isinstance(found, ModelDescr)
    assert found.validation_summary.status == "valid-format"
    gc.collect()  # of what it left open, while nobody minds
    document = json.loads((made.folder / "rdf.yaml").read_text("utf-8"))
    assert [axis["type"] for axis in document["inputs"][0]["axes"]] == ["batch", "channel", "space", "space"]
    assert document["inputs"][0]["axes"][2]["size"] == {"min": 64, "step": 64}
    assert [one["id"] for one in document["outputs"]] == ["said", "map"]
