"""What several tests are made of: reports, runs, folders, services. A rig holds no test; no test imports another."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
