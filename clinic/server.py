"""Serves the clinic's site, on loopback unless in a container: `python -m clinic.server`. A reverse proxy brings it to the world."""

import asyncio
import os
from typing import Any, Optional

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

SLOWEST_SENDER = 15.0  # seconds for a request to arrive whole, up to twice as long when it comes after another one


class Punctual(H11Protocol):
    """uvicorn waits for ever for whoever sends a byte now and then; a thousand of them would hold a thousand connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._before: Optional[RequestResponseCycle] = self.cycle
        self._watch = self.loop.call_later(SLOWEST_SENDER, self._look)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection when it still sends the request that it sent when we looked before."""
        arriving = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if arriving and self.cycle is self._before:
            self.transport.abort()
            return
        self._before = self.cycle if arriving else None
        self._watch = self.loop.call_later(SLOWEST_SENDER, self._look)


def serve(application: Any, host: str, port: int) -> None:
    """Serve an ASGI application until stopped."""
    import uvicorn

    # No access log: addresses hold references. uvicorn's own log would quote what it cannot read.
    uvicorn.run(
        application,
        host=host,
        port=port,
        http=Punctual,
        ws="none",  # the site has no sockets, and Sanic's old `websockets` is not the one that uvicorn would import
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="off",
    )


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import ready
    from runtime import logs
    from runtime.server import open_files
    from runtime.settings import clinic_port, log_level, private_host

    logs.configure(log_level())
    open_files()
    ready.prepare()
    serve("clinic.asgi:application", private_host(), clinic_port())


if __name__ == "__main__":
    main()
