"""A library that takes over a champion while its disk fails once, at any call: what fails, and what is said.

A process that has loaded packages already is forked for each try (`python -m tests.rigs.faulty_library`); below it lies
`faulty_disk.c`. What is pulled is read, checked, copied and written for real; only the model's answer is computed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rigs.faulty_disk import Fault

_NONE: Final = Fault()


@dataclass(frozen=True, slots=True)
class Pulled:
    """How a pull ended."""

    code: int
    said: str
    calls: int
    failed: str  # the call that failed


class PullRig:
    """Pulls the champion of focus at north, one try after the other."""

    def __init__(self, library: Path, there: Path, counter: Path) -> None:
        self._there, self._counter = there, counter
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "LD_PRELOAD": str(library)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.faulty_library", str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def pull(self, home: Path, fault: Fault = _NONE) -> Pulled:
        """Into a library that lies at `home`."""
        self._counter.write_bytes(bytes(4096))
        said = self._counter.with_suffix(".said")
        asked = {
            "home": str(home),
            "there": str(self._there),
            "said": str(said),
            "MHFD_FAULT_FOLDER": str(home),
            "MHFD_FAULT_COUNTER": str(self._counter),
            "MHFD_FAULT_AT": str(fault.at),
            "MHFD_FAULT_MODE": fault.mode,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        data = self._counter.read_bytes()
        failed = data[8:].partition(b"\0")[0].decode()
        return Pulled(code, said.read_text(), int.from_bytes(data[:4], sys.byteorder), failed)


# -- the process that is forked


def _main(library: str) -> None:
    import ctypes

    import onnx  # noqa: F401 - before anything is forked

    from mhfd.learning.packages import package
    from tests.rigs.packages import answered_here

    setattr(package, "tried", answered_here)  # noqa: B010 - a process for each answer is tested elsewhere
    arm = ctypes.CDLL(library).mhfd_fault_arm
    for line in sys.stdin:
        asked = json.loads(line)
        if not (child := os.fork()):
            os._exit(_child(asked, arm))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _child(asked: dict[str, str], arm: object) -> int:
    from mhfd.errors import MhfdError
    from mhfd.learning.packages import Library

    assert callable(arm)
    home, there = Path(asked["home"]), Path(asked["there"])
    shipped = there.with_name("shipped")
    with Path(asked["said"]).open("w") as said:
        os.environ |= {name: value for name, value in asked.items() if name.startswith("MHFD_FAULT")}
        os.environ["MHFD_FAULT_VICTIM"] = str(os.getpid())
        arm()
        try:
            Library(home, shipped).pull(Library(there, shipped), "focus", "north")
        except MhfdError as error:
            said.write(f"{type(error).__name__}: {error}")
            return 1
        except BaseException:
            said.write(traceback.format_exc())
            return 3
    return 0


if __name__ == "__main__":
    _main(sys.argv[1])
