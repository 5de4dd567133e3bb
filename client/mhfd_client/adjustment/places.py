"""Where, in a station's state folder, what belongs to the lens lies. Reads and writes nothing."""

from pathlib import Path


def folder(state_dir: Path) -> Path:
    """All of it but `instrument.toml`."""
    return state_dir / "adjust"


def moves(state_dir: Path) -> Path:
    """What people and the instrument did: one line a move, appended."""
    return folder(state_dir) / "moves.jsonl"


def kept_images(state_dir: Path) -> Path:
    """Copies of images before and after moves, by their sha256."""
    return folder(state_dir) / "images"


def ledger(state_dir: Path) -> Path:
    """Every line of what was proposed, refused, begun, done and put back: appended, never changed."""
    return folder(state_dir) / "lens.jsonl"


def ledger_lock(state_dir: Path) -> Path:
    """Held for one line of it."""
    return folder(state_dir) / "lens.lock"


def outstanding(state_dir: Path) -> Path:
    """Where the lens was before something moved it that has not ended: whole, or not there."""
    return folder(state_dir) / "outstanding.json"


def lock(state_dir: Path) -> Path:
    """Held by who moves the lens; one at a time."""
    return folder(state_dir) / "lock"


def calibration(state_dir: Path) -> Path:
    """What a known move showed of this instrument, where no other file is named."""
    return folder(state_dir) / "calibration.json"
