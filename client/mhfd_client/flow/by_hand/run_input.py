"""What a run is given that a person or a timer starts: put together of a file, options and settings, and checked.

A station makes the input of its own runs (`flow.folders`). Asks nobody.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.errors import UsageError, needing_extra
from mhfd_client.files import json_in, text_of
from mhfd_client.globus.ids import id_of

if TYPE_CHECKING:
    from mhfd_client.settings.options import Settings

_HINTS: Final = {
    "source": "--source COLLECTION:FOLDER, or flow.source and flow.source_path",
    "staging": "--staging COLLECTION:FOLDER, or flow.staging and flow.staging_path",
    "results": "--results COLLECTION:FOLDER, or flow.results and flow.results_path",
    "compute.endpoint_id": "--endpoint ID, or compute.endpoint",
    "compute.function_id": "--function ID, or compute.function; `mhfd function register` prints it",
    "compute.functions": "--function NAME=ID for each that it asks; `mhfd function register NAME` prints it",
    "request": "--request JSON",
    "compute.staging_root": "--staging-root FOLDER, or flow.staging_root",
    "paths": "--image PATH, as the endpoint sees it",
}


@dataclass(frozen=True, slots=True)
class InputParts:
    """What was said on the command line; nothing of what is None or empty."""

    source: str | None = None
    staging: str | None = None
    results: str | None = None
    endpoint: str | None = None
    functions: tuple[str, ...] = ()
    staging_root: str | None = None
    images: tuple[str, ...] = ()
    write_to: str | None = None
    request: Mapping[str, Any] | None = None

    def put_into(self, body: dict[str, Any]) -> None:
        """Each where an input of ours has it. UsageError."""
        for name in ("source", "staging", "results"):
            if (text := getattr(self, name)) is not None:
                body[name] = _place(text, f"--{name}")
        if self.endpoint is not None:
            _compute(body)["endpoint_id"] = str(id_of(self.endpoint, "--endpoint"))
        for one in self.functions:
            name, equals, known = one.rpartition("=")
            if equals:
                _compute(body).setdefault("functions", {})[name] = str(id_of(known, f"--function {name}="))
            else:
                _compute(body)["function_id"] = str(id_of(one, "--function"))
        if self.staging_root is not None:
            _compute(body)["staging_root"] = self.staging_root
        if self.images:
            body["paths"] = list(self.images)
        if self.write_to is not None:
            body["write_to"] = self.write_to
        if self.request is not None:
            body["request"] = dict(self.request)


def read_input(file: Path) -> dict[str, Any]:
    """An input that a person wrote; `-` is what is piped in. UsageError."""
    found = json_in(file, "--input")
    if not isinstance(found, dict):
        raise UsageError(f"--input {text_of(file)}: is no object; write {{...}} with the fields of the flow's schema")
    return found


def run_input(
    settings: Settings,
    schema: Mapping[str, Any] | None,
    parts: InputParts,
    written: Mapping[str, Any] | None = None,
    *,
    scores: bool = True,
) -> dict[str, Any]:
    """The input, which fits the flow. UsageError names each field that does not.

    Args:
        settings: Where parts come from that nobody gives, as far as the flow asks for them.
        schema: The flow's; None where it is not shown to us.
        parts: Stand above all else.
        written: A whole input, which stands above the settings.
        scores: The flow asks the function that scores, which the settings name; not one of its own.
    """
    body = _from_settings(settings, schema or {}, scores) if written is None else copy.deepcopy(dict(written))
    parts.put_into(body)
    if schema is not None:
        _check(body, schema)
    return body


def _place(text: str, option: str) -> dict[str, str]:
    collection, colon, path = text.partition(":")
    if not colon or not path.startswith("/"):
        raise UsageError(
            f"{option} = {text[:200]!r}: is no COLLECTION:FOLDER; write the collection's id, :, and /folder"
        )
    return {"id": str(id_of(collection, option)), "path": path}


def _compute(body: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(body.get("compute"), dict):
        body["compute"] = {}
    found: dict[str, Any] = body["compute"]
    return found


def _from_settings(settings: Settings, schema: Mapping[str, Any], scores: bool) -> dict[str, Any]:
    """What the settings have of what this flow asks for."""
    flow, wanted = settings.flow, schema.get("properties") or {}
    body: dict[str, Any] = {}
    for name, collection, path in (
        ("source", flow.source, flow.source_path),
        ("staging", flow.staging, flow.staging_path),
        ("results", flow.results or flow.source, flow.results_path),
    ):
        if name in wanted and collection is not None:
            body[name] = {"id": collection, "path": path}
    parts = (
        ("endpoint_id", settings.compute.endpoint),
        ("function_id", settings.compute.function if scores else None),
        ("staging_root", flow.staging_root),
    )
    known = (wanted.get("compute") or {}).get("properties") or {}
    compute = {name: str(value) for name, value in parts if name in known and value is not None}
    if compute:
        body["compute"] = compute
    if "user_endpoint_config" in wanted and flow.user_endpoint_config:
        body["user_endpoint_config"] = dict(flow.user_endpoint_config)
    return body


def _check(body: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    with needing_extra("globus", "what a run is given is checked by jsonschema"):
        import jsonschema
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    found = kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(body)
    lines = sorted({line for error in found for line in _said(error, body)})
    if lines:
        raise UsageError(f"the input does not fit the flow: {'; '.join(lines)}")


def _said(error: Any, body: Mapping[str, Any]) -> Iterator[str]:
    """An error in words; of one that lacks something, what gives it."""
    where = [str(one) for one in error.absolute_path]
    if error.validator != "required":
        yield f"{'.'.join(where) or 'the input'}: {error.message[:300]}"
        return
    for name in error.validator_value:
        if name in error.instance:
            continue
        if name == "compute" and not where and "compute" not in body:
            needed = error.schema["properties"]["compute"].get("required") or ()
            yield from (_missing(f"compute.{one}") for one in needed)
        else:
            yield _missing(".".join([*where, name]))


def _missing(field: str) -> str:
    hint = _HINTS.get(field)
    return f"{field} is missing" + (f"; give {hint}" if hint else "")
