"""Build hook: compiles the kernel of `mhfd.native`, one library per instruction level, and names the wheel's platform.

The compiler is $CC, else `cc` on PATH, else the one in the `ziglang` wheel, which is then a build requirement: no
compiler need be installed. MHFD_TARGET names one of TARGETS to build for, wherever the build runs; that is always zig's
work. A build that cannot compile fails and says what to do; MHFD_NO_KERNEL=1 builds a pure wheel on purpose, whose
detector is the slower, exact one in SciPy.

The library has a plain C ABI and is loaded by ctypes, so one wheel a platform serves every Python. What has run where
is said in docs/how-to/build.md. Nothing here may need more than Python, hatchling and a compiler.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("functions/mhfd/native")
ELSEWHERE = Path("build/kernel")  # what is built for other machines: an editable install loads what lies in NATIVE
FLAGS = ["-std=gnu11", "-O3", "-shared", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno"]
LEVELS = ("v2", "v3", "v4")
OLDEST_MACOS = "11.0"  # the first for both processors
OLDEST_GLIBC = 17  # 2.17, of 2012: no Python that we take is built for an older one
LIBRARIES = ("libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")  # what every glibc has
REMEDY = (
    "install a C compiler, or set CC, or set MHFD_NO_KERNEL=1 to install without the fast kernel (about 20x slower)"
)


class Target(NamedTuple):  # hatchling loads this file under no name, which a dataclass would need
    """A platform that a wheel is built for."""

    zig: str  # as `zig cc -target` takes it
    tags: str  # of the wheel, as an index takes them
    suffix: str
    here: str  # what sysconfig.get_platform() begins with there

    @property
    def levels(self) -> tuple[str, ...]:
        """The instruction levels that are built for it."""
        return LEVELS if self.zig.startswith("x86_64") else ("plain",)


# The six platforms on which every package that mhfd needs has a wheel: docs/decisions/0046-wheels.md.
TARGETS = {
    "linux-x86_64": Target(
        "x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64.manylinux2014_x86_64", ".so", "linux-x86_64"
    ),
    "linux-aarch64": Target(
        "aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64.manylinux2014_aarch64", ".so", "linux-aarch64"
    ),
    "macos-x86_64": Target("x86_64-macos.11.0", "macosx_11_0_x86_64", ".dylib", "macosx"),
    "macos-arm64": Target("aarch64-macos.11.0", "macosx_11_0_arm64", ".dylib", "macosx"),
    "windows-x86_64": Target("x86_64-windows-gnu", "win_amd64", ".dll", "win-amd64"),
    "windows-arm64": Target("aarch64-windows-gnu", "win_arm64", ".dll", "win-arm64"),
}


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling for wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """`ziglang` where no compiler is installed, and for another platform."""
        if _skipped() or (named_target() is None and _installed_compiler()):
            return []
        return ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root, target = Path(self.root), named_target()
        if _skipped():
            for stale in (root / NATIVE).glob("libmhfd-*"):
                stale.unlink()
            self.app.display_warning("MHFD_NO_KERNEL is set: the wheel has no compiled kernel")
            return
        build_data["pure_python"] = False
        if target is not None:
            if version == "editable":
                raise RuntimeError("mhfd: MHFD_TARGET builds a wheel for elsewhere: unset it for an editable install")
            into = root / ELSEWHERE / os.environ["MHFD_TARGET"]
            into.mkdir(parents=True, exist_ok=True)
            made = [_compile(root / NATIVE, into, level, target) for level in target.levels]
            build_data["force_include"].update({str(one): f"mhfd/native/{one.name}" for one in made})
            tags = target.tags
        else:
            here = _zig_here()
            levels = here.levels if here else LEVELS if _is_x86_64() else ("plain",)
            made = [_compile(root / NATIVE, root / NATIVE, level, here) for level in levels]
            build_data["artifacts"] += [f"/{NATIVE.as_posix()}/{one.name}" for one in made]
            tags = here.tags if here else platform_tag(made)
        build_data["tag"] = f"py3-none-{tags}"
        if tags.startswith("linux_"):
            self.app.display_warning(
                f"mhfd: no index of packages takes a wheel for {tags}: it is for machines like this one; "
                "`make wheels` builds those that one takes"
            )


def named_target() -> Target | None:
    """What MHFD_TARGET names; None where it is not set: a build for this machine."""
    name = os.environ.get("MHFD_TARGET", "")
    if name and name not in TARGETS:
        raise RuntimeError(f"mhfd: MHFD_TARGET={name!r} is not known: take one of {', '.join(TARGETS)}, or unset it")
    return TARGETS.get(name)


def platform_tag(libraries: list[Path]) -> str:
    """The tag of libraries that this machine's own compiler made: what they need says what they run on.

    On Linux that is the newest version of glibc that one of their functions had to have; where they need what not every
    glibc brings, or another C library, they are for machines like this one alone.
    """
    plain = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if sys.platform == "darwin":  # a Python for both processors compiles for one
        return f"macosx_{OLDEST_MACOS.replace('.', '_')}_{platform.machine()}"
    if not sys.platform.startswith("linux"):
        return plain
    found = [one.read_bytes() for one in libraries]
    needed = {name.decode() for one in found for name in re.findall(rb"\0((?:lib|ld-)[\w.+-]+\.so[.\d]*)(?=\0)", one)}
    versions = [int(minor) for one in found for minor in re.findall(rb"GLIBC_2\.(\d+)", one)]
    if not versions or not needed <= set(LIBRARIES):
        return plain
    least, machine = max(OLDEST_GLIBC, *versions), plain.removeprefix("linux_")
    return f"manylinux_2_{least}_{machine}" + (f".manylinux2014_{machine}" if least == OLDEST_GLIBC else "")


def _skipped() -> bool:
    return os.environ.get("MHFD_NO_KERNEL", "") not in ("", "0")


def _installed_compiler() -> list[str] | None:
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    found = shutil.which("cc")
    return [found] if found else None


def _is_x86_64() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def _zig_here() -> Target | None:
    """This machine, if zig compiles for it and it is one of TARGETS: what it builds then runs on all like it."""
    if _installed_compiler() or (sys.platform.startswith("linux") and platform.libc_ver()[0] != "glibc"):
        return None
    arm = platform.machine().lower() in ("arm64", "aarch64")
    for target in TARGETS.values():
        if sysconfig.get_platform().startswith(target.here) and target.zig.startswith("aarch64") == arm:
            return target
    return None


def _command(level: str, target: Target | None) -> list[str]:
    """The compiler and its options. `target`: one that zig compiles for; without it, this machine."""
    installed = _installed_compiler() if target is None else None
    command = [*(installed or [sys.executable, "-m", "ziglang", "cc"]), *FLAGS]
    if target is not None:
        command += ["-target", target.zig]
    elif sys.platform == "darwin":
        command.append(f"-mmacosx-version-min={OLDEST_MACOS}")
    if installed is None:
        command.append("-s")  # zig writes debugging symbols unless told not to
    if _suffix(target) != ".dll":
        command.append("-fPIC")
    if level != "plain":
        command.append(f"-march=x86-64-{level}" if installed else f"-mcpu=x86_64_{level}")
    if level == "v4":
        command.append("-mprefer-vector-width=512")
    return command


def _suffix(target: Target | None) -> str:
    return target.suffix if target else {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def _compile(folder: Path, into: Path, level: str, target: Target | None) -> Path:
    """The library of one level; compiled only when its sources or its command changed (pip runs the hook twice)."""
    library = into / f"libmhfd-{level}{_suffix(target)}"
    stamp = into / f"libmhfd-{level}.stamp"
    sources = sorted(folder.glob("*.c"))
    command = _command(level, target)
    digest = hashlib.sha256("\0".join([os.environ.get("CC", ""), *command[1:]]).encode())
    for path in [*sorted(folder.glob("*.h")), *sources]:
        digest.update(path.read_bytes())
    if library.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return library
    # In a folder of its own: linkers for Windows write more than the library. And a library that a running process has
    # mapped is replaced, never written into.
    fresh = into / f"{library.stem}.{os.getpid()}.new"
    fresh.mkdir()
    try:
        for step in _steps(command, sources, fresh / library.name, target):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"mhfd: {shlex.join(map(str, step))} failed: {REMEDY}\n{done.stdout}{done.stderr}")
        (fresh / library.name).replace(library)
    except OSError as e:
        raise RuntimeError(f"mhfd: cannot run the compiler {command[0]!r} ({e}): {REMEDY}") from e
    finally:
        shutil.rmtree(fresh)
    stamp.write_text(digest.hexdigest())
    return library


def _steps(command: list[str], sources: list[Path], library: Path, target: Target | None) -> list[list[str | Path]]:
    """What is run. For a target each file is compiled alone, and linked without the level.

    zig builds the target's own C library for each level that it links for, which takes minutes for Windows' one.
    """
    if target is None:
        return [[*command, "-o", library, *sources]]
    alone = [one for one in command if one != "-shared"]
    objects = [library.with_name(f"{source.stem}.o") for source in sources]
    plain = [one for one in command if not one.startswith("-mcpu=")]
    steps: list[list[str | Path]] = [
        [*alone, "-c", "-o", made, source] for made, source in zip(objects, sources, strict=True)
    ]
    return [*steps, [*plain, "-o", library, *objects]]
