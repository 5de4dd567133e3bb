"""Stands in for pydantic on a bare GPU machine, so that `mhfd.contract` imports: fields and defaults, no checks.

Only `gpu_check.py` puts it on the path, and only where pydantic is not installed. A test holds it to the real one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

_MISSING: Any = object()
F = typing.TypeVar("F")


class _Factory:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class ValidationError(ValueError):
    """Never raised here."""

    def errors(self) -> list[dict[str, Any]]:
        return []


class BaseModel:
    """Keeps what it is given, and the defaults of the rest."""

    def __init__(self, **given: Any) -> None:
        for kind in reversed(type(self).__mro__):
            for name in inspect.get_annotations(kind):
                value = given.pop(name, vars(self).get(name, getattr(type(self), name, _MISSING)))
                if value is _MISSING:
                    raise TypeError(f"{type(self).__name__}: {name} is missing")
                vars(self)[name] = value.make() if isinstance(value, _Factory) else value
        if given:
            raise TypeError(f"{type(self).__name__}: unknown {', '.join(given)}")

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        return dict(vars(self))

    def model_copy(self, *, update: dict[str, Any]) -> Any:
        return type(self)(**(vars(self) | update))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).items()))


def ConfigDict(**options: Any) -> dict[str, Any]:  # noqa: N802 - the name is pydantic's
    return options


def Field(default: Any = _MISSING, *, default_factory: Callable[[], Any] | None = None, **_: Any) -> Any:  # noqa: N802
    return _Factory(default_factory) if default_factory else default


def field_validator(*_: str, **__: Any) -> Callable[[F], F]:
    return lambda function: function


model_validator = model_serializer = field_validator
SerializerFunctionWrapHandler = Callable[[Any], dict[str, Any]]


class PlainValidator:
    """Part of an annotation: nothing is checked here."""

    def __init__(self, *_: Any) -> None: ...


WithJsonSchema = PlainValidator
