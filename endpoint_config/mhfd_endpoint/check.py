"""Is this endpoint's folder fit to be started? Every answer says what was looked at and what to do.

Reads only. What the endpoint's own program would say is asked of it (`render`); whether the service is reached, and
whether a GPU works, is for `mhfd doctor --endpoint`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd.memory import SHARE, memory_bytes
from mhfd.site import Site
from mhfd_endpoint import access, accounting, gpus, queues, render
from mhfd_endpoint import choices as chosen
from mhfd_endpoint import folder as folders
from mhfd_endpoint.finding import Check, fail, guarded, ok, warn
from mhfd_endpoint.functions import functions
from mhfd_endpoint.rights import others_can_write

with needing_extra("endpoint", "the endpoint's program is not installed here"):
    import globus_compute_endpoint  # noqa: F401 - loaded late elsewhere: missing, it would be said once a check
    from jsonschema import Draft202012Validator, SchemaError

_MARK: Final = "touch /hostile"
_HOSTILE: Final = f"1\nworker_init: {_MARK}\n\"; {_MARK}; \" $({_MARK}) `{_MARK}` {{{{ '{_MARK}' }}}}"


def examine(folder: Path) -> list[Check]:
    """Look at everything; a check that cannot be made is a failed one."""
    found: list[Check] = []
    for name, look in (
        ("folder", _folder),
        ("functions", functions),
        ("identities", access.identities),
        ("assurance", access.assurance),
        ("schema", _schema),
        ("template", _template),
        ("options", _options),
        ("queue", _queue),
        ("gpus", _gpus),
        ("training", training),
        ("memory", _memory),
        ("interface", _interface),
        ("program", access.program),
        ("site file", access.site_file),
        ("data", access.data),
        ("log files", accounting.log),
        ("who asks", accounting.asking),
        ("quotas", accounting.quotas),
        ("id", _id),
    ):
        found += guarded(name, partial(look, folder), "mend the file, or make it again with `mhfd endpoint init`")
    return found


def _folder(folder: Path) -> Iterator[Check]:
    for name in (render.CONFIG, render.TEMPLATE, render.SCHEMA, folders.ENVIRONMENT):
        weak = others_can_write(folder / name)
        if weak is not None:
            do = f"chmod go-w {weak}, and let it belong to you"
            yield fail("folder", f"{weak} can be changed by others, who could then run anything here", do)
            return
    yield ok("folder", f"{folder}: whole, and only its owner can change it")


def _schema(folder: Path) -> Iterator[Check]:
    schema = render.schema_of(folder)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as e:
        yield fail("schema", f"no JSON schema: {e.message}", "make it again with `mhfd endpoint init`")
        return
    if schema.get("additionalProperties") is not False:
        yield fail("schema", "options that it does not name are let through", 'set "additionalProperties": false')
    loose = [name for name, rule in schema.get("properties", {}).items() if not _bounded(rule)]
    if loose:
        do = "give each a minimum and a maximum, or an enum; free text can reach a shell"
        yield fail("schema", f"without bounds: {', '.join(loose)}", do)
    if not loose and schema.get("additionalProperties") is False:
        yield ok("schema", f"a user may choose {', '.join(schema.get('properties', {})) or 'nothing'}")


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
            yield warn("template", "encrypted: false", "only on Kubernetes, in the cluster's own network")
            return
        if provider.min_blocks > 0:
            what = f"min_blocks: {provider.min_blocks}: nodes are held for ever, whether images come or not"
            do = "set min_blocks: 0; --warm keeps a worker for a while after the last image"
            yield warn("template", what, do)
            return
        if not engine.serde.allowed_deserializer_types:
            what = "no allowed_serializers: a pickled argument can run any code, whatever functions are allowed"
            do = "allow PureSourceTextInspect and JSONData only"
            yield warn("template", what, do)
            return
    yield ok("template", f"the endpoint's own code takes it, with {len(tried)} choices of options")


def _options(folder: Path) -> Iterator[Check]:
    """Options that would do harm, past the schema: what stands in the template must hold alone."""
    schema = render.schema_of(folder)
    names = [*schema.get("properties", {}), "worker_init", "site", "account", "queue", "endpoint_setup"]
    for name in names:
        if _MARK in render.render(folder, {name: _HOSTILE}, schema={}):
            what = f"what a user writes as {name!r} reaches the worker"
            yield fail("options", what, "make the template again with `mhfd endpoint init`")
            return
    yield ok("options", "no option carries text into a worker, with the schema or without it")


def _queue(folder: Path) -> Iterator[Check]:
    choices = folders.choices_of(folder)
    if isinstance(choices, chosen.Polaris):
        found = queues.problems(choices)
        for problem in found:
            yield fail("queue", problem, "choose with `mhfd endpoint init --force`, or in the template")
        if not found:
            yield ok("queue", f"{choices.queue}: {queues.POLARIS[choices.queue].note}")
    elif isinstance(choices, chosen.Slurm):
        yield ok("queue", f"{choices.queue}: its rules are not known here; `scontrol show partition` has them")


def _gpus(folder: Path) -> Iterator[Check]:
    """Whether those that are named are there, as far as that is known before a job runs."""
    choices = folders.choices_of(folder)
    if choices.gpus:
        yield _jobs_gpus(choices, choices.gpus) if isinstance(choices, chosen.Cluster) else _here(choices.gpus)


def _here(taken: tuple[str, ...], name: str = "gpus") -> Check:
    there, names = gpus.here(), ", ".join(taken)
    if there is None:
        do = "run this on the machine that has them; `nvidia-smi -L` lists them"
        return warn(name, f"{names}: no nvidia-smi here that could say whether they are there", do)
    _, lost = gpus.taken(taken, None, there)
    if lost:
        do = (
            f"choose of {', '.join(gpus.usable(there)) or 'none'}, in the template or with `mhfd endpoint init --force`"
        )
        return fail(name, f"{', '.join(lost)}: not on this machine", do)
    return ok(name, f"{names}: there")


def training(folder: Path) -> Iterator[Check]:
    """Whether a training is offered, as what, and on GPUs that are there."""
    choices = folders.choices_of(folder)
    train, offered = choices.train, "train" in render.purposes(render.schema_of(folder))
    if offered != (train is not None):
        what = f"{render.SCHEMA} {'offers' if offered else 'does not offer'} it, {render.TEMPLATE} does the contrary"
        yield fail("training", what, "make both again with `mhfd endpoint init --force`")
    if train is None:
        yield ok("training", "none is offered: workers are for images")
        return
    if isinstance(train, chosen.TrainingHere):
        yield ok("training", "workers of its own, on this machine")
        if train.gpus:
            yield _here(train.gpus, "training")
        return
    nodes = f"{train.nodes} node{'s' if train.nodes > 1 else ''}"
    yield ok("training", f"jobs of {nodes} at most in {train.queue}, {train.walltime_minutes / 60:g} h at most")
    if train.gpus:
        yield _jobs_gpus(choices, train.gpus, "training")


def _memory(folder: Path) -> Iterator[Check]:
    """Whether the largest image that the site file allows fits what a worker gets."""
    choices = folders.choices_of(folder)
    named = access.site_file_of(choices)
    if named is None:
        return  # `site file` says it
    needed = Site.read(named).limits.memory_needed / 1e9
    every = "a worker" if choices.workers == 1 else f"each of {choices.workers} workers"
    wants = f"the largest image that {named} allows may take {needed:,.1f} GB of memory"
    all_of_it = _memory_gb(choices)
    if all_of_it is None:
        what = f"{wants}; what {every} gets is the scheduler's default"
        yield ok("memory", what, f"--memory says how much a node gives, {needed * choices.workers:,.0f} or more")
        return
    share = all_of_it / choices.workers
    if share < needed:
        do = f"lower max_pixels there, take fewer workers, or more memory: {needed * choices.workers:,.0f} GB for all"
        yield warn("memory", f"{wants}, {every} gets {share:,.1f}: such an image may end it", do)
    else:
        yield ok("memory", f"{wants}, {every} gets {share:,.1f}")


def _memory_gb(choices: chosen.Chosen) -> float | None:
    """What all workers of a node have together; None: nobody says."""
    if isinstance(choices, chosen.Slurm):
        return choices.memory_gb
    if isinstance(choices, chosen.Polaris):
        return queues.POLARIS_MEMORY_GB * SHARE
    here = memory_bytes()
    return None if here is None else here * SHARE / 1e9


def _jobs_gpus(choices: chosen.Chosen, taken: int | tuple[str, ...], name: str = "gpus") -> Check:
    if isinstance(taken, int):
        return ok(name, f"{taken} on a node, whichever the scheduler gives to the job, and no other")
    if isinstance(choices, chosen.Slurm) and not choices.exclusive:
        what = f"{', '.join(taken)}: a job may be given others, and ends when none of these is among them"
        return warn(name, what, "take whole nodes (--exclusive), or say how many instead of which")
    return ok(name, f"{', '.join(taken)}, of those that the scheduler gives to the job")


def _interface(folder: Path) -> Iterator[Check]:
    choices = folders.choices_of(folder)
    if isinstance(choices, chosen.Cluster):
        if choices.interface in render.interfaces():
            yield ok("interface", f"{choices.interface} is on this machine")
        else:
            what = f"no {choices.interface} on this machine, which has {', '.join(render.interfaces())}"
            do = "run this on the login node, or choose the one that its nodes reach"
            yield fail("interface", what, do)


def _id(folder: Path) -> Iterator[Check]:
    """Given by the service at the first start, and kept by the endpoint's program."""
    named = folders.registered(folder)
    if named is None:
        yield ok("id", f"none yet: it gets one from `globus-compute-endpoint start {folder.name}`")
    else:
        yield ok("id", f"{named}; whether it runs: mhfd doctor --endpoint {named}")
