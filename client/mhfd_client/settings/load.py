"""The settings of a station, and where each value comes from.

A TOML file is overruled by `MHFD_*` environment variables, and those by arguments. A key that does not exist is
refused with the nearest one that does: a misspelt setting that is silently ignored is found on Monday. This module
looks up values; it must not act on them (create folders, start anything).
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mhfd.contract.params import Params
from mhfd_client.errors import SettingsError
from mhfd_client.settings.options import Settings, keys, nearest, variable
from mhfd_client.settings.places import config_file
from mhfd_client.settings.section import types_of

OTHER_VARIABLES = frozenset(
    {
        "MHFD_ALERT_EVENT",
        "MHFD_ALERT_JSON",
        "MHFD_ALERT_RULE",
        "MHFD_ALERT_TEXT",
        "MHFD_CACHE_DIR",
        "MHFD_CLIENT_ID",
        "MHFD_CLIENT_SECRET",
        "MHFD_CONFIG",
        "MHFD_DATA",
        "MHFD_KERNEL",
    }
)
"""Variables of this project that are no settings of the station. MHFD_ALERT_*: what a command run by an alert finds."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each dotted key where its value comes from."""

    settings: Settings
    origins: dict[str, str]
    file: Path | None


def load(
    file: str | os.PathLike[str] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    args: Mapping[str, Any] | None = None,
) -> Loaded:
    """The settings from a TOML file, the environment and arguments, each overruling the one before.

    Args:
        file: The file; nothing for `config_file`.
        env: The environment; nothing for this process's.
        args: Values by dotted key, `{"arrival.settle_s": 5}`. None means not given.
    """
    env = os.environ if env is None else env
    path = Path(file) if file is not None else config_file(env)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, value, origin in [
        *(_from_file(path) if path is not None else ()),
        *_from_environment(env),
        *_from_arguments(args or {}),
    ]:
        values[key], origins[key] = value, origin
    defaults = dict.fromkeys(keys(), "default")
    return Loaded(_build(values, origins), defaults | origins, path)


def _build(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *groups, name = key.split(".")
        table = tree
        for group in groups:
            table = table.setdefault(group, {})
        table[name] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(dict(e), origins) for e in error.errors())) from None


def _sentence(error: dict[str, Any], origins: Mapping[str, str]) -> str:
    """One error of pydantic's as one line: key, value, place, what is wrong, what it is for."""
    loc = [str(part) for part in error["loc"]]
    message = str(error["msg"]).removeprefix("Value error, ")
    if len(loc) < 2:  # said by a section's own check, whose message begins with the key's name
        key = ".".join([*loc, message.partition(":")[0]])
        return f"{'.'.join([*loc, message])} ({origins.get(key, 'together with its other keys')})"
    key = ".".join(loc[:2])
    purpose = keys()[key].description
    return f"{key} = {error['input']!r} ({origins.get(key, 'default')}): {message}. It is: {purpose}"


def _from_file(path: Path) -> Iterator[tuple[str, Any, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}") from None
    places = _places(path, text)
    for section, content in table.items():
        place = places.get(section, str(path))
        if section not in Settings.model_fields:
            raise SettingsError(f"{place}: there is no section [{section}]{nearest(section, Settings.model_fields)}")
        if not isinstance(content, dict):
            raise SettingsError(f"{place}: {section} is a section: write [{section}]")
        for name, value in content.items():
            key = f"{section}.{name}"
            if key == "score.params" and isinstance(value, dict):
                for parameter, number in value.items():
                    place = places.get(f"{key}.{parameter}", str(path))
                    yield _checked(f"{key}.{parameter}", place), number, f"file {place}"
                continue
            place = places.get(key, str(path))
            yield _checked(key, place), _beside(key, value, path), f"file {place}"


_HEADER = re.compile(r"\s*\[\s*([\w.\-]+)\s*\]")
_KEY = re.compile(r"\s*([\w\-]+(?:\s*\.\s*[\w\-]+)*)\s*=")


def _places(path: Path, text: str) -> dict[str, str]:
    """Where each key is, for messages only: tomllib does not tell the line."""
    found: dict[str, str] = {}
    prefix: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            parts = prefix = header[1].split(".")
        elif key := _KEY.match(line):
            parts = prefix + [part.strip() for part in key[1].split(".")]
        else:
            continue
        for depth in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:depth]), f"{path}:{number}")
    return found


def _from_environment(env: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    variables = {variable(key): key for key in keys() if key != "score.params"}
    variables |= {variable(f"score.params.{name}"): f"score.params.{name}" for name in Params.model_fields}
    for name in sorted(env):
        if name in variables:
            if env[name] != "":  # an empty variable is the shell's way to say 'not set'
                yield variables[name], _parsed(variables[name], env[name]), f"environment {name}"
        elif name.startswith("MHFD_") and name not in OTHER_VARIABLES:
            ours = any(name.startswith(f"MHFD_{section.upper()}_") for section in Settings.model_fields)
            near = difflib.get_close_matches(name, [*variables, *OTHER_VARIABLES], 1, 0.85)
            if ours or near:  # other parts of the project may have variables of their own
                raise SettingsError(
                    f"environment {name}: there is no such setting{nearest(name, [*variables, *OTHER_VARIABLES])}"
                )


def _from_arguments(args: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for key, value in args.items():
        if value is not None:
            yield _checked(key, "argument"), _parsed(key, value), "argument"


def _parsed(key: str, value: Any) -> Any:
    """A list from `a,b`, as environment and command line write it."""
    if isinstance(value, str) and key in keys() and tuple in types_of(keys()[key].annotation):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _beside(key: str, value: Any, file: Path) -> Any:
    """A path in a file is meant from where the file is, not from where the command was started."""
    if isinstance(value, str) and Path in types_of(keys()[key].annotation):
        return file.absolute().parent / Path(value).expanduser()
    return value


def _checked(key: str, place: str) -> str:
    """The key, if there is such a setting."""
    parameter = key.removeprefix("score.params.")
    if parameter != key:
        if parameter not in Params.model_fields:
            raise SettingsError(f"{place}: there is no parameter {key!r}{nearest(parameter, Params.model_fields)}")
    elif key == "score.params":
        raise SettingsError(f"{place}: {key} holds one key for each parameter: write {key}.n, {key}.threshold, ...")
    elif key not in keys():
        raise SettingsError(f"{place}: there is no setting {key!r}{nearest(key, keys())}")
    return key


def dotted(settings: Settings, *sections: str) -> dict[str, Any]:
    """The values of these sections, as JSON has them, by their dotted names: what `load(args=...)` takes."""
    plain = json.loads(settings.model_dump_json(include=set(sections)))
    return {f"{name}.{key}": value for name in sections for key, value in plain[name].items() if value is not None}
