"""Where the hour takes place, from the settings of a station with a flow: an endpoint and two collections.

Near is the collection and folder that reports come back to, the one that a station may write; the folder of the
images is not touched. Opens nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd import documentation
from mhfd_client.errors import SettingsError
from mhfd_client.files import text_of
from mhfd_client.flow.folders import Folders
from mhfd_client.globus.ids import id_set
from mhfd_client.settings.options import Settings

NAME: Final = "mhfd-first-hour-"
"""How everything begins that the hour makes."""


@dataclass(frozen=True, slots=True)
class HourSite:
    """Ids and folders; a folder has the name that its collection gives it (`path`), and that of this machine (`here`)
    or of the endpoint (`root`)."""

    endpoint: str
    function: str | None
    near: str
    near_here: Path
    near_path: str
    staging: str
    staging_path: str
    staging_root: str
    mapped: tuple[str, ...]
    user_endpoint_config: dict[str, object]

    def folders(self, flow: str, function: str, key: str) -> Folders:
        """For runs of focus_check in the hour of this key: its images lie below near, and so do its reports."""
        here, path = self.near_here / f"{NAME}{key}", f"{self.near_path.rstrip('/')}/{NAME}{key}"
        return Folders(
            flow=flow,
            endpoint=self.endpoint,
            function=function,
            source=self.near,
            source_here=here / "images",
            source_path=f"{path}/images",
            watched=here / "images",
            results=self.near,
            results_here=here / "reports",
            results_path=f"{path}/reports",
            staging=self.staging,
            staging_path=self.staging_path,
            staging_root=self.staging_root,
            mapped=self.mapped,
            user_endpoint_config=self.user_endpoint_config,
        )


def site_of(settings: Settings) -> HourSite:
    """SettingsError names every setting that is missing or cannot be right."""
    chosen, compute = settings.flow, settings.compute
    missing = [f"flow.{name}" for name in ("results_here", "staging", "staging_root") if getattr(chosen, name) is None]
    if chosen.results is None and chosen.source is None:
        missing.append("flow.results (or flow.source)")
    if compute.endpoint is None:
        missing.append("compute.endpoint")
    if missing:
        raise SettingsError(
            f"{', '.join(missing)}: must be set for the first hour; --set KEY=VALUE does, or the settings of "
            f"{documentation.page('how-to/microscope-to-gpu')}"
        )
    here = Path(str(chosen.results_here)).absolute()
    if not here.is_dir() or not os.access(here, os.W_OK | os.X_OK):
        raise SettingsError(f"flow.results_here: {text_of(here)} is no folder that this user may write; make it")
    near = chosen.results if chosen.results is not None else chosen.source
    return HourSite(
        endpoint=id_set("compute.endpoint", compute.endpoint),
        function=None if compute.function is None else id_set("compute.function", compute.function),
        near=id_set("flow.results", near),
        near_here=here,
        near_path=chosen.results_path,
        staging=id_set("flow.staging", chosen.staging),
        staging_path=chosen.staging_path,
        staging_root=str(chosen.staging_root),
        mapped=tuple(id_set("flow.mapped", one) for one in chosen.mapped),
        user_endpoint_config=dict(chosen.user_endpoint_config),
    )
