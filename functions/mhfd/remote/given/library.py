"""The packages of a library that a request names: each file opened below the administrator's folders, and copied.

What is asked afterwards is the copy in the work's own folder: whoever changes the library meanwhile changes nothing of
it, and no link in a package leads anywhere. What a package says is looked at here; nothing of it is run.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from mhfd.contract.request import Code
from mhfd.errors import PackageRefused
from mhfd.learning.packages import Listed, Package, read_package
from mhfd.learning.packages.folder import is_name, name_of, read_files
from mhfd.learning.packages.package import put
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots
from mhfd.site import Site

MOST: Final = 64
"""Packages of a library that are assessed."""
FOLDER: Final = "packages"
_MOST_LISTED: Final = 4096
_LISTED: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


def names(library: str, site: Site, *, most: int = MOST) -> tuple[str, ...]:
    """The folders of a library's packages, in order; a `Refusal` where it may not be read, or has too many."""
    roots, found = Roots.of(site, "read"), list[str]()
    with roots.folder(library) as home:
        try:
            os.stat(FOLDER, dir_fd=home, follow_symlinks=False)
        except FileNotFoundError:
            return ()
    with roots.folder(f"{library.rstrip('/')}/{FOLDER}") as folder:
        fd = os.open(".", _LISTED, dir_fd=folder)
        try:
            with os.scandir(fd) as entries:
                for seen, entry in enumerate(entries):
                    found += [entry.name] * (not entry.name.startswith("."))
                    if len(found) > most or seen > _MOST_LISTED:
                        why = f"it has more than {most} packages, which is the most that are assessed"
                        raise _refused(why, "remove some of them: `mhfd models remove`", "library", library)
        finally:
            os.close(fd)
    return tuple(sorted(found))


def brought(
    folder: str,
    into: Path,
    site: Site,
    *,
    use: Literal["read", "write"] = "read",
    reads: Callable[[int], object] | None = None,
) -> Listed:
    """The package in a folder, as a copy below `into`; one that is damaged with what is wrong with it.

    Args:
        folder: As the endpoint names it.
        into: A folder of the work's own.
        site: What may be read.
        use: Below which of its folders it lies: what a work has made lies below those that are written.
        reads: Told how many bytes it has, before they are written.

    Raises:
        Refusal: It may not be read, or there is no room for a copy.
    """
    named, roots = folder.rstrip("/"), Roots.of(site, use)
    own = Path(named).name
    if _is_a_file(named, roots):
        return Listed(Path(named), shipped=False, package=None, refused=f"{named}: is a file, and no package")
    try:
        with roots.folder(named) as opened:
            held = f"/proc/self/fd/{opened}"
            try:
                files = read_files(Path(held))
            except PackageRefused as error:
                return Listed(Path(named), shipped=False, package=None, refused=str(error).replace(held, named))
        if is_name(own) and own != name_of(files):
            why = f"{named}: is named by another content; its own name is {name_of(files)}"
            return Listed(Path(named), shipped=False, package=None, refused=why)
        if reads is not None:
            reads(sum(map(len, files.values())))
        package = put(into, files, check=read_package)
    except PackageRefused as error:
        return Listed(Path(named), shipped=False, package=None, refused=f"{named}: {_said(error)}")
    except OSError as error:
        why = f"the package cannot be copied into the work's folder: {error.strerror or error}"
        raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk, and ask again", path=named)) from None
    return Listed(package.folder, shipped=False, package=package, refused=None)


def package_of(library: str, name: str, into: Path, site: Site, *, field: str) -> Package:
    """The package of that name in a library, as a copy below `into`; a `Refusal` where it is not there or damaged.

    Args:
        library: The folder, as the endpoint names it.
        name: Of the package.
        into: A folder of the work's own.
        site: What may be read.
        field: What of the request names the package.
    """
    if name not in names(library, site, most=_MOST_LISTED):
        remedy = "name one that is there, or put it there: `mhfd models add`"
        raise _refused(f"the library has no package {name}", remedy, field, library)
    found = brought(f"{library.rstrip('/')}/{FOLDER}/{name}", into, site)
    if found.package is None:
        raise _refused(str(found.refused), "put it there anew: `mhfd models add`", field, library)
    return found.package


def _is_a_file(named: str, roots: Roots) -> bool:
    """It is itself no folder, nor a link to one."""
    parent, _, own = named.rpartition("/")
    with roots.folder(parent) as home:
        try:
            mode = os.stat(own, dir_fd=home, follow_symlinks=False).st_mode
        except OSError:  # said by who opens it
            return False
    return not (stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _said(error: PackageRefused) -> str:
    """Without the folder in which it was looked at: that is nobody's."""
    where, gap, why = str(error).partition(": ")
    return f"{Path(where).name}: {why}" if gap and "/" in where else str(error)


def _refused(why: str, remedy: str, field: str, path: str) -> Refusal:
    return Refusal(problem(Code.BAD_REQUEST, why, remedy, field=field, path=path))
