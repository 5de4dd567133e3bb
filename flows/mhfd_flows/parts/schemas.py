"""The JSON Schemas of what a run is given: an object with these fields and no other, a text, an id."""

from collections.abc import Mapping
from typing import Any

from mhfd_flows.errors import DefinitionRefused


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


def joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an object that has the fields of both; a field of both is the same in both, but for words.

    DefinitionRefused.
    """
    fields = dict(one["properties"])
    for name, schema in other["properties"].items():
        known = fields.get(name, schema)
        if "properties" in known and "properties" in schema:
            schema = joined(known, schema)
        elif _silent(known) != _silent(schema):
            raise DefinitionRefused(f"{name}: two stages ask for it, each otherwise; give one of them another name")
        fields[name] = schema
    needs = [name for name in fields if name in (*one.get("required", ()), *other.get("required", ()))]
    return thing(str(one["title"]), fields, needs)


def _silent(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("title", "description")}
