"""The files of a package: which there are, how large they may be, and the name that follows from their bytes.

A folder is read as a stranger's: each file once, into memory, within its limit; nothing in it is opened that is not an
ordinary file of a name that is known. What the files say is looked at elsewhere, from the bytes read here.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mhfd.errors import PackageRefused

MANIFEST: Final = "SHA256SUMS"
DESCRIPTION: Final = "rdf.yaml"
README: Final = "README.md"
ONNX: Final = "weights.onnx"
TEST_INPUT: Final = "test_input.npy"
TEST_OUTPUT: Final = "test_output.npy"
TEST_MAP: Final = "test_map.npy"
"""There, where the model of a package gives a map beside what it says."""

MOST_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        MANIFEST: 1 << 10,
        DESCRIPTION: 1 << 20,
        README: 1 << 18,
        ONNX: 1 << 26,
        TEST_INPUT: 1 << 21,
        TEST_OUTPUT: 1 << 21,
    }
)
"""Every file that there has to be, and how many bytes of each are read."""
_MAY_BE: Final[Mapping[str, int]] = MappingProxyType({**MOST_BYTES, TEST_MAP: 1 << 21})

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def read_files(folder: Path) -> Mapping[str, bytes]:
    """Every file of a package by its name, the manifest with them; PackageRefused when one should not be there."""
    names = _names(folder)
    for name in MOST_BYTES:
        if name not in names:
            raise PackageRefused(f"{folder}: {name} is missing")
    files = {name: read_file(folder / name, _MAY_BE[name]) for name in sorted(names)}
    _check_manifest(folder, files)
    return files


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The sorted manifest: a line for each file but itself, as `sha256sum -c` reads it."""
    return "".join(f"{digest_of(files[name])}  {name}\n" for name in sorted(files) if name != MANIFEST).encode()


def name_of(files: Mapping[str, bytes]) -> str:
    """The name of a package: the sha256 of its manifest."""
    return digest_of(files[MANIFEST])


def digest_of(data: bytes) -> str:
    """Its sha256."""
    return hashlib.sha256(data).hexdigest()


def is_name(text: str) -> bool:
    """It could be the name of a package."""
    return _SHA256.fullmatch(text) is not None


def read_file(path: Path, most: int) -> bytes:
    """The bytes of an ordinary file that has so many at most; PackageRefused."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise PackageRefused(f"{path}: is a link; a package holds its files itself")
        if not stat.S_ISREG(found.st_mode):
            raise PackageRefused(f"{path}: is no ordinary file")
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            opened = os.fstat(file.fileno())
            if not stat.S_ISREG(opened.st_mode):  # it was exchanged since
                raise PackageRefused(f"{path}: is no ordinary file")
            if opened.st_size > most:
                raise PackageRefused(f"{path}: has {opened.st_size} bytes, more than the {most} that are read")
            data = file.read(opened.st_size + 1)
    except OSError as error:
        raise PackageRefused(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(data) != opened.st_size:
        raise PackageRefused(f"{path}: changes while it is read")
    return data


def text_of_file(data: bytes, name: str) -> str:
    """What a file of text says; PackageRefused when it is none, as an archive or a pickle is not."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise PackageRefused(f"{name}: is no text") from None
    if not re.sub(r"[\n\t\r]", "", text).isprintable():
        raise PackageRefused(f"{name}: has characters that cannot be printed")
    return text


def _names(folder: Path) -> list[str]:
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if entry.name not in _MAY_BE:  # one is enough: there may be millions
                    raise PackageRefused(f"{folder}: {entry.name!r} does not belong into a package")
    except FileNotFoundError:
        raise PackageRefused(f"{folder}: there is no such folder") from None
    except NotADirectoryError:
        raise PackageRefused(f"{folder}: is no folder; a package is one, not an archive: unpack it") from None
    except OSError as error:
        raise PackageRefused(f"{folder}: cannot be listed: {error.strerror or error}") from None
    return names


def _check_manifest(folder: Path, files: Mapping[str, bytes]) -> None:
    said = files[MANIFEST].decode("latin-1").splitlines()
    sums: dict[str, str] = {}
    for number, line in enumerate(said, 1):
        digest, gap, name = line.partition("  ")
        if not gap or not is_name(digest):
            raise PackageRefused(f"{folder / MANIFEST}: line {number} is not `sha256  name`")
        if name not in files or name == MANIFEST:
            raise PackageRefused(f"{folder / MANIFEST}: line {number} names {name!r}, which is not there")
        if name in sums:
            raise PackageRefused(f"{folder / MANIFEST}: names {name} twice")
        sums[name] = digest
    for name, data in files.items():
        if name == MANIFEST:
            continue
        if name not in sums:
            raise PackageRefused(f"{folder / name}: is not in {MANIFEST}")
        if sums[name] != digest_of(data):
            raise PackageRefused(f"{folder / name}: has changed: its sha256 is not the one in {MANIFEST}")
    if files[MANIFEST] != manifest_of(files):
        raise PackageRefused(f"{folder / MANIFEST}: is not sorted, or not written as `sha256sum` writes it")
    named = folder.absolute().name  # `.` has a name, too
    if is_name(named) and named != name_of(files):
        raise PackageRefused(f"{folder}: is named by another content; its own name is {name_of(files)}")
