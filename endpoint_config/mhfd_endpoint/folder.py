"""An endpoint's folder: where it is, what is written into it, what is allowed to run there.

The endpoint's own program reads these files; mhfd writes them once and afterwards changes one list, when told to.
Logs, the registered identity and the process's number, which the program keeps beside them, are never touched.
"""

import json
import os
import re
import shlex
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd_endpoint import fast_results, queues
from mhfd_endpoint.choices import Chosen, TrainingJobs, Workstation, read, write
from mhfd_endpoint.errors import ChoiceError, EndpointError, EndpointMissing
from mhfd_endpoint.render import CONFIG, SCHEMA, TEMPLATE

with needing_extra("endpoint", "the endpoint's program is not installed here"):
    import yaml

ENVIRONMENT: Final = "user_environment.yaml"
REGISTERED: Final = "endpoint.json"
SITE: Final = "mhfd-site.toml"
LOG: Final = "mhfd-tasks.jsonl"
LOGS: Final = "mhfd-tasks"
"""A folder instead, with a file of each account, where users run as accounts of their own."""
WRAPPER: Final = Path("bin") / fast_results.PROGRAM

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SCHEDULER: Final = ("sbatch", "squeue", "scancel", "sacct", "srun", "qsub", "qstat", "qdel", "mpiexec")


def folder_of(name: str, *, exists: bool = True) -> Path:
    """The folder of an endpoint: below GLOBUS_COMPUTE_USER_DIR, else ~/.globus_compute."""
    if not _NAME.fullmatch(name):
        raise ChoiceError(f"NAME: {name!r}; use letters, digits, '_', '-' and '.', 64 at most")
    home = os.environ.get("GLOBUS_COMPUTE_USER_DIR")
    folder = (Path(home).expanduser() if home else Path.home() / ".globus_compute") / name
    if exists and not (folder / TEMPLATE).is_file():
        raise EndpointMissing(f"{folder}: no endpoint is set up here; `mhfd endpoint init {name}` makes one")
    return folder


