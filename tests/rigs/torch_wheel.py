"""Which build of torch `make` is to install: the one for processors alone where an index has it; else a person agrees.

Says what pip is to be given. Needs nothing but Python's own library and pip: it runs before anything is installed.
Exit code 3 where there is no build for processors alone and nobody has agreed to the other one.
"""

from __future__ import annotations

import os
import subprocess
import sys

SMALL = "torch==2.13.0+cpu"
"""About 200 MB."""
LARGE = "torch==2.13.0"
SIZE = "about 3 GB: torch for GPUs of NVIDIA, and some 15 packages of theirs"


def main() -> int:
    if wheel := os.environ.get("TORCH"):  # somebody has said which
        sys.stdout.write(f"{wheel}\n")
        return 0
    if offered(SMALL):
        sys.stdout.write(f"{SMALL}\n")
        return 0
    sys.stderr.write(
        f"No index that pip sees has {SMALL}, which is for processors alone. What there is takes {SIZE}.\n"
    )
    if not sys.stdin.isatty():
        agrees = f"make {' '.join(sys.argv[1:]) or 'test-learn'} TORCH={LARGE}"
        sys.stderr.write(f"Nothing is installed. To agree to it: {agrees}\n")
        return 3
    sys.stderr.write("Install that? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        sys.stderr.write("Nothing is installed.\n")
        return 3
    sys.stdout.write(f"{LARGE}\n")
    return 0


def offered(wheel: str) -> bool:
    """Whether pip finds it. Installs nothing."""
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    found = subprocess.run([*asked, "--break-system-packages", wheel], capture_output=True, stdin=subprocess.DEVNULL)
    return found.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
