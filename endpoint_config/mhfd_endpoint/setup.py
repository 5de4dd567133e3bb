"""From what an administrator said, or is asked for, to a complete plan of an endpoint's folder.

Asks through the function it is given, and only for what was not said; without one, what is missing is named by its
option. Writes nothing.
"""

import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mhfd import shim
from mhfd.errors import UsageError
from mhfd.site import Site
from mhfd_endpoint import choices as chosen
from mhfd_endpoint import cost, folder, gpus, queues

Ask = Callable[[str, str | None], str]


@dataclass(frozen=True, slots=True)
class _Question:
    option: str
    words: str
    sites: tuple[str, ...]
    suggested: Mapping[str, str]  # by site; what Enter means


_BATCH: Final = ("slurm", "polaris")
_QUESTIONS: Final = (
    _Question("account", "Account to charge", _BATCH, {}),
    _Question("queue", "Queue (Slurm: partition)", _BATCH, {"polaris": "capacity"}),
    _Question(
        "filesystems", "File systems that jobs need, with commas", _BATCH, {"polaris": "home,eagle", "slurm": ""}
    ),
    _Question("walltime", "Longest job, as 60m or 3h", _BATCH, {"polaris": "60m", "slurm": "60m"}),
    _Question("interface", "Network interface that nodes reach this machine by", _BATCH, {"polaris": "hsn0"}),
    _Question("gpus", "GPUs (on a node)", chosen.KINDS, {"polaris": "4"}),
    _Question("read", "Folders with images, with commas", chosen.KINDS, {}),
    _Question(
        "write",
        "Folders for reports, with commas (none: nothing is written)",
        chosen.KINDS,
        dict.fromkeys(chosen.KINDS, ""),
    ),
)


def plan_of(name: str, given: Mapping[str, Any], *, ask: Ask | None) -> tuple[folder.NewFolder, list[str]]:
    """The plan, and what to say about it: its cost, and the next commands."""
    where = folder.folder_of(name, exists=False)
    said = dict(given)
    if said["gpus"] is not None:
        said["gpus"] = _gpus(str(said["gpus"]))
    if said["train_gpus"] is not None:
        said["train_gpus"] = _gpus(str(said["train_gpus"]), "train-gpus")
    for option in ("walltime", "warm", "max_warm", "train_walltime"):
        if said[option] is not None:
            said[option] = chosen.minutes(said[option])
    if said["site"] is None:
        if ask is None:
            raise UsageError(f"--site is missing: one of {', '.join(chosen.KINDS)}")
        said["site"] = ask(f"Kind of machine ({', '.join(chosen.KINDS)})", "workstation")
    kind = said["site"]
    for question in _QUESTIONS:
        if kind in question.sites and said[question.option] in (None, ()):
            said[question.option] = _answer(question, kind, ask)
    if said["any_function"] and said["allow"]:
        raise UsageError("--any-function and --allow exclude each other")
    public = said["public"].absolute() if said["public"] else None
    if said["identity_mapping"] is not None and public is None:
        raise UsageError("--public is missing: with --identity-mapping users run as accounts of their own")
    if said["identity_mapping"] is not None and not said["email"]:
        raise UsageError("--email is missing: as root, the endpoint does not start without a contact")
    assured = _assurance(said)
    site_file = (public or where) / folder.SITE
    environment = (said["environment"] or Path(sys.prefix)).absolute()
    choices = _choices(kind, said, folder.worker_init(environment, site_file, said["setup"]))
    plan = folder.NewFolder(
        folder=where,
        choices=choices,
        site=_site(said, name, site_file, choices),
        site_file=site_file,
        environment=environment,
        display_name=said["display_name"] or name,
        functions=None if said["any_function"] else folder.function_ids(said["allow"]),
        fast_results=said["fast_results"],
        email=said["email"],
        identity_mapping=None if said["identity_mapping"] is None else said["identity_mapping"].absolute(),
        **assured,
    )
    costs = [f"cost, {sentence}" for sentence in cost.cost(choices)]
    bounds = "each user, and each choice of options, is a process of its own with these bounds"
    return plan, [*costs, bounds, "", *_next(name, plan)]


