"""What every section of the settings is, and the kinds of values that several have. Knows no section."""

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, le=86400 * 7)]
Positive = Annotated[float, Field(gt=0, le=86400 * 7)]


class Section(BaseModel):
    """Frozen, strict about unknown keys; true and false are no numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_bool_as_number(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name, value in values.items():
                info = cls.model_fields.get(name)
                if isinstance(value, bool) and info is not None and bool not in types_of(info.annotation):
                    raise ValueError(f"{name}: true and false are not allowed here")
        return values


def types_of(annotation: Any) -> set[Any]:
    """The plain types that an annotation allows: `tuple[str, ...] | None` allows tuple and None."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return set().union(*(types_of(part) for part in get_args(annotation)))
    if origin is Annotated:
        return types_of(get_args(annotation)[0])
    if origin is Literal:
        return {type(part) for part in get_args(annotation)}
    return {origin or annotation}
