"""Does an input of a run fit a flow? What the service checks, and the bounds that we keep beside the schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import jsonschema

from mhfd_flows.build import FlowRecipe

INPUT_LIMIT: Final = 100_000
"""Bytes of a run's input as JSON: it stays in the run's state. Long names in other scripts reach it."""


class InputRefused(ValueError):
    """An input of a run does not fit the flow's schema."""


def check_input(flow: FlowRecipe, body: Mapping[str, Any]) -> None:
    """InputRefused, naming the field, when an input does not fit."""
    validator = jsonschema.Draft202012Validator(flow.input_schema)
    lines = [
        f"{'.'.join(map(str, error.absolute_path)) or 'the input'}: {error.message[:300]}"
        for error in sorted(validator.iter_errors(body), key=lambda error: list(map(str, error.absolute_path)))
    ]
    names = [image["name"] for image in (body.get("batch") or {}).get("images", ())] if not lines else []
    lines += [
        f"batch.images: the name {name!r} comes twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > INPUT_LIMIT:
        lines.append(f"the input: has {size} bytes, of {INPUT_LIMIT} that a run takes; start it with fewer images")
    if lines:
        raise InputRefused("\n".join(lines))
