"""What was made on an endpoint, brought into folders of this machine: each file is what the endpoint says, or refused.

A package's name is the digest of all its bytes, so it is the same at both ends or it is not taken.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from mhfd.errors import PackageRefused, UsageError
from mhfd_client import files
from mhfd_client.errors import PackageElsewhere, WorkNotDone

if TYPE_CHECKING:
    from mhfd.contract.benchmarking import Benchmarked
    from mhfd.contract.work import WorkAnswer
    from mhfd.learning.packages import Package
    from mhfd_client.compute.paths import PathMap
    from mhfd_client.works.kept_work import KeptWork

_MOST_BYTES: Final = 64 << 20
"""Of a file of a report."""


def brought_home(
    kept: KeptWork, answer: WorkAnswer, found: Benchmarked, paths: PathMap, packages: Path, out: Path
) -> tuple[Package | None, Path]:
    """What a benchmark has made: the package first, without which a report says nothing; None: it made none."""
    folders = {PurePosixPath(one.path).parent.name for one in answer.artefacts if one.kind == "package"}
    name = found.challenger or (folders.pop() if len(folders) == 1 else None)
    package = None if name is None else brought_package(answer, name, paths, packages, kept)
    return package, brought_report(answer, found.report, paths, out, kept)


def brought_report(answer: WorkAnswer, seal: str, paths: PathMap, folder: Path, kept: KeptWork) -> Path:
    """The sealed report and its page in a folder, which is made. PackageElsewhere; StateError where it cannot be."""
    from mhfd.learning.packages.report import read_ground

    found: list[tuple[Path, bytes]] = []
    for artefact in answer.artefacts:
        if artefact.kind != "report":
            continue
        here = Path(paths.here(artefact.path))
        how = (
            f"it lies in {artefact.path} of endpoint {kept.endpoint}; make it readable as {here}, and type the same "
            "again"
        )
        try:
            with here.open("rb") as file:
                data = file.read(_MOST_BYTES)
        except OSError as error:
            raise PackageElsewhere(f"report: {here} cannot be read here: {error.strerror or error}: {how}") from None
        if hashlib.sha256(data).hexdigest() != artefact.sha256:
            raise PackageElsewhere(f"report: {here} is not what was made there: its sha256 is another; {how}")
        found.append((folder / here.name, data))
    if "report.json" not in {path.name for path, _ in found}:
        raise WorkNotDone(f"work {kept.key}: it is done, and names no report; upgrade the endpoint's mhfd")
    files.make_folder(folder)
    files.write_all_whole(found)
    try:
        ground = read_ground(folder)
    except UsageError as error:
        raise PackageElsewhere(f"report: {error}") from None
    if ground.digest != seal:
        raise PackageElsewhere(f"report: {folder} is sealed by {ground.digest[:12]}, and the answer says {seal[:12]}")
    return folder


def brought_package(answer: WorkAnswer, name: str, paths: PathMap, out: Path, kept: KeptWork) -> Package:
    """The package in the folder of packages: the one that the endpoint names, byte by byte. PackageElsewhere."""
    from mhfd.learning.packages.folder import name_of, read_files
    from mhfd.learning.packages.package import put, verify

    there = {artefact.path.rpartition("/")[0] for artefact in answer.artefacts if artefact.kind == "package"}
    if len(there) != 1:
        raise WorkNotDone(f"work {kept.key}: it is done, and names no package; upgrade the endpoint's mhfd")
    (folder,) = there
    here = Path(paths.here(folder))
    how = (
        f"it lies in {folder} of endpoint {kept.endpoint}; copy that folder into {out}, and `mhfd models verify "
        f"{name[:12]}` looks at it; or make it readable as {here}, and type the same again"
    )
    if not here.is_dir():
        raise PackageElsewhere(f"package {name[:12]}: this machine does not see it: {how}")
    try:
        found = read_files(here)
        if name_of(found) != name:
            raise PackageRefused(f"{here}: it is not the package {name[:12]} that was made there")
        with files.named(out):
            return put(out, found, check=verify)
    except PackageRefused as error:
        raise PackageElsewhere(f"package {name[:12]}: {error}; {how}") from None
