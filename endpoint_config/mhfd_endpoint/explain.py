"""Who may run what on which data at what cost, in plain words, from the files that decide it.

Says only what the files say; what the service allows beside them (sharing, policies) is named as not known here.
"""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mhfd_endpoint import choices as chosen
from mhfd_endpoint import folder as folders
from mhfd_endpoint import queues, render
from mhfd_endpoint.access import site_file_of
from mhfd_endpoint.cost import cost
from mhfd_endpoint.identities import examining as mapped
from mhfd_endpoint.usage import limit_words


def explain(folder: Path) -> list[tuple[str, list[str]]]:
    """Headings, each with its sentences."""
    config = render.core_config(folder)
    choices = folders.choices_of(folder)
    return [
        ("Who", list(_who(config))),
        ("May run what", list(_what(config, folder))),
        ("On which data", list(_data(choices))),
        ("Where, and at what cost", list(_where(choices))),
        ("What a user may choose", list(_options(folder))),
        ("How warm, and until when", list(_warm(choices))),
        ("Results", list(_results(folder))),
    ]


def _who(config: Any) -> Iterator[str]:
    me = pwd.getpwuid(os.getuid()).pw_name
    if config.identity_mapping_config_path is not None:
        yield f"Whoever {config.identity_mapping_config_path} maps to an account of this machine, as that account:"
        yield from (f"  {one}" for one in mapped.sentences(config.identity_mapping_config_path))
        yield "It is used only when the endpoint is started as root; else it is ignored."
    else:
        yield f"The Globus identity that starts it, and identities linked to it: nobody else. Tasks run as {me}."
        yield "To serve others, start it as root with an identity mapping, or give them a client of their own to share."
    if config.authentication_policy is not None:
        yield f"They must also satisfy the authentication policy {config.authentication_policy}."
    if config.high_assurance:
        yield "It is of high assurance: policy, subscription and functions must be so too, which the service checks."
    if config.admins:
        yield f"Beside its owner these identities may administer it: {', '.join(config.admins)}."
    if config.public:
        yield "It is listed for everybody to see; that lets nobody in."


def _what(config: Any, folder: Path) -> Iterator[str]:
    if config.allowed_functions is None:
        yield "Any code that they register: there is no list of functions."
    elif not config.allowed_functions:
        yield f"Nothing yet: `mhfd endpoint pin {folder.name} FUNCTION_ID...`."
    else:
        yield "Only these functions, which the service and this machine both check:"
        named = folders.pinned(folder) or {}
        yield from (f"  {' '.join(filter(None, (one, named.get(one))))}" for one in map(str, config.allowed_functions))
        yield "A function's identity stands for its source; what it calls is the package mhfd installed here."
    serializers = render.loaded(render.render(folder, {}), here=False).engine.serde.allowed_deserializer_types
    if serializers:
        names = " and ".join(sorted(s.__name__ for s in serializers))
        yield f"Functions and arguments come as {names}: nothing is unpickled."
    else:
        yield "Arguments may come pickled, which can run any code, whatever functions are listed."


def _data(choices: chosen.Chosen) -> Iterator[str]:
    from mhfd.site import Site

    named = site_file_of(choices)
    if named is None:
        yield "None: no site file is named, so that nothing may be read."
        return
    site = Site.read(named)
    yield f"As {named} says, which no request can widen; links are followed first."
    for name, limits in site.functions.items():
        said = ", ".join(f"{key} {value}" for key, value in limits.model_dump(mode="json", exclude_none=True).items())
        yield f"Of that {name} has what its table says: {said}."
    yield f"Images are read below {_list(site.read_roots)}."
    yield f"Reports are written below {_list(site.write_roots)}." if site.write_roots else "Nothing is written."
    yield f"A request holds {site.max_images} images at most, each of {site.max_bytes / 1e6:,.0f} MB at most."
    most = limit_words(site)
    yield f"Each user has at most {most} in a day of UTC." if most else "What a user has in a day has no limit."
    if site.log is not None:
        yield f"Who ran what, on how many images and for how long is written to {site.log}: `mhfd endpoint usage`."


