"""Make a package, read one, and check that it is what it says it is.

`read_package` looks at everything that can be looked at without running it, `verify` also lets it answer its test.
Nothing of a package is ever imported, unpickled, mapped or fetched.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import PackageRefused, UsageError, needing_extra
from mhfd.learning.packages.card import Card, Recipe
from mhfd.learning.packages.description import card_in, check_description, description_bytes, tolerance_of
from mhfd.learning.packages.folder import (
    DESCRIPTION,
    MANIFEST,
    MOST_BYTES,
    ONNX,
    README,
    TEST_INPUT,
    TEST_MAP,
    TEST_OUTPUT,
    digest_of,
    manifest_of,
    name_of,
    read_file,
    read_files,
    text_of_file,
)
from mhfd.learning.packages.onnx_file import OnnxShape, check_onnx
from mhfd.learning.packages.tensor_file import tensor_bytes
from mhfd.learning.packages.tensors import Answers, answer_files, answers_of, gives, question_of
from mhfd.learning.packages.trial import NoAnswer, tried

_MAKING: Final = ".making-"
_FORGOTTEN_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was looked at: its bytes were those that its name says."""

    folder: Path
    name: str
    card: Card
    weights_path: Path
    weights_digest: str

    @property
    def short(self) -> str:
        """Its name as people say it."""
        return self.name[:8]

    def weights(self) -> bytes:
        """The bytes of the weights, which are still those that were looked at; PackageRefused."""
        data = read_file(self.weights_path, MOST_BYTES[self.weights_path.name])
        if digest_of(data) != self.weights_digest:
            raise PackageRefused(f"{self.weights_path}: has changed since the package was verified")
        return data


def read_package(folder: Path) -> Package:
    """The package in a folder, looked at but not run; PackageRefused names what is wrong."""
    return _looked_at(Path(folder))[0]


def verify(folder: Path) -> Package:
    """The package in a folder, after it answered its test as it should; PackageRefused names what is wrong."""
    package, files, answers = _looked_at(Path(folder))
    _check_answer(package.folder / ONNX, files[ONNX], question_of(package.card.recipe, files), answers)
    return package


def write_package(
    folder: Path,
    card: Card,
    onnx: bytes,
    test_input: NDArray[np.float32],
    test_output: NDArray[np.float32],
    readme: str,
    *,
    test_map: NDArray[np.float32] | None = None,
) -> Package:
    """Make a package, verify it, and put it below a folder, by its name. One that is there already is left.

    Args:
        folder: Where packages lie; it is made.
        card: What the package says of itself.
        onnx: The model, all float32: one input `features` (rows, features) and one output `said` (rows, what it says);
            or of a network one input `image` (rows, channels, height, width) and the outputs that the recipe names:
            `said`, `map` (rows, what it says, height / grid, width / grid).
        test_input: Up to 64 rows for the test, or 4 images as the network is given them.
        test_output: What the model gives of them first.
        readme: Text for people; how it was validated belongs into a section of that name.
        test_map: The maps, where it gives them beside what it says.
    """
    shape = _shape_of(onnx, card.recipe, ONNX)
    files = {README: readme.encode(), ONNX: onnx, TEST_INPUT: tensor_bytes(np.asarray(test_input, np.float32))}
    answers = {}
    given = {TEST_OUTPUT: test_output} | ({} if test_map is None else {TEST_MAP: test_map})
    if set(given) != set(answer_files(card.recipe).values()):
        raise UsageError(f"test_map: the recipe says that the model gives {', '.join(gives(card.recipe))}")
    for output, name in answer_files(card.recipe).items():
        answers[output] = answer = np.asarray(given[name], np.float32)
        if answer.size == 0 or not np.isfinite(answer).all() or not answer.any():
            what = name.removesuffix(".npy")
            raise UsageError(f"{what}: has to hold numbers, of which one is not 0: else it tests nothing")
        files[name] = tensor_bytes(answer)
    files[DESCRIPTION] = description_bytes(card, files, answers, opset=shape.opset)
    files[MANIFEST] = manifest_of(files)
    return put(Path(folder), files, check=verify)


