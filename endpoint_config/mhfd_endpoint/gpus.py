"""Which GPUs a node's workers take: those that the administrator chose, of those that the scheduler gave to the job.

`python -m mhfd_endpoint.gpus` runs in the job's script before the workers start, and prints a line of shell for each:
`export MHFD_GPU_0=...`. The endpoint's program gives a worker what such a variable holds, as CUDA_VISIBLE_DEVICES. By
itself it would give worker n the GPU number n of the node, whosever that is. Where several workers share a GPU it is
named by its id: a number Parsl divides by the workers for each GPU of the machine, and so arrives at another. A
training has all of them in each worker: `together` prints CUDA_VISIBLE_DEVICES itself. Imports nothing but the standard
library: it must start fast, and where nothing else does.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ID: Final = r"(?:GPU|MIG)-[0-9a-fA-F-]{8,40}|MIG-GPU-[0-9a-fA-F-]{8,40}/\d{1,3}/\d{1,3}"
NAME: Final = rf"\d{{1,3}}|{ID}"
"""How CUDA_VISIBLE_DEVICES and `nvidia-smi -L` call a GPU, or a part of one."""
HOW: Final = (
    "write how many (2), their numbers (0,2; only the third: 2,), or their ids as `nvidia-smi -L` has them "
    "(GPU-..., MIG-...)"
)
MOST: Final = 64
_GIVEN: Final = ("CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
_NONE: Final = ("", "-1", "NoDevFiles", "none", "void")
_GPU_LINE: Final = re.compile(r"^GPU (\d+): .*\(UUID: ([^)]+)\)")
_MIG_LINE: Final = re.compile(r"^\s+MIG .*\(UUID: ([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine, or a part of one (MIG)."""

    id: str
    number: str
    """Of the whole GPU, in the order of the bus."""
    part: bool = False

    def is_called(self, name: str) -> bool:
        """Whether this name means it; CUDA takes the beginning of an id too."""
        return (not self.part and name == self.number) or (name[:4] in ("GPU-", "MIG-") and self.id.startswith(name))


def parsed(text: str) -> int | tuple[str, ...]:
    """What an administrator chose: a number of GPUs, or these. ValueError."""
    text = text.strip()
    if re.fullmatch(r"\d{1,3}", text):
        if int(text) > MOST:
            raise ValueError(f"{text}: a node has {MOST} at most")
        return int(text)
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    wrong = [name for name in names if not re.fullmatch(NAME, name)]
    if wrong or not names:
        raise ValueError(f"{(wrong or [text])[0]!r} is no GPU: {HOW}")
    return names


def here() -> list[Gpu] | None:
    """What the driver lists; None without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return listed(done.stdout) if done.returncode == 0 else None


def listed(said: str) -> list[Gpu]:
    """What `nvidia-smi -L` says."""
    found: list[Gpu] = []
    for line in said.splitlines():
        if gpu := _GPU_LINE.match(line):
            found.append(Gpu(gpu[2], gpu[1]))
        elif (part := _MIG_LINE.match(line)) and found:
            found.append(Gpu(part[1], found[-1].number, part=True))
    return found


def usable(gpus: Sequence[Gpu]) -> list[str]:
    """A name for each that a worker can have: of a GPU in parts its parts, which have no numbers."""
    divided = {gpu.number for gpu in gpus if gpu.part}
    return [gpu.id if gpu.part else gpu.number for gpu in gpus if gpu.part or gpu.number not in divided]


def given(env: Mapping[str, str]) -> list[str] | None:
    """The GPUs of this job, as the scheduler names them; None when it says nothing."""
    for variable in _GIVEN:
        if variable in env:
            return [one.strip() for one in env[variable].split(",") if one.strip() not in _NONE]
    return None


def taken(
    chosen: int | tuple[str, ...], of_job: Sequence[str] | None, of_machine: Sequence[Gpu] | None
) -> tuple[list[str], list[str]]:
    """What workers take, and what of the choice they cannot have."""
    if of_job is None and of_machine is not None:
        of_job = usable(of_machine)  # nobody divides this machine: all of it is the job's
    if of_job is None:
        return [str(n) for n in range(chosen)] if isinstance(chosen, int) else list(chosen), []
    if isinstance(chosen, int):
        whole = [part for one in of_job for part in _parts(one, of_machine or ())]
        return whole[:chosen], [f"GPU {n + 1} of {chosen}" for n in range(len(whole), chosen)]
    found = [name for name in chosen if any(_same(name, one, of_machine or ()) for one in of_job)]
    return found, [name for name in chosen if name not in found]


def by_id(names: Sequence[str], of_machine: Sequence[Gpu] | None) -> tuple[list[str], list[str]]:
    """The same by ids, and the numbers that nothing here has.

    Without a driver that lists GPUs a number stays: Parsl then does not divide it either.
    """
    if of_machine is None:
        return list(names), []
    ids = {gpu.number: gpu.id for gpu in of_machine if not gpu.part}
    missing = [name for name in names if name.isdigit() and name not in ids]
    return [ids.get(name, name) for name in names if name not in missing], missing


def _parts(name: str, gpus: Sequence[Gpu]) -> list[str]:
    """A GPU in parts is its parts: by its own name only the first of them would be used."""
    whole = next((gpu for gpu in gpus if not gpu.part and gpu.is_called(name)), None)
    parts = [gpu.id for gpu in gpus if whole is not None and gpu.part and gpu.number == whole.number]
    return parts or [name]


def _same(chosen: str, of_job: str, gpus: Sequence[Gpu]) -> bool:
    """Whether what was chosen is, or is a part of, what the job was given."""
    if chosen == of_job or (len(of_job) > 4 and of_job.startswith(chosen) and chosen[:1] in "GM"):
        return True
    mine = [gpu for gpu in gpus if gpu.is_called(chosen)]
    theirs = [gpu for gpu in gpus if gpu.is_called(of_job)]
    return any(a == b or (a.part and not b.part and a.number == b.number) for a in mine for b in theirs)


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Lines of shell for the job's script, or on the error stream a sentence: why no worker may start."""
    scheduler, text, *how = arguments
    chosen, of_machine = parsed(text), here()
    of_job = None if scheduler == "workstation" else given(env)
    if of_job is None and scheduler == "slurm":
        of_job = []
    names, lost = taken(chosen, of_job, of_machine)
    if "shared" in how:
        names, unlisted = by_id(names, of_machine)
        lost += [f"{name} (nvidia-smi does not list it)" for name in unlisted]
    strange = [name for name in names if not re.fullmatch(NAME, name)]
    if strange:
        return _says(f"{scheduler} gave a GPU {strange[0]!r}, which is no name of one", 78)
    if scheduler == "workstation":
        said = f"this machine has {', '.join(usable(of_machine or ())) or 'none'}"
    else:
        given_to_it = "nothing about GPUs" if of_job is None else ", ".join(of_job) or "no GPU"
        said = f"{scheduler} gave this job {given_to_it}"
    if not names:
        return _says(f"no worker starts: of GPUs {text} none is there; {said}", 78)
    together = "together" in how
    if lost:
        what = "GPUs" if together else "workers"
        _says(f"fewer {what} than were chosen: without {', '.join(lost)}; {said}", 0)
    if together:
        sys.stdout.write(f"export CUDA_VISIBLE_DEVICES={','.join(names)}\n")
        return 0
    sys.stdout.writelines(f"export MHFD_GPU_{n}={name}\n" for n, name in enumerate(names))
    return 0


def _says(sentence: str, code: int) -> int:
    sys.stderr.write(f"mhfd: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
