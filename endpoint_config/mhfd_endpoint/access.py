"""Do those who use an endpoint reach what they need, and can nobody change what decides it?

The identity mapping, the program, the site file, the folders with images and the log. Reads only.
"""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mhfd.site import VARIABLE, Site
from mhfd_endpoint import choices as chosen
from mhfd_endpoint import folder as folders
from mhfd_endpoint import render
from mhfd_endpoint.errors import EndpointError
from mhfd_endpoint.finding import Check, Level, fail, ok, warn
from mhfd_endpoint.identities import examining as mapped
from mhfd_endpoint.rights import all_can_add, all_can_read, others_can_write


def site_file_of(choices: chosen.Chosen) -> Path | None:
    """The site file that the workers are given, as the shell would read it."""
    begin = f"export {VARIABLE}="
    named = [line.removeprefix(begin) for line in choices.worker_init if line.startswith(begin)]
    words = shlex.split(named[-1]) if named else []
    return Path(words[0]) if len(words) == 1 else None


def site_of(folder: Path) -> Site:
    """What the administrator allows, as the workers are told."""
    named = site_file_of(folders.choices_of(folder))
    if named is None:
        raise EndpointError(f"{folder / render.TEMPLATE}: worker_init exports no {VARIABLE}")
    return Site.read(named)


def mapping_of(folder: Path) -> Path:
    """The file that says which account a user becomes. EndpointError without one."""
    found = render.core_config(folder).identity_mapping_config_path
    if found is None:
        raise EndpointError(
            f"{folder / render.CONFIG} names no identity mapping: tasks run as the account that starts the endpoint, "
            "for its own Globus identity only"
        )
    return Path(found)


def identities(folder: Path) -> Iterator[Check]:
    """Which account a user's tasks run as, whom the mapping lets in, and whether others could change that."""
    config = render.core_config(folder)
    mapping = config.identity_mapping_config_path
    if mapping is None:
        if os.getuid() == 0:
            what = "started as root, the endpoint needs an identity mapping and refuses to run tasks as root"
            do = "start it as an account of its own, or name a mapping with --identity-mapping"
            yield warn("identities", what, do)
        return
    if not os.access(mapping, os.R_OK):
        do = "run this as root, as which the endpoint would read it"
        yield warn("identities", f"{mapping} cannot be read by this account: nothing is known of it", do)
        return
    weak = others_can_write(Path(mapping))
    if weak is not None:
        do = f"chmod go-w {weak}, and let it belong to root"
        yield fail("identities", f"{weak} can be changed by others, who could become any account", do)
    yield from mapped.examine(Path(mapping))
    if not config.email:
        do = f"write one into {folder / render.CONFIG}: `email: you@example.org`"
        yield fail("identities", "no contact: as root, the endpoint does not start without `email`", do)
    if os.getuid() != 0:
        do = "start it as root"
        yield warn("identities", f"{mapping} counts only for an endpoint that is started as root", do)


def assurance(folder: Path) -> Iterator[Check]:
    """What the service and the endpoint's program demand of high assurance, and of administrators."""
    config = render.core_config(folder)
    where = folder / render.CONFIG
    if config.admins and not config.subscription_id:
        do = f"write one into {where}: `subscription_id: ...`, or take `admins` out"
        yield fail("assurance", "administrators need an active Globus subscription, and none is named", do)
    if not config.high_assurance:
        if config.audit_log_path is not None:
            do = f"write `high_assurance: true` into {where}, or take `audit_log_path` out"
            yield warn("assurance", "the audit log stays empty: only an endpoint of high assurance writes one", do)
        elif config.admins and config.subscription_id:
            yield ok("assurance", f"{len(config.admins)} may administer it beside its owner")
        return
    wrong = list(_assured(folder, config))
    yield from wrong
    if not any(one.level is Level.FAIL for one in wrong):
        what = "high assurance, with a policy and a subscription: whether these are of high assurance the service says"
        yield ok("assurance", what + " at the first start")


def _assured(folder: Path, config: Any) -> Iterator[Check]:
    where = folder / render.CONFIG
    for field in ("subscription_id", "authentication_policy"):
        if getattr(config, field) is None:
            do = f"write one into {where}: `{field}: ...`"
            yield fail(
                "assurance",
                f"high assurance needs {'an' if field[0] == 'a' else 'a'} {field.replace('_id', '').replace('_', ' ')}",
                do,
            )
    rendered = render.render(folder, {})
    if "high_assurance" in rendered:
        do = f"take it out there; in {where} it is enough"
        yield fail("assurance", f"{render.TEMPLATE} names `high_assurance`, and no user's process would start", do)
        return
    try:
        render.loaded(rendered, here=False).engine.assert_ha_compliant()
    except ValueError as e:
        yield fail("assurance", f"no user's process would start: {e}", f"mend the engine in {folder / render.TEMPLATE}")
    yield from _audit(config.audit_log_path, where)


