"""Build hook: compiles the kernel of `mhfd.native`, one library per instruction level.

The compiler is $CC, else `cc` on PATH, else the one in the `ziglang` wheel, which is then a build requirement: no
compiler need be installed. A build that cannot compile fails and says what to do; MHFD_NO_KERNEL=1 builds a pure
wheel on purpose, whose detector is the slower, exact one in SciPy.

The library has a plain C ABI and is loaded by ctypes, so one wheel a platform serves every Python. Tried on Linux,
with GCC and with zig; macOS and Windows are provided for and untested.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("functions/mhfd/native")
FLAGS = ["-std=gnu11", "-O3", "-shared", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno"]
LEVELS = ("v2", "v3", "v4")
REMEDY = (
    "install a C compiler, or set CC, or set MHFD_NO_KERNEL=1 to install without the fast kernel (about 20x slower)"
)


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling for wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """`ziglang` where no compiler is installed."""
        return [] if _skipped() or _installed_compiler() else ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        if _skipped():
            for stale in (Path(self.root) / NATIVE).glob("libmhfd-*"):
                stale.unlink()
            self.app.display_warning("MHFD_NO_KERNEL is set: the wheel has no compiled kernel")
            return
        libraries = [_compile(Path(self.root) / NATIVE, level) for level in _levels()]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"] += [f"/{NATIVE.as_posix()}/{library.name}" for library in libraries]


def _skipped() -> bool:
    return os.environ.get("MHFD_NO_KERNEL", "") not in ("", "0")


def _installed_compiler() -> list[str] | None:
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    found = shutil.which("cc")
    return [found] if found else None


def _levels() -> tuple[str, ...]:
    return LEVELS if platform.machine().lower() in ("x86_64", "amd64") else ("plain",)


def _command(level: str) -> list[str]:
    compiler, zig = _installed_compiler(), False
    if compiler is None:
        compiler, zig = [sys.executable, "-m", "ziglang", "cc"], True
    command = [*compiler, *FLAGS]
    if sys.platform != "win32":
        command.append("-fPIC")
    if level != "plain":
        command.append(f"-mcpu=x86_64_{level}" if zig else f"-march=x86-64-{level}")
    if level == "v4":
        command.append("-mprefer-vector-width=512")
    return command


def _compile(folder: Path, level: str) -> Path:
    """The library of one level; compiled only when its sources or its command changed (pip runs the hook twice)."""
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    library = folder / f"libmhfd-{level}{suffix}"
    stamp = folder / f"libmhfd-{level}.stamp"
    sources = sorted(folder.glob("*.c"))
    command = _command(level)
    digest = hashlib.sha256("\0".join([os.environ.get("CC", ""), *command[1:]]).encode())
    for path in [*sorted(folder.glob("*.h")), *sources]:
        digest.update(path.read_bytes())
    if library.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return library
    fresh = (
        folder / f"{library.stem}.{os.getpid()}.new"
    )  # a library that a running process has mapped is replaced, never written into
    try:
        done = subprocess.run([*command, "-o", fresh, *sources], capture_output=True, text=True, check=False)
    except OSError as e:
        raise RuntimeError(f"mhfd: cannot run the compiler {command[0]!r} ({e}): {REMEDY}") from e
    if done.returncode != 0:
        raise RuntimeError(f"mhfd: {shlex.join(command)} failed: {REMEDY}\n{done.stdout}{done.stderr}")
    fresh.replace(library)
    stamp.write_text(digest.hexdigest())
    return library


if __name__ == "__main__":  # `python hatch_build.py`: compile in place, without an install
    for each in _levels():
        sys.stdout.write(f"{_compile(Path(__file__).parent / NATIVE, each)}\n")
