"""Two versions of mhfd, one here and one where images are scored: which of them is the older, and so to be upgraded.

Words, and what they rest on. It changes no image's state.
"""

from typing import Final

import mhfd
from mhfd.contract.base import METHOD_VERSION, meaning_of
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params

UPGRADE_HERE: Final = "upgrade this side: pip install --upgrade mhfd"
_LACKS: Final = {
    1: "its reports have no profile, so images are judged by their density and no blur is given in pixels",
    3: "its reports are compared with all others, but say less of the tissue of images above 2048 pixels a side",
}
_UPGRADE_THERE: Final = "Upgrade the endpoint: its administrator installs this mhfd for the workers"


def older_there(report: FocusReport) -> str | None:
    """What to say of who made this report, if its method is older than ours; None where it is not."""
    version = report.params.version_of(report.params_id)
    if version is None or version >= METHOD_VERSION:
        return None
    there = report.provenance.version
    return (
        f"the endpoint's mhfd {there} is older than this side's {mhfd.__version__} (method {version} against "
        f"{METHOD_VERSION}): {_LACKS[meaning_of(version)]}. {_UPGRADE_THERE}"
    )


def newer_there(report: FocusReport, params: Params) -> str | None:
    """Why a report with an id that is not known here is no fault of its image: its mhfd is newer. None: it is not."""
    if report.params != params or params.version_of(report.params_id) is not None:
        return None
    there = report.provenance.version
    return (
        f"this side's mhfd {mhfd.__version__} is older than the endpoint's {there}, whose method it does not know: "
        f"{UPGRADE_HERE}"
    )
