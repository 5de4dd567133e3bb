"""Serve the page from this process: the web server's settings, and how it ends."""

import asyncio
import socket
import threading

import uvicorn

from mhfd_client.page.connections import PatientProtocol
from mhfd_client.page.process import Serving
from mhfd_client.page.server import page
from mhfd_client.page.token import token_of


def serve(serving: Serving, listening: socket.socket, *, ended: threading.Event | None = None) -> None:
    """Serve until told to end, or by a signal when there is no `ended`. In the main thread."""
    token = token_of(serving.state_dir)
    made = page(serving.state_dir, serving.loaded, token=token, host=serving.host, adjust=serving.adjust)
    config = uvicorn.Config(
        made.app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        http=PatientProtocol,
        limit_concurrency=400,  # of those who are being answered: the silent ones are fewer
        h11_max_incomplete_event_size=16384,
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        async def wait() -> None:
            while not (server.should_exit or (ended is not None and ended.is_set())):
                await asyncio.sleep(0.2)
            await made.live.close()
            server.should_exit = True

        waiting = asyncio.create_task(wait())
        await server.serve(sockets=[listening])
        await waiting

    asyncio.run(run())
