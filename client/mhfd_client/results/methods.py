"""By which version of the method the images of a run were measured, and what differs between them.

Reads the journal; what is done about it is a person's choice: see `station.rescoring`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mhfd.contract.base import METHOD_VERSION, meaning_of
from mhfd_client.journal.view import JournalView

_GAINS: Final = {
    1: f"Between versions only the density is compared. Version {METHOD_VERSION} has a cross-spectrum that coloured "
    "noise does not fool, and a profile, which says how blurred an image is in pixels and in which direction",
    3: f"They are compared with those of version {METHOD_VERSION} in everything. It looks at a quarter at least of the "
    "tissue of images above 2048 pixels a side, and at more where tissue is little",
}
"""What there is to gain, by the meaning that the cross-spectrum of the older ones has."""


@dataclass(frozen=True, slots=True)
class MethodOfImages:
    """How many judged files were measured with the same parameters by the same version of the method."""

    params_id: str
    version: int | None
    """None: it is not known here, as that of a newer mhfd."""
    mhfd: str
    """The version of mhfd that measured the first of them."""
    images: int

    @property
    def older(self) -> bool:
        """Whether this mhfd has a newer one."""
        return self.version is not None and self.version < METHOD_VERSION


def methods_of(view: JournalView) -> list[MethodOfImages]:
    """Of the newest revisions of the judged files; those of before the others first."""
    found = []
    for images, report_id in view.methods():
        report = view.readable_report(report_id)
        if report is not None:
            version = report.params.version_of(report.params_id)
            found.append(MethodOfImages(report.params_id, version, report.provenance.version, images))
    return found


def words(version: int | None, mhfd: str) -> str:
    """How one image was measured."""
    which = "a version of the method that is not known here" if version is None else f"version {version} of the method"
    return f"measured by {which} (mhfd {mhfd})"


def told(methods: Sequence[MethodOfImages]) -> str:
    """Which versions there are; and, where some are older, what a newer one has."""
    counted: dict[tuple[int | None, str], int] = {}
    for one in methods:
        key = one.version, one.mhfd
        counted[key] = counted.get(key, 0) + one.images
    said = ", ".join(f"{count:,} image{'s' * (count != 1)} {words(*key)}" for key, count in counted.items())
    if not said:
        return "no image was measured yet"
    older = [method.version for method in methods if method.older and method.version is not None]
    return f"{said}. {_GAINS[meaning_of(min(older))]}" if older else said
