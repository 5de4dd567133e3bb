"""The page's routes. What is asked for is named by the journal's ids; no path ever comes from a browser."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import anyio
import bokeh
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from mhfd.errors import UsageError
from mhfd_client import expected
from mhfd_client.adjustment.beside.modes import AdjustMode
from mhfd_client.adjustment.beside.shown import LensShower
from mhfd_client.errors import NamingError, StateError
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.page import actions, banner, listed, panels, pictures, waits
from mhfd_client.page import chart as charts
from mhfd_client.page.ahead import Ahead
from mhfd_client.page.guard import Guard
from mhfd_client.page.live import Live
from mhfd_client.page.model import JudgedImage, PageModel
from mhfd_client.page.token import stamp_of
from mhfd_client.results.tables import Order
from mhfd_client.settings.load import Loaded
from mhfd_client.settings.places import models_home

_HERE: Final = Path(__file__).parent
_LIBRARY: Final = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
_READERS: Final = 3  # files read at once; more would only slow each other, and the scoring, down
_PATIENCE_S: Final = 20.0
_KEEP: Final = {"Cache-Control": "private, max-age=86400, immutable"}


@dataclass(frozen=True, slots=True)
class ServedPage:
    """What is served."""

    app: ASGIApp
    live: Live


def page(state_dir: Path, loaded: Loaded, *, token: str, host: str, adjust: AdjustMode | None = None) -> ServedPage:
    """The page of a state folder, behind its guard. `adjust`: what the watch beside it may do with a lens."""
    journal = JournalView.read(state_dir)
    root = journal.root()
    names = loaded.settings.names
    wanted: frozenset[Place] | None = None
    with contextlib.suppress(NamingError):  # the watch itself refused it, in words
        wanted = None if names.expected is None else expected.load(names.expected)
    verdict = loaded.settings.verdict
    model = PageModel(
        journal,
        wanted,
        confirm=verdict.confirm,
        target_s=verdict.target_s,
        flow=loaded.settings.runner.kind == "flow",
        tolerance_px=verdict.blur_px,
        lens=None if adjust is None else LensShower(state_dir, adjust),
    )
    live = Live(model, panels.templates())
    routes = _Routes(live, pictures.PictureReader(root), state_dir, root, loaded, stamp_of(token))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(live.watch())
        yield
        await live.close()
        watching.cancel()

    app = Starlette(
        routes=[
            Route("/", routes.home),
            Route("/live", routes.stream),
            Route("/chart", routes.chart),
            Route("/models", routes.models),
            Route("/retake", routes.retake),
            Route("/retake/{kind}", routes.retake_file),
            Route("/images/{id:int}", routes.image),
            Route("/images/{id:int}/foreseen", routes.foreseen),
            Route("/images/{id:int}/thumbnail", routes.thumbnail),
            Route("/images/{id:int}/map", routes.map),
            Route("/images/{id:int}/pixels", routes.pixels),
            Route("/labels", routes.label, methods=["POST"]),
            Route("/later", routes.later, methods=["POST"]),
            Route("/alerts", routes.alert, methods=["POST"]),
            *([] if adjust is None else [Route("/moves", routes.move, methods=["POST"])]),
            Route("/bokeh.js", lambda _: FileResponse(_LIBRARY, headers={"Cache-Control": "private, max-age=3600"})),
            Mount("/assets", StaticFiles(directory=_HERE / "assets")),
        ],
        exception_handlers={HTTPException: _sorry, StateError: _broken},
        lifespan=lifespan,
    )
    return ServedPage(Guard(app, token=token, host=host), live)


class _Routes:
    """One method a route."""

    def __init__(
        self, live: Live, files: pictures.PictureReader, state_dir: Path, root: str, loaded: Loaded, stamp: str
    ) -> None:
        self._live, self._files, self._stamp = live, files, stamp
        self._state_dir, self._root, self._loaded = state_dir, root, loaded
        self._readers = anyio.CapacityLimiter(_READERS)
        self._ahead = Ahead(state_dir, loaded.settings.verdict)

    async def home(self, _: Request) -> Response:
        """The page as it is now, whole."""
        now = await self._live.look()
        template = self._live.env.get_template("page.html")
        said = {"stamp": self._stamp, "root": self._root, "name": banner.name_of(self._root)}
        return HTMLResponse(template.render(now=now, **said))

    async def stream(self, request: Request) -> Response:
        """What changes from now on."""
        after = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        brief = "brief" in request.query_params
        known = int(after) if after.isdecimal() else 0
        events = self._live.stream(known, request.query_params.get("run", ""), brief=brief)
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def chart(self, request: Request) -> Response:
        """The drawings, without data."""
        places: bool = await self._live.read(self._has_sections)
        axis = "section" if places else "image, in the order of arrival"
        measure: charts.Measure = "blur" if request.query_params.get("measure") == "blur" else "density"
        return JSONResponse(
            {
                "by": "section" if places else "image",
                "item": charts.item(request.query_params.get("scheme", ""), axis=axis, measure=measure),
                "waits": waits.item(request.query_params.get("scheme", "")),
            }
        )

    def _has_sections(self) -> bool:
        return not self._live.model.entries or any(
            e.place.section is not None for e in self._live.model.entries.values()
        )

    async def models(self, _: Request) -> Response:
        """Who speaks here, and why."""
        html: str = await self._live.read(self._models)
        return HTMLResponse(html)

    def _models(self) -> str:
        from mhfd_client.page.models import models

        settings, live = self._loaded.settings, self._live
        home = models_home(settings)
        return models(live.env, live.model.journal, home, settings.models.instrument, self._root)

    async def retake(self, request: Request) -> Response:
        """A page of the list of what to take again."""
        order: Order = "newest" if request.query_params.get("order") == "newest" else "section"
        wanted = request.query_params.get("number", "0")
        number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else 0
        await self._live.look()
        return HTMLResponse(await self._live.read(panels.retakes, self._live.env, self._live.model, order, number))

    async def retake_file(self, request: Request) -> Response:
        """The whole list, to keep, or for the instrument's own program."""
        await self._live.look()
        found = await self._live.read(listed.as_file, self._live.model, request.path_params["kind"])
        if found is None:
            raise HTTPException(404, "There is no such list.")
        text, name = found
        saved = quote(f"{banner.name_of(self._root)}-{name}", safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{saved}"}
        kind = "text/csv" if name.endswith(".csv") else "text/plain"
        return Response(text.encode("utf-8", "backslashreplace"), media_type=f"{kind}; charset=utf-8", headers=headers)

    async def image(self, request: Request) -> Response:
        """Everything about one image, as it is now."""
        await self._live.look()
        entry = await self._entry(request)
        html: str = await self._live.read(panels.image, self._live.env, self._live.model, entry)
        return HTMLResponse(html)

    async def thumbnail(self, request: Request) -> Response:
        """Its small picture, made now if nobody has made it."""
        entry = await self._entry(request)
        path = picture_of(thumbnails(self._state_dir), entry.id)
        if not path.is_file():  # a worker here makes it while it scores; one far away has no way to
            return Response(await self._made(entry, path), media_type="image/jpeg", headers=_KEEP)
        return FileResponse(path, media_type="image/jpeg", headers=_KEEP)

    async def _made(self, entry: JudgedImage, path: Path) -> bytes:
        """A small picture of a file that nobody here has scored, or whose picture the disk did not take then."""
        try:
            with anyio.fail_after(_PATIENCE_S):
                return await anyio.to_thread.run_sync(
                    self._files.keep_small, entry.told.image, path, abandon_on_cancel=True, limiter=self._readers
                )
        except (TimeoutError, pictures.NotShown, StateError):
            raise HTTPException(404, "This image has no small picture.") from None

    async def map(self, request: Request) -> Response:
        """Its focus map as a picture."""
        entry = await self._entry(request)
        data: bytes = await self._live.read(self._map, entry)
        return Response(data, media_type="image/png")

    def _map(self, entry: JudgedImage) -> bytes:
        report = None if entry.told.image.report is None else self._live.model.report(entry.told.image.report)
        if report is None or report.cells is None:
            raise HTTPException(404, "This image has no focus map.")
        return pictures.heat(panels.map_shares(report.cells, entry, report), report.cells.rows, report.cells.cols)

    async def pixels(self, request: Request) -> Response:
        """Any part of it at any size."""
        entry = await self._entry(request)
        try:
            numbers = [int(request.query_params[name]) for name in ("left", "top", "right", "bottom", "width")]
        except (KeyError, ValueError):
            raise HTTPException(400, "Give left, top, right, bottom and width as whole numbers.") from None
        part = pictures.Cutout(*numbers)
        try:
            with anyio.fail_after(_PATIENCE_S):
                data, kind = await anyio.to_thread.run_sync(
                    self._files.part, entry.told.image, part, abandon_on_cancel=True, limiter=self._readers
                )
        except TimeoutError:
            raise HTTPException(504, "The folder does not answer: is the share still there?") from None
        except pictures.NotShown as e:
            raise HTTPException(410, str(e)) from None
        return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=60"})

    async def label(self, request: Request) -> Response:
        """A person says something of an image."""
        try:
            said = actions.Said.model_validate_json(await request.body())
        except ValidationError:
            raise HTTPException(400, "No label that this page knows: load the page again.") from None
        await self._known(said.image)
        await asyncio.to_thread(actions.say, self._state_dir, self._root, self._loaded, said)
        await self._live.look(afresh=True)
        return Response(status_code=204)

    async def later(self, request: Request) -> Response:
        """A person has no time for the question about an image."""
        try:
            said = actions.Later.model_validate_json(await request.body())
        except ValidationError:
            raise HTTPException(400, "No answer that this page knows: load the page again.") from None
        await self._known(said.image)
        await self._live.read(self._live.model.dismiss, said.image)
        await self._live.look(afresh=True)
        return Response(status_code=204)

    async def alert(self, request: Request) -> Response:
        """A person answers an alert."""
        try:
            said = actions.Answered.model_validate_json(await request.body())
        except ValidationError:
            raise HTTPException(400, "No answer that this page knows: load the page again.") from None
        try:
            await asyncio.to_thread(actions.answer, self._state_dir, said)
        except UsageError as e:
            raise HTTPException(409, str(e)) from None
        await self._live.look(afresh=True)
        return Response(status_code=204)

    async def move(self, request: Request) -> Response:
        """A person says how a knob was turned. Nothing is turned by it."""
        try:
            said = actions.SaidMove.model_validate_json(await request.body())
        except ValidationError:
            raise HTTPException(400, "No move that this page knows: load the page again.") from None
        images = [
            None if one is None else (await self._known(one)).told.image.path for one in (said.before, said.after)
        ]
        try:
            words = await asyncio.to_thread(actions.turned, self._state_dir, self._root, said, *images)
        except UsageError as e:
            raise HTTPException(409, str(e)) from None
        await self._live.look(afresh=True)
        return PlainTextResponse(words)

    async def foreseen(self, request: Request) -> Response:
        """What a label would do to other images, before it is said."""
        number, label = request.path_params["id"], request.query_params.get("label", "")
        if label not in actions.SHARP:
            raise HTTPException(400, "No label that teaches: load the page again.")
        await self._known(number)
        return JSONResponse(await self._ahead.ask(number, sharp=actions.SHARP[label], gone=request.is_disconnected))

    async def _entry(self, request: Request) -> JudgedImage:
        return await self._known(request.path_params["id"])

    async def _known(self, number: int) -> JudgedImage:
        entry: JudgedImage | None = await self._live.read(self._live.model.entries.get, number)
        if entry is None:
            await self._live.look()
            entry = await self._live.read(self._live.model.entries.get, number)
        if entry is None:
            raise HTTPException(404, "The journal has no such image.")
        return entry


async def _sorry(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return PlainTextResponse(error.detail, error.status_code)


async def _broken(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 503)
