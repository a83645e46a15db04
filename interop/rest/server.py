"""RestServer: the HTTP server inside the running loop; it starts, says where it listens, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from dtdl.diagnostic import Diagnostic
from dtdl.errors import ConfigInvalid, PortInUse
from interop.rest.app import App, is_loopback
from interop.rest.stream import Streams
from interop.service import TwinService

if TYPE_CHECKING:
    from interop.config.plan import Address

GRACE_S: Final = 2
MAX_MESSAGE: Final = 4096
"""Largest WebSocket message in bytes that a client may send; none is read."""


class _Server(uvicorn.Server):
    """Leaves signals to the process, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class RestServer:
    """Serves a twin service over HTTP.

    Args:
        service: What is served.
        address: Where; port 0 asks for any free one. Loopback only, since requests are not authenticated.
        name: Title of the documentation.
        streams: The open streams; given by tests that want a small queue.
        tls: Certificate chain and private key (PEM); None: plain HTTP.
    """

    def __init__(
        self, service: TwinService, address: Address, *, name: str = "megatwin", streams: Streams | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:  # fmt: skip
        self._tls = tls
        self._address = address
        self._app = App(service, name=name, streams=streams)
        self._server: _Server | None = None
        self._running: asyncio.Task[None] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:8080``; empty before ``start``."""
        return self._url

    async def start(self) -> None:
        """Listens; requests are answered when it returns.

        Raises:
            PortInUse: Another process listens there, or the address may not be used.
            ConfigInvalid: The address is not a loopback address.
        """
        listener = _listen(self._address)
        host, port = listener.getsockname()[:2]
        scheme = "http" if self._tls is None else "https"
        self._url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        certificate, key = self._tls or (None, None)
        self._server = _Server(
            uvicorn.Config(
                self._app, http="httptools", ws="websockets-sansio", ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=False, lifespan="off", log_config=None, access_log=False,
                server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_S,
                ssl_certfile=certificate, ssl_keyfile=key,
            )
        )  # fmt: skip
        self._running = asyncio.create_task(self._server.serve([listener]), name="rest server")
        await self._server.listening.wait()

    async def stop(self) -> None:
        """Ends streams, lets requests finish for two seconds, and closes the port."""
        if self._server is None or self._running is None:
            return
        self._server.should_exit = True
        self._app.close()
        await self._running
        for connection in tuple(self._server.server_state.connections):  # readers that never took what was sent
            connection.transport.abort()
        await asyncio.sleep(0)
        self._server = self._running = None


def _listen(address: Address) -> socket.socket:
    where = f"{address.host}:{address.port}"
    if not is_loopback(address.host):
        raise ConfigInvalid(
            [
                Diagnostic(
                    rule="MT-http-loopback",
                    cause=f"`serve.http: {where}` is not a loopback address, and requests are not authenticated",
                    action="Write 127.0.0.1, and put a proxy that authenticates in front of it.",
                    value=where,
                )
            ]
        )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        raise PortInUse(
            f"cannot listen on {where}: {error.strerror or error}",
            action="Stop the process that listens there, or choose another port (0: any free one).",
        ) from error
