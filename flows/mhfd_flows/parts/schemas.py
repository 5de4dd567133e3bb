"""The JSON Schemas of what a run is given: an object with these fields and no other, a text, an id."""

from collections.abc import Mapping
from typing import Any


def thing(title: str, properties: Mapping[str, Any], required: list[str], **more: str) -> dict[str, Any]:
    """The JSON Schema of an object that has these fields and no other."""
    needs = {"required": required} if required else {}
    return {"type": "object", "title": title, **more, **needs, "additionalProperties": False, "properties": properties}


def text(title: str, most: int = 1024, **more: str) -> dict[str, Any]:
    """The JSON Schema of a text."""
    return {"type": "string", "minLength": 1, "maxLength": most, "title": title, **more}


def an_id(title: str) -> dict[str, Any]:
    """The JSON Schema of an id."""
    return {"type": "string", "format": "uuid", "title": title}
