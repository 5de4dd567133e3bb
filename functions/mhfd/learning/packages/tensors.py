"""The test of a package, by its card: what it is asked, what it answers, and in which files that lies.

What takes features is asked about rows; a network about images, and it answers with a row each, a map each, or both.
Nothing is asked here.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import PackageRefused
from mhfd.learning.packages.card import Recipe
from mhfd.learning.packages.folder import TEST_INPUT, TEST_MAP, TEST_OUTPUT
from mhfd.learning.packages.tensor_file import images_of, maps_of, tensor_of

MOST_TEST_ROWS: Final = 64
MOST_TEST_IMAGES: Final = 4

Answers = dict[str, NDArray[np.float32]]
"""What a model gives, by the name of its output, in their order."""


def gives(recipe: Recipe) -> tuple[str, ...]:
    """What the model gives, in order."""
    return ("said",) if recipe.network is None else recipe.network.gives


def answer_files(recipe: Recipe) -> dict[str, str]:
    """The file that holds the test's answer, by output."""
    return dict(zip(gives(recipe), (TEST_OUTPUT, TEST_MAP), strict=False))


def question_of(recipe: Recipe, files: Mapping[str, bytes]) -> NDArray[np.float32]:
    """What the model is asked. PackageRefused."""
    data = files[TEST_INPUT]
    if recipe.network is None:
        return tensor_of(data, TEST_INPUT, columns=len(recipe.names), most_rows=MOST_TEST_ROWS)
    return images_of(
        data,
        TEST_INPUT,
        channels=recipe.network.channels,
        multiple=recipe.network.multiple,
        most_rows=MOST_TEST_IMAGES,
    )


def answers_of(recipe: Recipe, files: Mapping[str, bytes]) -> Answers:
    """What the model answers. PackageRefused, also where it is all 0."""
    answers: Answers = {}
    says = len(recipe.says)
    for output, file in answer_files(recipe).items():
        if recipe.network is None:
            answer = tensor_of(files[file], file, columns=says, most_rows=MOST_TEST_ROWS)
        else:
            rows, _, *sides = question_of(recipe, files).shape
            if output == "said":
                answer = tensor_of(files[file], file, columns=says, most_rows=MOST_TEST_IMAGES)
            else:
                grid = recipe.network.grid
                answer = maps_of(files[file], file, shape=(rows, says, *(side // grid for side in sides)))
        if not answer.any():
            raise PackageRefused(f"{file}: is all 0, which tests nothing")
        answers[output] = answer
    return answers
