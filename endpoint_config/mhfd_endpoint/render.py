"""Renders an endpoint's template for a user's options, and loads the result, with the endpoint's own code.

Nothing of what the endpoint does is written again here: what is accepted here is accepted there, by the same release.
"""

import json
import os
import pwd
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd_endpoint.errors import EndpointError, OptionsRefused

with needing_extra("endpoint", "the endpoint's program is not installed here"):
    import yaml

CONFIG: Final = "config.yaml"
TEMPLATE: Final = "user_config_template.yaml.j2"
SCHEMA: Final = "user_config_schema.json"


def core_config(folder: Path) -> Any:
    """The endpoint's own configuration, as its program reads it."""
    endpoint = _program()
    try:
        config = endpoint.config.utils.get_config(folder)
    except Exception as e:
        raise EndpointError(f"{folder / CONFIG}: {_one_line(e)}") from e
    if not isinstance(config, endpoint.config.CoreEndpointConfig):
        raise EndpointError(f"{folder / CONFIG}: an `engine` belongs in {TEMPLATE}, not here")
    return config


def schema_of(folder: Path) -> dict[str, Any]:
    """What a user may ask for."""
    try:
        schema = json.loads((folder / SCHEMA).read_text())
    except (OSError, ValueError) as e:
        raise EndpointError(f"{folder / SCHEMA}: {e}") from e
    if not isinstance(schema, dict):
        raise EndpointError(f"{folder / SCHEMA}: no JSON object")
    return schema


def render(folder: Path, options: Mapping[str, Any], *, schema: Mapping[str, Any] | None = None) -> str:
    """The configuration of a user's process, as text. `schema` replaces the folder's own: {} stands for a lost one."""
    config = core_config(folder)
    endpoint = _program()
    path = endpoint.endpoint.Endpoint.user_config_template_path(folder, config)
    try:
        text = endpoint.config.utils.load_user_config_template(path)
        whole = schema_of(folder) if schema is None else dict(schema)
    except OSError as e:
        raise EndpointError(f"{path}: {e}") from e
    myself = endpoint.identity_mapper.MappedPosixIdentity(
        local_user_record=pwd.getpwuid(os.getuid()),
        matched_identity=uuid.UUID(int=0),
        globus_identity_candidates=[],
    )
    try:
        rendered: str = endpoint.config.utils.render_config_user_template(
            parent_config=config,
            user_config_template=text,
            user_config_template_path=path,
            mapped_identity=myself,
            user_config_schema=whole,
            user_opts=dict(options),
            user_runtime={},
        )
    except Exception as e:
        refused = type(e).__name__ in {"ValidationError", "ValueError"}
        raise (OptionsRefused if refused else EndpointError)(f"{path.name}: {_one_line(e)}") from e
    return rendered


def loaded(rendered: str, *, here: bool = True) -> Any:
    """The configuration object that a user's process would make of it.

    An interface belongs to one machine: with `here=False` the loopback stands in for one that this machine lacks.
    """
    if not here:
        plain = yaml.safe_load(rendered)
        address = plain["engine"].get("address")
        if isinstance(address, dict) and address.get("ifname") not in interfaces():
            plain["engine"]["address"] = "127.0.0.1"
        rendered = yaml.safe_dump(plain)
    endpoint = _program()
    try:
        config = endpoint.config.utils.load_config_yaml(rendered)
    except Exception as e:
        raise EndpointError(f"{TEMPLATE}: {_one_line(e)}") from e
    if not isinstance(config, endpoint.config.UserEndpointConfig) or config.engine is None:
        raise EndpointError(f"{TEMPLATE}: no `engine`")
    return config


def purposes(schema: Mapping[str, Any]) -> list[str | None]:
    """What a user's process may be for; None alone in a schema of before."""
    return schema.get("properties", {}).get("purpose", {}).get("enum") or [None]


def bounds(schema: Mapping[str, Any], purpose: str | None = None) -> dict[str, dict[str, Any]]:
    """The rule of each option but `purpose`, for one purpose."""
    special = schema.get("then" if purpose == "train" else "else", {}).get("properties", {})
    rules = {k: v for k, v in schema.get("properties", {}).items() if k != "purpose" and special.get(k) is not False}
    return {name: {**rule, **special.get(name, {})} for name, rule in rules.items()}


def extremes(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Options to try, of each purpose: none, the least and the most of each, and all of these together."""
    tried: list[dict[str, Any]] = [{}]
    for purpose in purposes(schema):
        chosen = {} if purpose is None else {"purpose": purpose}
        least, most = {}, {}
        for name, rule in bounds(schema, purpose).items():
            values = rule.get("enum") or ([False, True] if rule.get("type") == "boolean" else None)
            least[name] = values[0] if values else rule.get("minimum")
            most[name] = values[-1] if values else rule.get("maximum")
        singles = [chosen | {name: value} for one in (least, most) for name, value in one.items()]
        both = [chosen | least, chosen | most] if len(least) > 1 else []
        tried += [*([chosen] if chosen else []), *singles, *both]
    return tried


def interfaces() -> list[str]:
    """This machine's network interfaces, by name."""
    return [name for _, name in socket.if_nameindex()]


def _program() -> Any:
    """The endpoint's program: loaded when it is asked something, and only the parts that are used."""
    with needing_extra("endpoint", "the endpoint's program is not installed here"):
        import globus_compute_endpoint.endpoint.config.utils
        import globus_compute_endpoint.endpoint.endpoint
        import globus_compute_endpoint.endpoint.identity_mapper
        import jsonschema  # noqa: F401 - which the program loads late
    return globus_compute_endpoint.endpoint


def _one_line(error: BaseException) -> str:
    """The first words of an error: jsonschema prints the whole schema after them."""
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
