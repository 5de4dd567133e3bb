"""What was made on an endpoint, brought into folders of this machine: each file is what the endpoint says, or refused.

A package's name is the digest of all its bytes, so it is the same at both ends or it is not taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import PackageRefused
from mhfd_client.errors import PackageElsewhere, WorkNotDone

if TYPE_CHECKING:
    from mhfd.contract.work import WorkAnswer
    from mhfd.learning.packages import Package
    from mhfd_client.compute.paths import PathMap
    from mhfd_client.works.kept_work import KeptWork


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
        files = read_files(here)
        if name_of(files) != name:
            raise PackageRefused(f"{here}: it is not the package {name[:12]} that was made there")
        return put(out, files, check=verify)
    except PackageRefused as error:
        raise PackageElsewhere(f"package {name[:12]}: {error}; {how}") from None
