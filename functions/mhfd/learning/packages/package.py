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
from mhfd.learning.packages.card import Card
from mhfd.learning.packages.description import card_in, check_description, description_bytes, tolerance_of
from mhfd.learning.packages.folder import (
    DESCRIPTION,
    MANIFEST,
    MOST_BYTES,
    ONNX,
    README,
    TEST_INPUT,
    TEST_OUTPUT,
    digest_of,
    manifest_of,
    name_of,
    read_file,
    read_files,
    text_of_file,
)
from mhfd.learning.packages.onnx_file import check_onnx
from mhfd.learning.packages.tensor_file import tensor_bytes, tensor_of
from mhfd.learning.packages.trial import NoAnswer, tried

MOST_TEST_ROWS: Final = 64
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
    package, files, answer = _looked_at(Path(folder))
    test = tensor_of(files[TEST_INPUT], TEST_INPUT, columns=len(package.card.recipe.names), most_rows=MOST_TEST_ROWS)
    _check_answer(package.folder / ONNX, files[ONNX], test, answer)
    return package


def write_package(
    folder: Path,
    card: Card,
    onnx: bytes,
    test_input: NDArray[np.float32],
    test_output: NDArray[np.float32],
    readme: str,
) -> Package:
    """Make a package, verify it, and put it below a folder, by its name. One that is there already is left.

    Args:
        folder: Where packages lie; it is made.
        card: What the package says of itself.
        onnx: The model: one input `features` (rows, features), one output `said` (rows, what it says), float32.
        test_input: Up to 64 rows for the test.
        test_output: What the model says of them.
        readme: Text for people; how it was validated belongs into a section of that name.
    """
    shape = check_onnx(onnx, ONNX)
    answer = np.asarray(test_output, np.float32)
    if answer.size == 0 or not np.isfinite(answer).all() or not answer.any():
        raise UsageError("test_output: has to hold numbers, of which one is not 0: else it tests nothing")
    files = {
        README: readme.encode(),
        ONNX: onnx,
        TEST_INPUT: tensor_bytes(np.asarray(test_input, np.float32)),
        TEST_OUTPUT: tensor_bytes(answer),
    }
    files[DESCRIPTION] = description_bytes(card, files, answer, opset=shape.opset)
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


def _looked_at(folder: Path) -> tuple[Package, Mapping[str, bytes], NDArray[np.float32]]:
    files = read_files(folder)
    text_of_file(files[README], README)
    card = card_in(files[DESCRIPTION])
    takes, says = len(card.recipe.names), len(card.recipe.says)
    tensor_of(files[TEST_INPUT], TEST_INPUT, columns=takes, most_rows=MOST_TEST_ROWS)
    answer = tensor_of(files[TEST_OUTPUT], TEST_OUTPUT, columns=says, most_rows=MOST_TEST_ROWS)
    if not answer.any():
        raise PackageRefused(f"{folder / TEST_OUTPUT}: is all 0, which tests nothing")
    shape = check_onnx(files[ONNX], str(folder / ONNX))
    if shape.columns_in != takes or shape.columns_out not in (None, says):
        raise PackageRefused(
            f"{folder / ONNX}: takes {shape.columns_in} and gives {shape.columns_out} numbers; its card names {takes} "
            f"and {says}"
        )
    check_description(files[DESCRIPTION], description_bytes(card, files, answer, opset=shape.opset))
    return Package(folder, name_of(files), card, folder / ONNX, digest_of(files[ONNX])), files, answer


def _check_answer(path: Path, weights: bytes, test: NDArray[np.float32], answer: NDArray[np.float32]) -> None:
    with needing_extra("models", "to let a package answer its test, onnxruntime is needed"):
        if find_spec("onnxruntime") is None:
            raise ImportError("onnxruntime", name="onnxruntime")
    if len(test) != len(answer):
        raise PackageRefused(f"{path.parent}: {TEST_INPUT} has {len(test)} rows, and {TEST_OUTPUT} {len(answer)}")
    try:
        said = tried(weights, test, answer.shape[1])
    except NoAnswer as error:
        raise PackageRefused(f"{path}: does not answer its test: {error}") from None
    relative, absolute = tolerance_of(answer)
    off = np.abs(said - answer) - (absolute + relative * np.abs(answer))
    if not np.isfinite(said).all() or (off > 0).any():
        at = np.unravel_index(int(np.nan_to_num(off, nan=np.inf).argmax()), off.shape)
        where = f"row {at[0] + 1}, column {at[1] + 1}"
        raise PackageRefused(f"{path}: answers its test with {said[at]:g} in {where}, and not with {answer[at]:g}")
