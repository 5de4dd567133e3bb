"""How the parts of `mhfd.remote` say that something is not done: raised inside the package, never outside of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from mhfd.contract.base import Wire
from mhfd.contract.focus_report import fitted
from mhfd.contract.request import Code, Problem
from mhfd.errors import ExtraMissing, UsageError
from mhfd.images.source import printable

R = TypeVar("R", bound=Wire)

_PATH_BYTES: Final = 300
_WHY_BYTES: Final = 500
_MOST: Final = 10
_LONGEST: Final = 1 << 13
"""Characters of a text that are looked at."""


class Refusal(Exception):
    """Something is not done, and why; of a request, there may be several reasons."""

    def __init__(self, problem: Problem, *more: Problem) -> None:
        super().__init__(problem, *more)
        self.problem = problem
        self.problems = [problem, *more]


def problem(
    code: Code,
    why: str,
    remedy: str,
    *,
    index: int | None = None,
    through: int | None = None,
    path: str | None = None,
    field: str | None = None,
) -> Problem:
    """A problem of bounded size, whatever was in the request."""
    return Problem(
        code=code.value,
        why=fitted(_text(why), _WHY_BYTES),
        remedy=fitted(_text(remedy), _WHY_BYTES),
        index=index,
        through=through,
        path=None if path is None else shown(path),
        field=None if field is None else fitted(_text(field), _PATH_BYTES),
    )


def read(form: type[R], fields: Mapping[str, Any]) -> R:
    """A request of this form. Refused is what pydantic finds wrong, a field each; of thousands, the first few."""
    try:
        return form.model_validate(dict(fields))
    except ValidationError as e:
        found = e.errors(include_url=False, include_context=False)
    raise Refusal(
        *(
            problem(
                Code.BAD_REQUEST,
                f"{one['msg'].removeprefix('Value error, ')} (got {_text(repr(one['input'])[:200])})",
                "correct the request: see the reference of the function",
                field=".".join(str(part) for part in one["loc"]) or "request",
            )
            for one in found[:_MOST]
        )
    )


@contextmanager
def mendable(extra: str) -> Iterator[None]:
    """What a person may mend, as a `Refusal`: asked again with the same key, work goes on.

    Args:
        extra: Of mhfd, whose packages are needed.
    """
    try:
        yield
    except ExtraMissing as error:
        remedy = f"the endpoint's administrator installs mhfd[{extra}] in the environment of the workers"
        raise Refusal(problem(Code.NO_EXTRA, str(error), remedy)) from None
    except UsageError as error:
        raise Refusal(problem(Code.BAD_REQUEST, str(error), "correct that, and ask again")) from None


def shown(path: str, room: int = _PATH_BYTES) -> str:
    """A path, or any text of a request, of bounded size; of a long one the end."""
    return fitted(_text(path[-_LONGEST:]), room, keep_end=True)


def _text(text: str) -> str:
    try:
        return printable(text)
    except UnicodeEncodeError:  # not even a name of a file
        return text.encode("utf-8", "backslashreplace").decode()
