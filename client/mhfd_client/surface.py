"""What a person in a notebook sees of an error: what to do, and no frames of ours or of an SDK.

Errors that say what to do are raised anew where the person's own code called: a traceback of two frames instead of
twenty. Everything else is a defect, and keeps all that helps to find it.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mhfd.errors import MhfdError

Given = ParamSpec("Given")
Result = TypeVar("Result")


def brief(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The same; errors that are meant for people come without where they came from."""

    @functools.wraps(function)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except MhfdError as error:
            told = error
        raise told.with_traceback(None) from None

    return called