@dataclass(frozen=True, slots=True)
class NewFolder:
    """Everything that `write` writes, checked and complete."""

    folder: Path
    choices: Chosen
    site: str  # the site file's text
    site_file: Path
    environment: Path  # holds bin/globus-compute-endpoint and bin/python
    display_name: str
    functions: Mapping[str, str | None] | None = field(default_factory=dict)
    """Ids, each with its name where that is known; None: whatever anybody registers."""
    fast_results: bool = False
    identity_mapping: Path | None = None
    email: str | None = None
    authentication_policy: str | None = None
    subscription_id: str | None = None
    admins: Sequence[str] = ()
    high_assurance: bool = False
    audit_log: Path | None = None

    def write(self, *, force: bool = False) -> list[Path]:
        """Write the folder; what is there is refused without `force`, and kept as NAME~ with it."""
        texts = {
            self.folder / CONFIG: self._config(),
            self.folder / TEMPLATE: write(_shipped(self.choices.kind, TEMPLATE), self.choices),
            self.folder / SCHEMA: _schema(self.choices),
            self.folder / ENVIRONMENT: self._environment(),
            self.site_file: self.site,
        }
        wrapper = self.site_file.parent / WRAPPER
        if self.fast_results:
            source = resources.files("mhfd_endpoint").joinpath("fast_results.py").read_text()
            texts[wrapper] = f"#!{self.environment / 'bin' / 'python'}\n{source}"
        there = [path for path in texts if path.exists()]
        if there and not force:
            raise EndpointError(
                f"{there[0]} is there already, nothing was written; --force replaces it and keeps {there[0].name}~"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in texts.items():
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            mode = 0o755 if path == wrapper else 0o644 if path == self.site_file else 0o600
            _replace(path, text, mode)
        if self.identity_mapping is not None:
            self._logs()
        if not self.fast_results and wrapper.exists():
            wrapper.unlink()
        return list(texts)

    def _config(self) -> str:
        shipped = _shipped(self.choices.kind, CONFIG)
        fields: dict[str, Any] = dict(yaml.safe_load(shipped))
        fields["display_name"] = self.display_name
        fields.pop("allowed_functions")
        optional = {
            "identity_mapping_config_path": self.identity_mapping and str(self.identity_mapping),
            "email": self.email,
            "authentication_policy": self.authentication_policy,
            "subscription_id": self.subscription_id,
            "admins": [*self.admins],
            "high_assurance": self.high_assurance,
            "audit_log_path": self.audit_log and str(self.audit_log),
        }
        fields |= {name: value for name, value in optional.items() if value}
        comment = takewhile(lambda line: line.startswith("#"), shipped.splitlines(keepends=True))
        return "".join(comment) + yaml.safe_dump(fields, sort_keys=False) + _allowed_block(self.functions)

    def _logs(self) -> None:
        """Each account makes a file of its own there, and reads no other's."""
        folder = self.site_file.parent / LOGS
        try:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o1733)
        except OSError as e:
            raise EndpointError(f"{folder}: cannot be made: {e.strerror}") from e

    def _environment(self) -> str:
        folders = [str(self.site_file.parent / WRAPPER.parent)] if self.fast_results else []
        folders += [str(self.environment / "bin")]
        folders += [str(Path(found).parent) for name in _SCHEDULER if (found := shutil.which(name)) is not None]
        folders += ["/usr/local/bin", "/usr/bin", "/bin"]
        path = os.pathsep.join(dict.fromkeys(folders))
        return "# The environment of the processes that run tasks.\n" + yaml.safe_dump(
            {"PATH": path, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, sort_keys=False, width=10_000
        )


def worker_init(environment: Path, site_file: Path, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """What a shell does before a worker starts. A block that cannot work ends here, with a sentence in its log."""
    bin_folder, site = shlex.quote(str(environment / "bin")), shlex.quote(str(site_file))
    return (
        *extra,
        f'export PATH={bin_folder}:"$PATH"',
        "export CUDA_DEVICE_ORDER=PCI_BUS_ID",
        f"export MHFD_SITE={site}",
        'test -r "$MHFD_SITE" || { echo "mhfd: cannot read $MHFD_SITE" >&2; exit 78; }',
        "command -v globus-compute-endpoint >/dev/null || "
        '{ echo "mhfd: no globus-compute-endpoint on PATH $PATH" >&2; exit 78; }',
    )


def environment(folder: Path) -> dict[str, str]:
    """What is added to the environment of the processes that run tasks."""
    try:
        found = yaml.safe_load((folder / ENVIRONMENT).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError) as e:
        raise EndpointError(f"{folder / ENVIRONMENT}: {e}") from e
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}


def choices_of(folder: Path) -> Chosen:
    """What the administrator chose, as it stands in the template."""
    path = folder / TEMPLATE
    return read(path.read_text(), where=path)


def registered(folder: Path) -> str | None:
    """The endpoint's id; None before its first start."""
    try:
        return str(json.loads((folder / REGISTERED).read_text())["endpoint_id"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise EndpointError(f"{folder / REGISTERED}: {e}") from e


def allowed(folder: Path) -> tuple[str, ...] | None:
    """The functions that may run; None: any."""
    try:
        config = yaml.safe_load((folder / CONFIG).read_text()) or {}
    except (OSError, yaml.YAMLError) as e:
        raise EndpointError(f"{folder / CONFIG}: {e}") from e
    found = config.get("allowed_functions") if isinstance(config, dict) else None
    return None if found is None else tuple(map(str, found))


def pinned(folder: Path) -> dict[str, str | None] | None:
    """The same, each with its name, where that stands beside it."""
    ids = allowed(folder)
    if ids is None:
        return None
    names = dict(re.findall(r"(?m)^[ \t]*-[ \t]*(\S{36})[ \t]+#[ \t]*(mhfd_\w+)[ \t]*$", (folder / CONFIG).read_text()))
    return {one: names.get(one) for one in ids}


def pin(folder: Path, functions: Iterable[str], *, add: bool = False) -> dict[str, str | None]:
    """Only these functions may run from the next start on, or these too. All else in the file stays, comments too."""
    said, before = function_ids(functions), pinned(folder) or {}
    ids = (before if add else {}) | {one: name or before.get(one) for one, name in said.items()}
    path = folder / CONFIG
    text = path.read_text()
    body = re.sub(r"(?m)^allowed_functions:.*\n?(?:^(?:[ \t]+|-).*\n?)*", "", text)
    changed = (body if body.endswith("\n") or not body else body + "\n") + _allowed_block(ids)
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(changed)
    if after != before | {"allowed_functions": list(ids)}:
        raise EndpointError(f"{path}: allowed_functions is written in a way that cannot be changed; change it by hand")
    _replace(path, changed, 0o600, keep=False)
    return ids


def function_ids(values: Iterable[str]) -> dict[str, str | None]:
    """Identities of functions, each once, in their usual spelling, and the name where it says so: `mhfd_train=ID`."""
    found: dict[str, str | None] = {}
    for value in values:
        name, _, said = value.strip().rpartition("=")
        try:
            if name and not re.fullmatch(r"mhfd_[a-z0-9_]+", name):
                raise ValueError
            identity = str(uuid.UUID(said))
        except ValueError:
            raise ChoiceError(
                f"FUNCTION_ID: {value!r} is none; `mhfd function register` prints one like {uuid.UUID(int=0)}"
            ) from None
        found[identity] = name or found.get(identity)
    return found


def is_wrapper(program: Path) -> bool:
    """Whether this is the program that `--fast-results` installs."""
    try:
        return b"mhfd fast results" in program.read_bytes()
    except OSError:
        return False


def _allowed_block(functions: Mapping[str, str | None] | None) -> str:
    if functions is None:
        return "# No list of allowed functions: anybody who may use this endpoint may run any code.\n"
    return (
        "allowed_functions:\n" + "".join(f"- {one}{f'  # {name}' * bool(name)}\n" for one, name in functions.items())
        if functions
        else "allowed_functions: []\n"
    )


def _schema(choices: Chosen) -> str:
    """The schema with the administrator's bounds."""
    schema = json.loads(_shipped(choices.kind, SCHEMA))
    rules, train = schema["properties"], choices.train
    rules["warm_minutes"]["maximum"] = choices.max_warm_minutes
    if train is not None:
        rules["purpose"]["enum"].append("train")
    if isinstance(choices, Workstation):
        return json.dumps(schema, indent=2) + "\n"
    rules["walltime_minutes"]["maximum"] = choices.walltime_minutes
    if isinstance(train, TrainingJobs):
        rules["walltime_minutes"]["maximum"] = max(choices.walltime_minutes, train.walltime_minutes)
        least = queues.least_nodes(choices, train.queue)
        rules["nodes"] = {"description": "nodes of one training", "type": "integer", "minimum": least}
        rules["nodes"]["maximum"] = max(train.nodes, least)
        # Each purpose has bounds of its own.
        schema["if"] = {"properties": {"purpose": {"const": "train"}}, "required": ["purpose"]}
        schema["then"] = {"properties": {"walltime_minutes": {"maximum": train.walltime_minutes}}}
        schema["else"] = {"properties": {"walltime_minutes": {"maximum": choices.walltime_minutes}, "nodes": False}}
    return json.dumps(schema, indent=2) + "\n"


def _shipped(kind: str, name: str) -> str:
    return resources.files("mhfd_endpoint").joinpath(kind, name).read_text()


def _replace(path: Path, text: str, mode: int, *, keep: bool = True) -> None:
    """Whole or not at all; what was there stays beside it as NAME~."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_text(text)
        new.chmod(mode)
        if keep and path.exists():
            shutil.copy2(path, path.with_name(f"{path.name}~"))
        new.replace(path)
    except OSError as e:
        new.unlink(missing_ok=True)
        raise EndpointError(f"{path}: cannot be written: {e.strerror}") from e
