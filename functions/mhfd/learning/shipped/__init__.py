"""The packages that come with mhfd: how large a blur is, what a bad image has, where a pair's focus lies.

They lie beside this file as `mhfd models` lists them. `python -m mhfd.learning.shipped` draws images, teaches and
measures anew, and says whether the digests are the same; it needs the extra `learn`. Nothing else here learns.
"""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
_MANIFEST: Final = "SHA256SUMS"


def shipped() -> tuple[Path, ...]:
    """The folders of the packages, in order of their names."""
    return tuple(sorted(path.parent for path in FOLDER.glob(f"*/{_MANIFEST}")))