def _assurance(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the service demands of users, who else administers, and what high assurance needs beside it."""
    policy, subscription = said["authentication_policy"], said["subscription_id"]
    for option, value in (("authentication-policy", policy), ("subscription-id", subscription)):
        if value is not None:
            _uuid(option, value)
    if said["high_assurance"] and not (policy and subscription):
        missing = "--subscription-id" if policy else "--authentication-policy"
        raise UsageError(f"{missing} is missing: --high-assurance needs a subscription and a policy of high assurance")
    if said["admin"] and not subscription:
        raise UsageError("--subscription-id is missing: --admin needs an active Globus subscription")
    if said["audit_log"] is not None and not said["high_assurance"]:
        raise UsageError("--audit-log: only an endpoint of --high-assurance writes one")
    return {
        "authentication_policy": policy,
        "subscription_id": subscription,
        "admins": tuple(dict.fromkeys(_uuid("admin", one) for one in said["admin"])),
        "high_assurance": said["high_assurance"],
        "audit_log": None if said["audit_log"] is None else said["audit_log"].absolute(),
    }


def _uuid(option: str, value: str) -> str:
    try:
        return str(uuid.UUID(value.strip()))
    except ValueError:
        do = "the id of an identity: `globus get-identities NAME`" if option == "admin" else "an id of Globus"
        raise UsageError(f"--{option}: {value!r} is no id; write {do}, like {uuid.UUID(int=0)}") from None


def _answer(question: _Question, kind: str, ask: Ask | None) -> Any:
    suggested = question.suggested.get(kind)
    if question.option == "gpus" and kind == "workstation":
        suggested = str(len(gpus.usable(gpus.here() or ())))
    if ask is None:
        if suggested != "":
            hint = f"; here perhaps {suggested}" if suggested else ""
            raise UsageError(f"--{question.option} is missing: {question.words}{hint}")
        return () if question.option in ("read", "write") else ""
    answer = ask(question.words, suggested)
    if question.option in ("read", "write"):
        return tuple(map(Path, _parts(answer)))
    if question.option == "gpus":
        return _gpus(answer)
    if question.option == "walltime":
        return chosen.minutes(answer)
    return answer.strip()


def _gpus(text: str, option: str = "gpus") -> int | tuple[str, ...]:
    try:
        return gpus.parsed(text)
    except ValueError as e:
        raise UsageError(f"--{option}: {e}") from None


def _named(chosen: int | tuple[str, ...], option: str = "gpus") -> tuple[str, ...]:
    """A workstation's GPUs, each by a name that a worker can be given."""
    there = gpus.here()
    if there is None:
        return chosen if isinstance(chosen, tuple) else tuple(map(str, range(chosen)))
    names, lost = gpus.taken(chosen, None, there)
    if lost:
        raise UsageError(f"--{option}: {', '.join(lost)} is not here; this machine has {', '.join(gpus.usable(there))}")
    return tuple(names)


def _choices(kind: str, said: Mapping[str, Any], worker_init: tuple[str, ...]) -> chosen.Chosen:
    def given(option: str, otherwise: int) -> int:
        return otherwise if said[option] is None else int(said[option])

    chosen_gpus = said["gpus"]
    count = chosen_gpus if isinstance(chosen_gpus, int) else len(chosen_gpus)
    workers = given("workers", count or 1)
    warm = given("warm", 60 if kind == "workstation" else 10)
    fields: dict[str, Any] = {"workers": workers, "warm_minutes": warm, "max_warm_minutes": given("max_warm", warm)}
    fields |= {"worker_init": worker_init, "gpus": chosen_gpus}
    if kind == "workstation":
        fields["gpus"] = _named(chosen_gpus)
        return chosen.checked(kind, **fields, train=_train(kind, said, fields))
    fields["ask_gpus"] = _asked(chosen_gpus)
    fields |= {name: said[name] for name in ("account", "queue", "interface", "max_nodes")}
    fields |= {"filesystems": _parts(said["filesystems"]), "walltime_minutes": said["walltime"]}
    if kind == "slurm":
        fields |= {name: said[name] for name in ("qos", "constraint", "exclusive", "gpu_type")}
        fields |= {"cpus": given("cpus", 4 * workers), "memory_gb": said["memory"]}
    choices = chosen.checked(kind, **fields, train=_train(kind, said, fields))
    if isinstance(choices, chosen.Polaris) and (wrong := queues.problems(choices)):
        raise UsageError(f"--queue: {'; '.join(wrong)}")
    return choices


_TRAIN: Final = ("train_gpus", "train_nodes", "train_walltime", "train_queue")


def _train(kind: str, said: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a training may have: what was said of it, else what focus checks have."""
    given = {option.removeprefix("train_"): said[option] for option in _TRAIN if said[option] is not None}
    if not (given or said["train"]):
        return None
    taken = given.pop("gpus", others["gpus"])
    if kind == "workstation":
        if given:
            raise UsageError(f"--train-{min(given)}: of a cluster's jobs; a workstation has --train-gpus alone")
        return {"gpus": _named(taken, "train-gpus")}
    same = {name: others[name] for name in ("queue", "cpus", "memory_gb") if name in others}
    walltime = given.pop("walltime", others["walltime_minutes"])
    return same | {"gpus": taken, "ask_gpus": _asked(taken), "walltime_minutes": walltime} | given


def _asked(taken: int | tuple[str, ...]) -> int | None:
    """GPUs that a job asks for, so that these numbers are among them."""
    return max(map(int, taken)) + 1 if isinstance(taken, tuple) and all(name.isdigit() for name in taken) else None


def _parts(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _site(said: Mapping[str, Any], name: str, site_file: Path, choices: chosen.Chosen) -> str:
    for option in ("read", "write"):
        for root in said[option]:
            if not root.is_absolute():
                raise UsageError(f"--{option}: {os.fspath(root)!r} is not absolute; workers start somewhere else")
    site = Site.of(
        {
            "name": name,
            "read_roots": said["read"],
            "write_roots": said["write"],
            "device": "gpu" if choices.gpus_per_node else "cpu",
            "log": site_file.parent / (folder.LOG if said["identity_mapping"] is None else folder.LOGS),
            "functions": _tables(said, choices),
        }
    )
    return site.to_toml()


def _tables(said: Mapping[str, Any], choices: chosen.Chosen) -> dict[str, dict[str, Any]]:
    """What is said of each further function in the site file: where trainings are offered, it runs as one."""
    wrong = [name for name in said["function"] if name not in shim.FUNCTIONS]
    if wrong:
        raise UsageError(f"--function: this mhfd has no {wrong[0]!r}; it has {', '.join(shim.FUNCTIONS)}")
    return dict.fromkeys(said["function"], {"purpose": "train"} if choices.train else {})


def _next(name: str, plan: folder.NewFolder) -> list[str]:
    lines = ["next:", f"  mhfd endpoint check {name}"]
    if plan.functions == {}:
        lines += [
            "  mhfd login",
            "  mhfd function register            # prints the identities of the functions",
            f"  mhfd endpoint pin {name} FUNCTION_ID...",
        ]
    lines += [
        f"  globus-compute-endpoint start {name} --detach",
        f"  mhfd doctor --endpoint UUID       # the last line of `mhfd endpoint check {name}` has it",
    ]
    return lines
