"""What belongs to the lens lies below one folder, beside the station's journal."""

from pathlib import Path

from mhfd_client.adjustment import places


def test_all_lies_below_one_folder() -> None:
    state = Path("/state")
    own = (
        places.moves,
        places.kept_images,
        places.ledger,
        places.ledger_lock,
        places.outstanding,
        places.lock,
        places.calibration,
    )
    found = {where(state) for where in own}
    assert len(found) == len(own)
    assert all(path.parent == places.folder(state) for path in found)
