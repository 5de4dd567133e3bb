"""The GPUs that the work of one function sees: of those that its worker has, the first so many.

By CUDA's own variable, so that it holds for whatever the work starts too; each name in it (a number, a UUID, a part of
a GPU) stays as it is. A process that has used CUDA before goes on seeing what it saw then: only what it starts sees
less. This module must load nothing of CUDA.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

VARIABLE: Final = "CUDA_VISIBLE_DEVICES"


@contextmanager
def at_most(count: int | None) -> Iterator[None]:
    """While this is done. None: all that there are."""
    before = os.environ.get(VARIABLE)
    if count is None:
        yield
        return
    names = [str(number) for number in range(count)] if before is None else before.split(",")
    os.environ[VARIABLE] = ",".join(names[:count])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
