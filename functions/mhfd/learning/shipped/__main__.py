"""Makes the shipped packages anew: `python -m mhfd.learning.shipped [--out FOLDER]`.

Without a folder they take the place of those that are there; with one, they are made in it and compared.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from mhfd.learning.shipped import FOLDER, shipped
from mhfd.learning.shipped.making import ModelMade, cause_lesson, cause_made, radius_lesson, radius_made
from mhfd.learning.shipped.pair_making import adjust_lesson, adjust_made


def main() -> int:
    """Make them; 1 where a folder was given and a digest differs from that of the package that ships."""
    parser = argparse.ArgumentParser(prog="python -m mhfd.learning.shipped", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="make them there, and compare")
    out: Path | None = parser.parse_args().out
    before = {path.name for path in shipped()}
    made = [make().write(out or FOLDER) for make in (_radius, _cause, _adjust)]
    names = {package.name for package in made}
    for package in made:
        same = "the same as ships" if package.name in before else "another than ships"
        print(f"{package.card.title} {package.name}: {same}")  # noqa: T201  a command
    if out is not None:
        return 0 if names == before else 1
    for path in shipped():
        if path.name not in names:
            shutil.rmtree(path)
    return 0


def _radius() -> ModelMade:
    return radius_made(radius_lesson())


def _cause() -> ModelMade:
    return cause_made(cause_lesson())


def _adjust() -> ModelMade:
    return adjust_made(*adjust_lesson())


if __name__ == "__main__":
    sys.exit(main())
