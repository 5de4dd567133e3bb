"""An endpoint whose method is older than this station's: said once, and over when it is upgraded.

Images are scored and judged all the same, by what both versions measure.
"""

from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd_client.runners.versions import older_there

KIND: Final = "older_endpoint"
"""The trouble that says it."""


class OlderEndpoint:
    """Looks at each report that comes."""

    def __init__(self) -> None:
        self._said = ""

    def see(self, report: FocusReport) -> str | None:
        """What to say from now on; an empty text when it is over; None: no news."""
        said = older_there(report) or ""
        if said == self._said:
            return None
        self._said = said
        return said
