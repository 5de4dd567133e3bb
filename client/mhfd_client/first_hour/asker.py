"""Whoever asks Globus during the hour: one flow that is changed and run, Transfer, and Compute; and cleaning up.

Everything that is made is noted first (`left_behind`). It does not know what a guess is.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mhfd
from mhfd_client.compute import registration
from mhfd_client.compute.reach import hurried
from mhfd_client.compute.service import EndpointService, client_of, let_go
from mhfd_client.errors import FlowMissing, FlowsUnreachable, HourTrouble, StationError
from mhfd_client.first_hour.left_behind import LeftBehind
from mhfd_client.first_hour.site import NAME, HourSite
from mhfd_client.flow.deployments import asked
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.run_words import consent
from mhfd_client.flow.service import FlowService, Run
from mhfd_client.globus.consents import Consents, consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings.options import Settings

if TYPE_CHECKING:
    from globus_sdk import FlowsClient, GlobusApp, TransferClient

TITLE: Final = "mhfd: the first hour"
KEYWORDS: Final = ("mhfd", "mhfd:first_hour")
_POLLS: Final = (0.5, 10.0)

LogIn = Callable[[Settings, Consents, bool], None]
"""Has a person agree; with True, asked though nothing seems to be missing."""


class Asker:
    """The services, as whoever is logged in.

    Args:
        settings: Of the station.
        site: Where.
        left: What is made is noted there.
        log_in: Has a person agree.
        wait_s: How long one thing may take.
        hurry: Divides all pauses: 1, but for tests.
    """

    def __init__(
        self,
        settings: Settings,
        site: HourSite,
        left: LeftBehind,
        log_in: LogIn,
        *,
        wait_s: float = 600.0,
        hurry: float = 1.0,
    ) -> None:
        self.settings, self.site, self.left = settings, site, left
        self.key, self.wait_s, self.hurry = uuid.uuid4().hex[:8], wait_s, hurry
        self._log_in = log_in
        self.flow: str | None = None
        self.mapped: tuple[str, ...] = ()
        self._app: GlobusApp | None = None
        self._service: FlowService | None = None
        self._flows: FlowsClient | None = None
        self._transfer: TransferClient | None = None
        self._function: str | None = None
        self._deployed: Mapping[str, Any] | None = None

    # Who we are

    def agree(self, *, mapped: bool, again: bool = False) -> None:
        """Let a person agree to the hour's flow, with the mapped collections or without. LoginError."""
        self._close()
        self.mapped = self.site.mapped if mapped else ()
        flows = [] if self.flow is None else [self.flow]
        self._log_in(self.settings, consents_for("flow", flows=flows, mapped=self.mapped), again)

    def app(self) -> GlobusApp:
        """Whose leave it is."""
        if self._app is None:
            flows = [] if self.flow is None else [self.flow]
            consents = consents_for("flow", flows=flows, mapped=self.mapped)
            self._app = globus_app(self.settings, services=["flows"], scopes=consents.scopes())
        return self._app

    @property
    def flows(self) -> FlowsClient:
        """Flows, for what is not a run of ours."""
        if self._flows is None:
            from globus_sdk import FlowsClient

            self._flows = FlowsClient(app=self.app())
        return self._flows

    @property
    def transfer(self) -> TransferClient:
        """Transfer."""
        if self._transfer is None:
            from globus_sdk import TransferClient

            self._transfer = TransferClient(app=self.app())
        return self._transfer

    @property
    def service(self) -> FlowService:
        """The hour's flow."""
        if self._service is None:
            assert self.flow is not None  # noqa: S101 - deployed before anything is asked of it
            self._service = FlowService(self.app(), self.flow)
        return self._service

    @contextmanager
    def compute(self) -> Iterator[Any]:
        """Compute's client, for a while."""
        client = hurried(client_of(settings=self.settings))
        try:
            yield client
        finally:
            let_go(client)

    @contextmanager
    def endpoint(self, client: Any) -> Iterator[EndpointService]:
        """The endpoint, for a while."""
        far = EndpointService(client, uuid.UUID(self.site.endpoint))
        try:
            yield far
        finally:
            far.close()

    def function(self) -> str:
        """The function that scores, as a run names it. ComputeError."""
        if self._function is None:
            pinned = None if self.site.function is None else uuid.UUID(self.site.function)
            with self.compute() as client:
                found = registration.find(client, "mhfd_focus", endpoint=uuid.UUID(self.site.endpoint), pinned=pinned)
            self._function = str(found)
        return self._function

    # The flow

    def deploy(self, document: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Make the flow, or change it. FlowError."""
        if self._deployed == document:
            return
        about: dict[str, Any] = {"definition": dict(document), "input_schema": dict(schema)}
        if self.flow is not None:
            asked(lambda: self.flows.update_flow(str(self.flow), **about))
        else:
            about |= {"title": TITLE, "subtitle": "Asks what mhfd takes for granted", "keywords": list(KEYWORDS)}
            about["description"] = f"Made by `mhfd first-hour` of mhfd {mhfd.__version__}, which deletes it again."
            with self.flows.retry_config.tune(max_retries=0):
                made = asked(lambda: self.flows.create_flow(**about).data)
            self.flow = str(made["id"])
            self.left.note("flow", self.flow)
        self._deployed = document

    def find_forgotten(self) -> None:
        """A flow of an hour that died before it could note it."""
        pages = asked(
            lambda: list(self.flows.paginated.list_flows(filter_roles="flow_owner", filter_fulltext=KEYWORDS[1]))
        )
        for flow in (flow for page in pages for flow in page["flows"]):
            if KEYWORDS[1] in (flow.get("keywords") or ()):
                self.left.note("flow", str(flow["id"]))

    def probe(self, which: str, *, text: str = "", sample: Mapping[str, Any] | None = None, **other: str) -> str:
        """Start a run of the hour's flow that goes this way; its id. FlowError."""
        folders = self.folders()
        body: dict[str, Any] = {
            "which": which,
            "text": text,
            "label": f"{NAME}{self.key}",
            "near": {"id": self.site.near, "path": f"{folders.source_path}/"},
            "staging": {"id": self.site.staging, "path": self.site.staging_path},
            "compute": {"endpoint_id": self.site.endpoint},
            "image": f"{folders.source_path}/{self.images()[0].name}",
            "staged": f"{self.staged_folder}late.tif",
            "nowhere": f"{self.site.staging_path.rstrip('/')}/{NAME}nowhere/nothing/",
            "nobody": str(uuid.uuid4()),
            "sample": dict(sample or {}),
        }
        return self.start(body | other, label=f"mhfd first hour: {which}")

    def start(self, body: Mapping[str, Any], *, label: str, key: str = "") -> str:
        """Start a run; its id."""
        start = self.service.start(key or uuid.uuid4().hex, body, label)
        if start.run is None:
            raise FlowsUnreachable(start.why)
        self.left.note("run", start.run)
        return start.run

    def end_of(self, run: str, *, inactive: bool = False) -> Run:
        """How it ended; with `inactive`, also that it waits for a consent. HourTrouble when it does not end."""
        for _ in self.while_waiting():
            found = self.service.look(run)
            if found.over:
                self.left.gone("run", run)
                return found
            if found.status == "INACTIVE":
                if inactive:
                    return found
                told = consent(found, self.folders().surroundings)
                raise HourTrouble(f"the run {told.what}; {told.do}")
        raise HourTrouble(f"the run was not over within {self.wait_s:g} s")

    def ran(self, which: str, **more: Any) -> Run:
        """Such a run, and how it ended."""
        return self.end_of(self.probe(which, **more))

    def while_waiting(self, wait_s: float | None = None) -> Iterator[float]:
        """Pauses, ever longer: how long one has waited, until it is too long."""
        began, pause = time.monotonic(), _POLLS[0]
        limit = (self.wait_s if wait_s is None else wait_s) / self.hurry
        yield 0.0
        while (since := time.monotonic() - began) < limit:
            time.sleep(min(pause, limit) / self.hurry)
            pause = min(_POLLS[1], pause * 1.3)
            yield since

    # Folders

    def folders(self) -> Folders:
        """The hour's own, for runs of focus_check."""
        return self.site.folders(self.flow or "", self._function or "", self.key)

    @property
    def staged_folder(self) -> str:
        """A folder of the hour's in the staging area."""
        return f"{self.site.staging_path.rstrip('/')}/{NAME}{self.key}/"

    def images(self) -> list[Path]:
        """Three small images below near, made now if they are not there."""
        folder = self.folders().source_here
        if not folder.is_dir():
            import tifffile

            from mhfd import simulate

            self.left.note("near", str(folder.parent))
            folder.mkdir(parents=True)
            self.folders().results_here.mkdir()
            for number, picture in enumerate(simulate.focus_series((256, 256), seed=3, defocus_um=[0.0, 0.5, 1.0])):
                tifffile.imwrite(folder / f"hour_{number}.tif", picture)
        return sorted(folder.glob("*.tif"))

    # Cleaning up

    def clean(self) -> list[str]:
        """Remove all that is left; what could not be, in words."""
        for (flow,) in self.left.of("flow"):
            self._sweep(flow)
        for (run,) in self.left.of("run"):
            self._try(lambda run=run: self._end(run), "run", run)  # type: ignore[misc]
        for collection, path in self.left.of("staged"):
            self._try(lambda at=collection, what=path: self._delete(at, what), "staged", collection, path)  # type: ignore[misc]
        for (folder,) in self.left.of("near"):
            self._try(lambda folder=folder: _remove(Path(folder)), "near", folder)  # type: ignore[misc]
        for (flow,) in self.left.of("flow"):
            self._try(lambda flow=flow: self._forget(flow), "flow", flow)  # type: ignore[misc]
        self._close()
        return list(self.left.words())

    def _sweep(self, flow: str) -> None:
        """Runs of the hour's flow that nobody noted: it died while it asked for them."""
        from globus_sdk import GlobusError

        try:
            for run in asked(lambda: list(self.flows.list_runs(filter_flow_id=flow)["runs"])):
                if run["status"] in ("ACTIVE", "INACTIVE"):
                    self.left.note("run", str(run["run_id"]))
                    staged = f"{self.site.staging_path.rstrip('/')}/mhfd-{run['run_id']}/"
                    self.left.note("staged", self.site.staging, staged)
        except (StationError, GlobusError):
            return  # the flow itself stays in the list, and is said

    def _try(self, remove: Callable[[], None], *entry: Any) -> None:
        from globus_sdk import GlobusError

        try:
            remove()
        except (StationError, GlobusError, OSError):
            return  # it stays in the list, and is said
        self.left.gone(*entry)

    def _end(self, run: str) -> None:
        try:
            found = asked(lambda: self.flows.get_run(run).data)
            if found["status"] in ("ACTIVE", "INACTIVE"):
                asked(lambda: self.flows.cancel_run(run))
        except FlowMissing:
            return

    def _delete(self, collection: str, path: str) -> None:
        from globus_sdk import DeleteData

        data = DeleteData(
            collection,
            recursive=True,
            ignore_missing=True,
            notify_on_succeeded=False,
            notify_on_failed=False,
            notify_on_inactive=False,
        )
        data.add_item(path)
        task = str(self.transfer.submit_delete(data)["task_id"])
        for _ in self.while_waiting():
            status = self.transfer.get_task(task)["status"]
            if status == "SUCCEEDED":
                return
            if status == "FAILED":
                break
        raise HourTrouble(f"{path} could not be deleted")

    def _forget(self, flow: str) -> None:
        try:
            asked(lambda: self.flows.delete_flow(flow))
        except FlowMissing:
            return
        finally:
            self.app().token_storage.remove_token_data(flow)
            if self.flow == flow:
                self.flow = None

    def _close(self) -> None:
        for client in (self._service, self._flows, self._transfer):
            if client is not None:
                client.close()
        if self._app is not None:
            self._app.close()
        self._app = self._service = self._flows = self._transfer = None


def _remove(folder: Path) -> None:
    if folder.name.startswith(NAME) and folder.is_dir():  # nothing else is ever the hour's
        shutil.rmtree(folder)
