"""Is this endpoint's folder fit to be started? Every answer says what was looked at and what to do.

Reads only. What the endpoint's own program would say is asked of it (`render`); whether the service is reached, and
whether a GPU works, is for `mhfd doctor --endpoint`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mhfd.errors import MhfdError
from mhfd.site import Site
from mhfd_endpoint import choices as chosen
from mhfd_endpoint import folder as folders
from mhfd_endpoint import queues, render
from mhfd_endpoint.errors import EndpointError
from mhfd_endpoint.rights import all_can_add, all_can_read, others_can_write

__all__ = ["Check", "Level", "examine", "site_file_of", "site_of"]

_SHELL_WORDS: Final = "MHFD_SITE="
_MARK: Final = "touch /hostile"
_HOSTILE: Final = (f'"; {_MARK}; "', f"$({_MARK})", f"`{_MARK}`", f"1\nworker_init: {_MARK}", f"{{{{ '{_MARK}' }}}}")


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    level: Level
    name: str
    what: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(folder: Path, *, uid: int | None = None) -> list[Check]:
    """Look at everything; a check that cannot be made is a failed one."""
    found: list[Check] = []
    for name, look in (
        ("folder", _folder),
        ("functions", _functions),
        ("identities", _identities),
        ("schema", _schema),
        ("template", _template),
        ("options", _options),
        ("queue", _queue),
        ("interface", _interface),
        ("program", _program),
        ("site file", _site_file),
        ("data", _data),
        ("id", _id),
    ):
        try:
            found.extend(look(folder))
        except (MhfdError, OSError) as e:
            found.append(Check(Level.FAIL, name, str(e), "mend the file, or make it again with `mhfd endpoint init`"))
    return found


def site_file_of(choices: chosen.Chosen) -> Path | None:
    """The site file that the workers are given, as the shell would read it."""
    import shlex

    lines = [line for line in choices.worker_init if line.startswith(f"export {_SHELL_WORDS}")]
    named = [line.partition(_SHELL_WORDS)[2] for line in lines]
    words = shlex.split(named[-1]) if named else []
    return Path(words[0]) if len(words) == 1 else None


def site_of(folder: Path) -> Site:
    """What the administrator allows, as the workers are told."""
    named = site_file_of(_read(folder))
    if named is None:
        raise EndpointError(f"{folder / render.TEMPLATE}: worker_init exports no {_SHELL_WORDS.rstrip('=')}")
    return Site.load({"MHFD_SITE": str(named)})


def _read(folder: Path) -> chosen.Chosen:
    path = folder / render.TEMPLATE
    return chosen.read(path.read_text(), where=path)


def _folder(folder: Path) -> Iterator[Check]:
    for name in (render.CONFIG, render.TEMPLATE, render.SCHEMA, folders.ENVIRONMENT):
        weak = others_can_write(folder / name)
        if weak is not None:
            yield Check(
                Level.FAIL,
                "folder",
                f"{weak} can be changed by others, who could then run anything here",
                f"chmod go-w {weak}, and let it belong to you",
            )
            return
    yield Check(Level.OK, "folder", f"{folder}: whole, and only its owner can change it")


def _functions(folder: Path) -> Iterator[Check]:
    config = render.core_config(folder)
    if config.allowed_functions is None:
        yield Check(
            Level.WARN,
            "functions",
            "no list of functions: whoever may use this endpoint may run any code as the account it runs under",
            f"mhfd endpoint pin {folder.name} FUNCTION_ID...",
        )
    elif not config.allowed_functions:
        yield Check(
            Level.WARN,
            "functions",
            "nothing may run yet",
            f"mhfd function register, then mhfd endpoint pin {folder.name} FUNCTION_ID...",
        )
    else:
        yield Check(Level.OK, "functions", f"{len(config.allowed_functions)} may run, and nothing else")


def _identities(folder: Path) -> Iterator[Check]:
    config = render.core_config(folder)
    mapping = config.identity_mapping_config_path
    if mapping is None:
        if os.getuid() == 0:
            yield Check(
                Level.WARN,
                "identities",
                "started as root, the endpoint needs an identity mapping and refuses to run tasks as root",
                "start it as an account of its own, or name a mapping with --identity-mapping",
            )
        return
    weak = others_can_write(Path(mapping))
    if weak is not None:
        do = f"chmod go-w {weak}, and let it belong to root"
        yield Check(Level.FAIL, "identities", f"{weak} can be changed by others, who could become any account", do)
    elif not config.email:
        do = f"write one into {folder / render.CONFIG}: `email: you@example.org`"
        yield Check(Level.FAIL, "identities", "no contact: as root, the endpoint does not start without `email`", do)
    elif os.getuid() != 0:
        do = "start it as root"
        yield Check(Level.WARN, "identities", f"{mapping} counts only for an endpoint that is started as root", do)
    else:
        yield Check(Level.OK, "identities", f"{mapping} says who is which account")


def _mapped(folder: Path) -> bool:
    """Whether tasks run as accounts that are not this one."""
    return render.core_config(folder).identity_mapping_config_path is not None


def _schema(folder: Path) -> Iterator[Check]:
    from jsonschema import Draft202012Validator, SchemaError

    schema = render.schema_of(folder)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as e:
        yield Check(Level.FAIL, "schema", f"no JSON schema: {e.message}", "make it again with `mhfd endpoint init`")
        return
    if schema.get("additionalProperties") is not False:
        yield Check(
            Level.FAIL, "schema", "options that it does not name are let through", 'set "additionalProperties": false'
        )
    loose = [name for name, rule in schema.get("properties", {}).items() if not _bounded(rule)]
    if loose:
        yield Check(
            Level.FAIL,
            "schema",
            f"without bounds: {', '.join(loose)}",
            "give each a minimum and a maximum, or an enum; free text can reach a shell",
        )
    if not loose and schema.get("additionalProperties") is False:
        yield Check(Level.OK, "schema", f"a user may choose {', '.join(schema.get('properties', {})) or 'nothing'}")


def _bounded(rule: Any) -> bool:
    if not isinstance(rule, dict):
        return False
    number = rule.get("type") in ("integer", "number") and "minimum" in rule and "maximum" in rule
    return bool(number or rule.get("type") == "boolean" or rule.get("enum") or "const" in rule)


def _template(folder: Path) -> Iterator[Check]:
    tried = render.extremes(render.schema_of(folder))
    for options in tried:
        config = render.loaded(render.render(folder, options), here=False)
        engine, provider = config.engine, config.engine.provider
        if not engine.encrypted:
            yield Check(Level.WARN, "template", "encrypted: false", "only on Kubernetes, in the cluster's own network")
            return
        if provider.min_blocks > 0:
            yield Check(
                Level.WARN,
                "template",
                f"min_blocks: {provider.min_blocks}: nodes are held for ever, whether images come or not",
                "set min_blocks: 0; --warm keeps a worker for a while after the last image",
            )
            return
        if not engine.serde.allowed_deserializer_types:
            yield Check(
                Level.WARN,
                "template",
                "no allowed_serializers: a pickled argument can run any code, whatever functions are allowed",
                "allow PureSourceTextInspect and JSONData only",
            )
            return
    yield Check(Level.OK, "template", f"the endpoint's own code takes it, with {len(tried)} choices of options")


def _options(folder: Path) -> Iterator[Check]:
    """Options that would do harm, past the schema: what stands in the template must hold alone."""
    schema = render.schema_of(folder)
    names = [*schema.get("properties", {}), "worker_init", "site", "account", "queue", "endpoint_setup"]
    for name in names:
        for text in _HOSTILE:
            rendered = render.render(folder, {name: text}, schema={})
            if _MARK in rendered:
                what = f"what a user writes as {name!r} reaches the worker"
                yield Check(Level.FAIL, "options", what, "make the template again with `mhfd endpoint init`")
                return
    yield Check(Level.OK, "options", "no option carries text into a worker, with the schema or without it")


def _queue(folder: Path) -> Iterator[Check]:
    choices = _read(folder)
    if isinstance(choices, chosen.Polaris):
        found = queues.problems(choices)
        for problem in found:
            yield Check(Level.FAIL, "queue", problem, "choose with `mhfd endpoint init --force`, or in the template")
        if not found:
            note = queues.POLARIS[choices.queue].note
            yield Check(Level.OK, "queue", f"{choices.queue}: {note}")
    elif isinstance(choices, chosen.Slurm):
        known = "its rules are not known here; `scontrol show partition` has them"
        yield Check(Level.OK, "queue", f"{choices.queue}: {known}")


def _interface(folder: Path) -> Iterator[Check]:
    choices = _read(folder)
    if isinstance(choices, chosen.Batch):
        if choices.interface in render.interfaces():
            yield Check(Level.OK, "interface", f"{choices.interface} is on this machine")
        else:
            yield Check(
                Level.FAIL,
                "interface",
                f"no {choices.interface} on this machine, which has {', '.join(render.interfaces())}",
                "run this on the login node, or choose the one that its nodes reach",
            )


def _program(folder: Path) -> Iterator[Check]:
    path = folders.environment(folder).get("PATH", os.environ.get("PATH", ""))
    program = shutil.which("globus-compute-endpoint", path=path)
    if program is None:
        yield Check(
            Level.FAIL,
            "program",
            f"no globus-compute-endpoint on the PATH of {folders.ENVIRONMENT}",
            "pip install 'mhfd[endpoint]', then `mhfd endpoint init --force --environment DIR`",
        )
        return
    weak = others_can_write(Path(program))
    if weak is not None:
        yield Check(Level.FAIL, "program", f"{weak} can be changed by others", f"chmod go-w {weak}")
        return
    python = Path(program).with_name("python")
    if _mapped(folder) and not all(all_can_read(one) for one in (Path(program), python) if one.exists()):
        yield Check(
            Level.FAIL,
            "program",
            f"{program} or its Python cannot be run by the accounts that users are mapped to",
            "install it where they can, not below a home: `mhfd endpoint init --force --environment DIR`",
        )
        return
    fast = " (sends results on at once: --fast-results)" if folders.is_wrapper(Path(program)) else ""
    yield Check(Level.OK, "program", f"{program}{fast}")
    choices = _read(folder)
    if isinstance(choices, chosen.Batch):
        submit = "qsub" if isinstance(choices, chosen.Polaris) else "sbatch"
        if shutil.which(submit, path=path) is None:
            yield Check(
                Level.FAIL,
                "scheduler",
                f"no {submit} on the PATH of {folders.ENVIRONMENT}",
                "run `mhfd endpoint init` on the login node, or add its folder there",
            )


def _site_file(folder: Path) -> Iterator[Check]:
    named = site_file_of(_read(folder))
    if named is None:
        yield Check(
            Level.FAIL,
            "site file",
            f"worker_init exports no {_SHELL_WORDS.rstrip('=')}: nothing may be read",
            "make it again with `mhfd endpoint init --force`",
        )
        return
    Site.load({"MHFD_SITE": str(named)})
    weak = others_can_write(named)
    if weak is not None:
        yield Check(
            Level.FAIL,
            "site file",
            f"{weak} can be changed by others, who could then let this endpoint read anything",
            f"chmod go-w {weak}, and let it belong to you or to root",
        )
        return
    if _mapped(folder) and not all_can_read(named):
        yield Check(
            Level.FAIL,
            "site file",
            f"{named} cannot be read by the accounts that users are mapped to",
            "put it where they can read it: --public DIR",
        )
        return
    yield Check(Level.OK, "site file", f"{named}: only its owner can change it")


def _data(folder: Path) -> Iterator[Check]:
    named = site_file_of(_read(folder))
    if named is None:
        return
    site = Site.load({"MHFD_SITE": str(named)})
    if not site.read_roots:
        yield Check(Level.FAIL, "data", "no folder may be read", f"name one in {named}: read_roots")
    may: tuple[tuple[str, tuple[Path, ...], int], ...] = (
        ("read", site.read_roots, os.R_OK | os.X_OK),
        ("written", site.write_roots, os.W_OK | os.X_OK),
    )
    mapped = _mapped(folder)
    for verb, roots, mode in may:
        for root in roots:
            if not root.is_dir():
                yield Check(Level.FAIL, "data", f"{root} is no folder here", f"mount it, or take it out of {named}")
            elif root.resolve() == Path("/"):
                yield Check(Level.WARN, "data", f"all of this machine may be {verb}", f"name folders in {named}")
            elif mapped:
                yield Check(Level.OK, "data", f"{root} may be {verb}, by the accounts that its own rights let in")
            elif not os.access(root, mode):
                yield Check(Level.FAIL, "data", f"{root} cannot be {verb} by this account", "ask its owner")
            else:
                yield Check(Level.OK, "data", f"{root} may be {verb}")
    yield from _log(site.log, mapped=_mapped(folder))


def _id(folder: Path) -> Iterator[Check]:
    """Given by the service at the first start, and kept by the endpoint's program."""
    named = folders.registered(folder)
    if named is None:
        yield Check(Level.OK, "id", f"none yet: it gets one from `globus-compute-endpoint start {folder.name}`")
    else:
        yield Check(Level.OK, "id", f"{named}; whether it runs: mhfd doctor --endpoint {named}")


def _log(log: Path | None, *, mapped: bool) -> Iterator[Check]:
    if log is None:
        return
    if mapped and not (log.is_dir() and all_can_add(log)):
        what = f"{log} is no folder that each account can put its own file into: nobody can say what ran"
        yield Check(Level.FAIL, "log", what, f"mkdir {log}; chmod 1733 {log}")
    elif not os.access(log if log.exists() else log.parent, os.W_OK):
        yield Check(Level.FAIL, "log", f"{log} cannot be written: nobody can say what ran", "make its folder")
    else:
        yield Check(Level.OK, "log", f"what ran is written to {log}")