def _where(choices: chosen.Chosen) -> Iterator[str]:
    if isinstance(choices, chosen.Cluster):
        yield (
            f"On {'Polaris' if isinstance(choices, chosen.Polaris) else 'nodes under Slurm'}, {choices.queue}, "
            f"charged to {choices.account}; a job lasts {choices.walltime_minutes / 60:g} h at most."
        )
        if choices.gpus_per_node:
            which = choices.gpus if isinstance(choices.gpus, int) else ", ".join(choices.gpus)
            yield (
                f"A job asks for {choices.gpus_held} GPUs on a node; workers take {which} of those that it is given, "
                f"{_each(choices)}, and no other."
            )
        if isinstance(choices, chosen.Polaris) and (queue := queues.POLARIS.get(choices.queue)):
            yield f"{choices.queue}: {queue.note}."
    else:
        gpus = f"GPUs {', '.join(choices.gpus)}: {_each(choices)}" if choices.gpus else "no GPU"
        yield f"On this machine: {gpus}."
    yield from _training(choices.train)
    yield from (f"{sentence[:1].upper()}{sentence[1:]}." for sentence in cost(choices))
    yield "Each user, and each choice of options, is a process of its own with these bounds: the sum has no bound here."


def _training(train: chosen.TrainingHere | chosen.TrainingJobs | None) -> Iterator[str]:
    if train is None:
        yield "For images only: no training is offered."
        return
    taken = train.gpus if isinstance(train.gpus, int) else ", ".join(train.gpus)
    gpus = f"GPUs {taken}" if isinstance(train.gpus, tuple) else f"{taken} GPUs"
    gpus = f"all its {gpus} in each worker" if train.gpus else "no GPU"
    if isinstance(train, chosen.TrainingJobs):
        nodes = "one node" if train.nodes == 1 else f"up to {train.nodes} nodes, as the user asks"
        yield (
            f"A training, asked for with purpose: train, has a job of its own in {train.queue}: {nodes}, "
            f"{train.walltime_minutes / 60:g} h at most. Its workers are on the first node, with {gpus}; what it "
            "does on the others it starts itself, by the scheduler's own program."
        )
    else:
        yield f"A training, asked for with purpose: train, has workers of its own, with {gpus}."
    yield "Two workers: one works, one answers how far it is. No image waits in line behind a training."


def _each(choices: chosen.Chosen) -> str:
    each = choices.workers_a_gpu
    return "one worker each" if each == 1 else f"{each} workers on each, with its part of the GPU's memory"


def _options(folder: Path) -> Iterator[str]:
    schema = render.schema_of(folder)
    purposes = render.purposes(schema)
    if len(purposes) > 1:
        yield f"purpose: {' or '.join(map(str, purposes))}; focus where it is left out"
    for purpose in purposes:
        for name, rule in render.bounds(schema, purpose).items():
            bounds = rule.get("enum") or f"{rule.get('minimum')} to {rule.get('maximum')}"
            where = f"for {purpose}, {name}" if len(purposes) > 1 else name
            yield f"{where}: {bounds}" + (f" ({rule['description']})" if "description" in rule else "")
    yield "Nothing else, and no text of a user's own: what a user sends never reaches a shell."


def _warm(choices: chosen.Chosen) -> Iterator[str]:
    yield f"A worker stays up for {choices.warm_minutes} min after the last image, then ends; work starts it again."
    if isinstance(choices, chosen.Cluster):
        yield f"A job ends after {choices.walltime_minutes} min all the same; the next image waits in the queue again."
    yield "The end is counted from the last image, not a time of day: while images come it does not end."


def _results(folder: Path) -> Iterator[str]:
    import shutil

    program = shutil.which("globus-compute-endpoint", path=folders.environment(folder).get("PATH"))
    if program is not None and folders.is_wrapper(Path(program)):
        yield f"Sent on at once, by {program}, which was put there for it and can be read."
    else:
        yield "Sent on within half a second, as the release does it (`--fast-results` is off)."


def _list(roots: tuple[Path, ...]) -> str:
    return " and ".join(map(str, roots)) or "no folder"