def put(folder: Path, files: Mapping[str, bytes], *, check: Callable[[Path], Package]) -> Package:
    """Put a package below a folder, by its name: it is there whole and checked, or not at all."""
    home = folder / name_of(files)
    if home.exists():
        return read_package(home)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_MAKING}*"):  # by one that was killed
        if time.time() - left.stat().st_mtime > _FORGOTTEN_S:
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
    try:
        for name, data in files.items():
            with (made / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        made.chmod(0o755)
        check(made)
        try:
            made.rename(home)
        except OSError:
            if not home.exists():  # else another process was faster, with the same bytes
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return read_package(home)


def _looked_at(folder: Path) -> tuple[Package, Mapping[str, bytes], Answers]:
    files = read_files(folder)
    text_of_file(files[README], README)
    card = card_in(files[DESCRIPTION])
    wanted = set(answer_files(card.recipe).values())
    if TEST_MAP in files and TEST_MAP not in wanted:
        raise PackageRefused(f"{folder}: {TEST_MAP!r} does not belong there: by its card the model gives no map beside")
    if missing := sorted(wanted - set(files)):
        raise PackageRefused(f"{folder}: {missing[0]} is missing")
    try:
        question_of(card.recipe, files)
        answers = answers_of(card.recipe, files)
    except PackageRefused as error:
        raise PackageRefused(f"{folder}/{error}") from None
    shape = _shape_of(files[ONNX], card.recipe, str(folder / ONNX))
    check_description(files[DESCRIPTION], description_bytes(card, files, answers, opset=shape.opset))
    return Package(folder, name_of(files), card, folder / ONNX, digest_of(files[ONNX])), files, answers


def _shape_of(onnx: bytes, recipe: Recipe, name: str) -> OnnxShape:
    """What a model takes and gives, where that is what its card says; PackageRefused."""
    network, says = recipe.network, len(recipe.says)
    shape = check_onnx(onnx, name, gives=None if network is None else network.gives)
    takes = len(recipe.names) if network is None else network.channels
    for given in shape.columns_out:
        if shape.columns_in != takes or given not in (None, says):
            what = "" if network is None else " channels"
            raise PackageRefused(
                f"{name}: takes {shape.columns_in}{what} and gives {given} numbers; its card names {takes} and {says}"
            )
    return shape


def _check_answer(path: Path, weights: bytes, test: NDArray[np.float32], answers: Answers) -> None:
    with needing_extra("models", "to let a package answer its test, onnxruntime is needed"):
        if find_spec("onnxruntime") is None:
            raise ImportError("onnxruntime", name="onnxruntime")
    for answer in answers.values():
        if len(test) != len(answer):
            raise PackageRefused(f"{path.parent}: {TEST_INPUT} has {len(test)} rows, and {TEST_OUTPUT} {len(answer)}")
    try:
        said = tried(weights, test, {output: answer.shape for output, answer in answers.items()})
    except NoAnswer as error:
        raise PackageRefused(f"{path}: does not answer its test: {error}") from None
    for output, answer in answers.items():
        _check_close(path, said[output], answer, answers)


def _check_close(path: Path, said: NDArray[np.float32], answer: NDArray[np.float32], answers: Answers) -> None:
    relative, absolute = tolerance_of(answers)
    off = np.abs(said - answer) - (absolute + relative * np.abs(answer))
    if not np.isfinite(said).all() or (off > 0).any():
        at = np.unravel_index(int(np.nan_to_num(off, nan=np.inf).argmax()), off.shape)
        names = ("row", "column", "line of its map", "place")
        where = ", ".join(f"{name} {one + 1}" for name, one in zip(names, at, strict=False))
        raise PackageRefused(f"{path}: answers its test with {said[at]:g} in {where}, and not with {answer[at]:g}")
