"""`rdf.yaml`: what bioimage.io says a model is, in its form 0.5, written from a card and the other files.

It is written as JSON, which every reader of YAML takes: so it is read here without a reader of YAML, and without its
tags, anchors and merges. There is one right text for a card and its files, and any other is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
from pydantic import ValidationError

from mhfd.errors import PackageRefused
from mhfd.learning.packages.card import CARD_VERSIONS, Card, Recipe
from mhfd.learning.packages.folder import (
    DESCRIPTION,
    ONNX,
    README,
    TEST_INPUT,
    digest_of,
    text_of_file,
)
from mhfd.learning.packages.onnx_file import FEATURES, IMAGE, MAP
from mhfd.learning.packages.tensors import Answers, answer_files

FORMAT: Final = "0.5.11"
RELATIVE: Final = 1e-4
ABSOLUTE: Final = 1e-5

_WITHOUT_A_POINT: Final = re.compile(r"^(.*[ ]-?\d+)(e[-+]\d+)(?=,?$)", re.MULTILINE)
"""A number as 1e-05, at the end of a line, where no text ends: YAML 1.1 takes it for a text, but not 1.0e-05."""


def tolerance_of(answers: Answers) -> tuple[float, float]:
    """How far a model may be from the answers in a package: of each number, and beyond that.

    bioimage.io takes at most 1% of the largest number for the second.
    """
    return RELATIVE, min(ABSOLUTE, *(0.01 * float(np.abs(answer).max()) for answer in answers.values()))


def description_bytes(card: Card, files: Mapping[str, bytes], answers: Answers, *, opset: int) -> bytes:
    """The whole `rdf.yaml`.

    Args:
        card: What the package says of itself.
        files: The other files.
        answers: What is in the test's answers.
        opset: The version of ONNX's operators.
    """
    relative, absolute = tolerance_of(answers)
    document = {
        "format_version": FORMAT,
        "type": "model",
        "name": f"mhfd {card.task}",
        "description": f"{card.title}: {card.task} of an image of electron microscopy, learned for mhfd",
        "authors": [{"name": "mhfd"}],
        "cite": [{"text": "mhfd: is the image just taken in focus?", "url": "https://mhfd.readthedocs.io/en/latest/"}],
        "tags": ["electron-microscopy", "focus", "quality-control"],
        "documentation": _source(files, README),
        "inputs": [_input(card.recipe, files)],
        "outputs": [
            _tensor(output, card.recipe.says, files, name, _places(card.recipe) if output == MAP else [])
            for output, name in answer_files(card.recipe).items()
        ],
        "weights": {"onnx": _source(files, ONNX) | {"opset_version": opset}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [{"relative_tolerance": relative, "absolute_tolerance": absolute}]
            },
            "mhfd": card.model_dump(mode="json"),
        },
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return (_WITHOUT_A_POINT.sub(r"\1.0\2", text) + "\n").encode()


def card_in(data: bytes) -> Card:
    """The card in a `rdf.yaml`; PackageRefused."""
    document = document_of(data)
    try:
        said = document["config"]["mhfd"]
        version = said["schema_version"]
    except (KeyError, TypeError, IndexError):
        raise PackageRefused(f"{DESCRIPTION}: has no card (config.mhfd): this package is not for mhfd") from None
    if version not in CARD_VERSIONS or isinstance(version, bool):
        read = " and ".join(map(str, CARD_VERSIONS))
        raise PackageRefused(f"{DESCRIPTION}: has a card of version {version!r}, and this mhfd reads {read}")
    try:
        return Card.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["config.mhfd", *map(str, first["loc"])])
        raise PackageRefused(f"{DESCRIPTION}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def check_description(data: bytes, wanted: bytes) -> None:
    """It is the one right text; PackageRefused names the first part that is not."""
    if data == wanted:
        return
    said, right = document_of(data), json.loads(wanted)
    raise PackageRefused(f"{DESCRIPTION}: {_difference(said, right, '') or 'is not written as mhfd writes it'}")


def document_of(data: bytes) -> Any:
    """What the text says; PackageRefused when it is more than JSON can say."""
    text = text_of_file(data, DESCRIPTION)
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PackageRefused(
            f"{DESCRIPTION}: line {error.lineno}: {error.msg}; it is read as JSON, which has no tags, anchors or "
            "aliases of YAML"
        ) from None
    except RecursionError:
        raise PackageRefused(f"{DESCRIPTION}: is nested too deeply") from None
    except ValueError as error:
        raise PackageRefused(f"{DESCRIPTION}: {error}") from None


def _source(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return {"source": name, "sha256": digest_of(files[name])}


def _input(recipe: Recipe, files: Mapping[str, bytes]) -> dict[str, Any]:
    network = recipe.network
    if network is None:
        return _tensor(FEATURES, recipe.names, files, TEST_INPUT)
    channels = ("grey",) if network.channels == 1 else tuple(f"channel_{n + 1}" for n in range(network.channels))
    size = {"min": network.multiple, "step": network.multiple}
    return _tensor(IMAGE, channels, files, TEST_INPUT, [{"type": "space", "id": side, "size": size} for side in "yx"])


def _places(recipe: Recipe) -> list[dict[str, Any]]:
    """The axes of a map: a place of it is so many pixels of the image a side."""
    scale = 1.0 if recipe.network is None else float(recipe.network.grid)
    return [
        {"type": "space", "id": side, "scale": scale, "size": {"tensor_id": IMAGE, "axis_id": side}} for side in "yx"
    ]


def _tensor(
    name: str, channels: tuple[str, ...], files: Mapping[str, bytes], test: str, sides: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "id": name,
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": list(channels)}, *sides],
        "test_tensor": _source(files, test),
        "data": {"type": "float32"},
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _difference(said: Any, right: Any, where: str) -> str:
    """The first place where two documents differ, and how; empty where they do not."""
    if isinstance(said, dict) and isinstance(right, dict):
        for key in [*right, *(key for key in said if key not in right)]:
            place = f"{where}.{key}" if where else key
            if key not in said:
                return f"{place} is missing"
            if key not in right:
                return f"{place} does not belong there"
            if found := _difference(said[key], right[key], place):
                return found
        return ""
    if isinstance(said, list) and isinstance(right, list) and len(said) == len(right):
        return next(
            (
                found
                for n, pair in enumerate(zip(said, right, strict=True))
                if (found := _difference(*pair, f"{where}[{n}]"))
            ),
            "",
        )
    return "" if said == right and type(said) is type(right) else f"{where} is {_short(said)}, and not {_short(right)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
