"""At which microscopes a package was taught; and whether another may ask it.

What was drawn by the simulator was taken at none, and a specimen without a microscope says nothing of one.
"""

from mhfd.learning.dataset.rows import SourceGroup
from mhfd.learning.dataset.simulated import SIMULATOR
from mhfd.learning.packages.card import Card
from mhfd.learning.packages.seats import at


def instruments_of(card: Card) -> tuple[str, ...]:
    """The microscopes whose images a package has seen, by name."""
    found = {SourceGroup.of(group).instrument for group in card.groups_seen}
    return tuple(sorted(found - {"", SIMULATOR}))


def refused_for(card: Card, instrument: str | None) -> str | None:
    """Why a package is not asked at a microscope, where it has earned no place; None: it may be.

    Args:
        card: The package's.
        instrument: The microscope; None: nobody says which it is.
    """
    taught = instruments_of(card)
    if instrument is None or not taught or instrument in taught:
        return None
    few = ", ".join(taught[:3]) + (" and others" if len(taught) > 3 else "")
    return (
        f"{card.title} learned from {few}, and this is {instrument}: it has seen no image of {instrument}, and is "
        f"neither champion nor challenger there; `mhfd learn DATASET {at(instrument)}` teaches it and says whether it "
        "earns its place"
    )
