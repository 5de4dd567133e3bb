"""What is handed to an index of packages: the wheel and its name, and what the source distribution holds.

Building for other platforms needs zig, and is `make wheels`.
"""

from __future__ import annotations

import importlib
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from tests.rigs import REPOSITORY

PLATFORM = r"manylinux(_2_\d+|2014)_(x86_64|aarch64)|macosx_\d+_\d+_(x86_64|arm64)|win_(amd64|arm64)"
"""What an index takes, of what could be ours."""

hook: Any = importlib.import_module("hatch_build")


@pytest.fixture(autouse=True)
def no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MHFD_TARGET", "MHFD_NO_KERNEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", hook.TARGETS)
def test_a_target_has_a_name_that_an_index_takes(name: str) -> None:
    target = hook.TARGETS[name]
    assert all(re.fullmatch(PLATFORM, tag) for tag in target.tags.split(".")), target.tags
    arm = target.zig.startswith("aarch64")
    assert arm == any(word in target.tags for word in ("arm64", "aarch64"))
    assert target.levels == (("plain",) if arm else ("v2", "v3", "v4"))
    command = hook._command(target.levels[-1], target)
    assert command[command.index("-target") + 1] == target.zig
    assert ("-fPIC" in command) == (target.suffix != ".dll")
    *alone, linked = hook._steps(command, [Path("one.c"), Path("two.c")], Path("new/library"), target)
    assert [step[-1] for step in alone] == [Path("one.c"), Path("two.c")]
    assert linked[-2:] == [Path("new/one.o"), Path("new/two.o")]
    assert "-shared" in linked
    assert not [one for one in linked if str(one).startswith("-mcpu=")]


def test_an_unknown_target_is_refused_with_those_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MHFD_TARGET", "amiga")
    with pytest.raises(RuntimeError, match=r"'amiga' is not known: take one of linux-x86_64, .* or unset it"):
        hook.named_target()


def test_an_editable_install_is_for_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else the libraries of another machine would lie where this one loads its own."""
    monkeypatch.setenv("MHFD_TARGET", "windows-x86_64")
    with pytest.raises(RuntimeError, match="unset it for an editable install"):
        next(WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["editable"]))


def library(folder: Path, *names: str) -> list[Path]:
    """A file that holds the names which the linker would have written into a library."""
    path = folder / "libmhfd-v2.so"
    path.write_bytes(b"\x7fELF" + b"".join(b"\0" + name.encode() for name in names) + b"\0")
    return [path]


@pytest.mark.parametrize(
    ("names", "tag"),
    [
        (("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.14"), "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        (("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.34"), "manylinux_2_34_x86_64"),
        (("libc.so.6", "libgomp.so.1", "GLIBC_2.14"), "linux_x86_64"),
        (("libc.musl-x86_64.so.1",), "linux_x86_64"),
    ],
    ids=["old", "new", "another library", "another C"],
)
def test_a_wheel_says_what_its_libraries_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: tuple[str, ...], tag: str
) -> None:
    monkeypatch.setattr(hook.sysconfig, "get_platform", lambda: "linux-x86_64")
    monkeypatch.setattr(hook.sys, "platform", "linux")
    assert hook.platform_tag(library(tmp_path, *names)) == tag


def test_a_wheel_of_a_mac_is_for_the_processor_that_it_was_made_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Python may be for two, and says so; what was compiled is for one."""
    monkeypatch.setattr(hook.sysconfig, "get_platform", lambda: "macosx-10.9-universal2")
    monkeypatch.setattr(hook.sys, "platform", "darwin")
    monkeypatch.setattr(hook.platform, "machine", lambda: "arm64")
    assert hook.platform_tag([]) == "macosx_11_0_arm64"


def test_the_wheel_has_kernel_and_licence_and_a_name_that_an_index_takes(tmp_path: Path) -> None:
    built = Path(next(WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])))
    tags = built.stem.split("-")[-1].split(".")
    assert all(re.fullmatch(PLATFORM, tag) for tag in tags), built.name
    with zipfile.ZipFile(built) as packed:
        names = packed.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = packed.read(metadata).decode()
    assert "License-Expression: MIT\n" in said
    assert "License-File: LICENSE\n" in said
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert [name for name in names if re.fullmatch(r"mhfd/native/libmhfd-(v2|plain)\.(so|dylib|dll)", name)]
    assert not [name for name in names if name.endswith((".stamp", ".new")) or name.startswith("tests/")]


def test_the_source_distribution_holds_what_tests_need_and_nothing_that_was_built() -> None:
    names = {file.distribution_path for file in SdistBuilder(str(REPOSITORY)).recurse_included_files()}
    assert names >= {"Makefile", "README.md", "constraints.txt", "hatch_build.py", "functions/mhfd/native/mhfd.h"}
    for folder in ("tests", "docs", "benchmarks"):
        assert names >= {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / folder).rglob("*.py")}
    assert not [
        name for name in names if re.search(r"\.(so|dll|dylib|stamp|new|pyc)$|_cache/|__pycache__|^dist/", name)
    ]