def _audit(log: Path | None, where: Path) -> Iterator[Check]:
    if log is None:
        do = f"write one into {where}: `audit_log_path: /var/log/mhfd/audit.log`"
        yield warn("assurance", "no audit log: what the endpoint's program records of tasks is written nowhere", do)
    elif not log.parent.is_dir():
        yield fail("assurance", f"{log.parent} is no folder: the audit log cannot be written", f"mkdir {log.parent}")
    elif (weak := others_can_write(log if log.exists() else log.parent)) is not None:
        yield fail("assurance", f"{weak} can be changed by others: the audit log proves nothing", f"chmod go-w {weak}")
    elif log.exists() and log.stat().st_mode & 0o077:
        yield warn("assurance", f"others may read the audit log {log}", f"chmod 600 {log}")


def program(folder: Path) -> Iterator[Check]:
    """The endpoint's program, as the processes that run tasks find it, and the scheduler's."""
    path = folders.environment(folder).get("PATH", os.environ.get("PATH", ""))
    found = shutil.which("globus-compute-endpoint", path=path)
    if found is None:
        do = "pip install 'mhfd[endpoint]', then `mhfd endpoint init --force --environment DIR`"
        yield fail("program", f"no globus-compute-endpoint on the PATH of {folders.ENVIRONMENT}", do)
        return
    weak = others_can_write(Path(found))
    if weak is not None:
        yield fail("program", f"{weak} can be changed by others", f"chmod go-w {weak}")
        return
    python = Path(found).with_name("python")
    if is_mapped(folder) and not all(all_can_read(one) for one in (Path(found), python) if one.exists()):
        do = "install it where they can, not below a home: `mhfd endpoint init --force --environment DIR`"
        yield fail("program", f"{found} or its Python cannot be run by the accounts that users are mapped to", do)
        return
    fast = " (sends results on at once: --fast-results)" if folders.is_wrapper(Path(found)) else ""
    yield ok("program", f"{found}{fast}")
    choices = folders.choices_of(folder)
    if isinstance(choices, chosen.Cluster):
        submit = "qsub" if isinstance(choices, chosen.Polaris) else "sbatch"
        if shutil.which(submit, path=path) is None:
            do = "run `mhfd endpoint init` on the login node, or add its folder there"
            yield fail("scheduler", f"no {submit} on the PATH of {folders.ENVIRONMENT}", do)


def site_file(folder: Path) -> Iterator[Check]:
    """What decides which folders may be read: there, readable by the workers, changed by nobody else."""
    named = site_file_of(folders.choices_of(folder))
    if named is None:
        do = "make it again with `mhfd endpoint init --force`"
        yield fail("site file", f"worker_init exports no {VARIABLE}: nothing may be read", do)
        return
    Site.read(named)
    weak = others_can_write(named)
    if weak is not None:
        do = f"chmod go-w {weak}, and let it belong to you or to root"
        yield fail("site file", f"{weak} can be changed by others, who could then let this endpoint read anything", do)
    elif is_mapped(folder) and not all_can_read(named):
        do = "put it where they can read it: --public DIR"
        yield fail("site file", f"{named} cannot be read by the accounts that users are mapped to", do)
    else:
        yield ok("site file", f"{named}: only its owner can change it")


def data(folder: Path) -> Iterator[Check]:
    """The folders that may be read and written, and the log."""
    named = site_file_of(folders.choices_of(folder))
    if named is None:
        return
    site = Site.read(named)
    if not site.read_roots:
        yield fail("data", "no folder may be read", f"name one in {named}: read_roots")
    mapped = is_mapped(folder)
    for verb, roots, mode in (("read", site.read_roots, os.R_OK), ("written", site.write_roots, os.W_OK)):
        for root in roots:
            if not root.is_dir():
                yield fail("data", f"{root} is no folder here", f"mount it, or take it out of {named}")
            elif root.resolve() == Path("/"):
                yield warn("data", f"all of this machine may be {verb}", f"name folders in {named}")
            elif mapped:
                yield ok("data", f"{root} may be {verb}, by the accounts that its own rights let in")
            elif not os.access(root, mode | os.X_OK):
                yield fail("data", f"{root} cannot be {verb} by this account", "ask its owner")
            else:
                yield ok("data", f"{root} may be {verb}")
    yield from _log(site.log, mapped=mapped)


def _log(log: Path | None, *, mapped: bool) -> Iterator[Check]:
    if log is None:
        return
    if mapped and not (log.is_dir() and all_can_add(log)):
        what = f"{log} is no folder that each account can put its own file into: nobody can say what ran"
        yield fail("log", what, f"mkdir {log}; chmod 1733 {log}")
    elif not os.access(log if log.exists() else log.parent, os.W_OK):
        yield fail("log", f"{log} cannot be written: nobody can say what ran", "make its folder")
    else:
        yield ok("log", f"what ran is written to {log}")


def is_mapped(folder: Path) -> bool:
    """Whether tasks run as accounts that are not this one."""
    return render.core_config(folder).identity_mapping_config_path is not None
