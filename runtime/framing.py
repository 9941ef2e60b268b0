"""Where a request's body ends, and how long it may take to come.

Sanic 21.12 believes any length: on `Content-Length: -5` it reads nothing for ever and the whole process stands still. And it waits for whoever sends
a byte now and then: its time limits begin anew with every byte.
"""

import re
import time
from typing import Any, Optional

from sanic.exceptions import RequestTimeout
from sanic.http import Stage
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

_FIELDS = re.compile(rb"\r\n(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)


def framed(head: bytes) -> bool:
    """Whether a request's head tells one thing about its length: nothing, a plain number of digits, or `chunked`.

    Two lengths are refused because a proxy in front may have read the other one.
    """
    found = [(name.lower(), value.strip()) for name, value in _FIELDS.findall(head)]
    return len(found) < 2 and all(value.isdigit() and len(value) < 12 if name == b"content-length" else value == b"chunked" for name, value in found)


def guard(app: Any) -> None:
    """Let a Sanic application answer 400 to every other request before it looks for the body."""

    async def refuse(head: bytes, **_: Any) -> None:
        if not framed(head):
            raise ValueError("The length of the body is told twice or is none.")  # Sanic makes a 400 of it

    app.add_signal(refuse, "http.lifecycle.read_head")


class Punctual(WebSocketProtocol):
    """Sanic's protocol, with `REQUEST_TIMEOUT` seconds for a request to arrive whole, head and body, however busily it trickles in."""

    __slots__ = ("_arriving", "_since")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._arriving: Optional[object] = None
        self._since = 0.0

    def check_timeouts(self) -> None:
        """Sanic calls this every few seconds, as long as the connection is no socket."""
        http = self._http
        if self._task and http is not None:
            reading_head = http.stage is Stage.REQUEST
            reading_body = http.stage is Stage.HANDLER and bool(http.request_body) and not http.upgrade_websocket
            arriving = (http.request or http) if reading_head or reading_body else None
            if arriving is not self._arriving:
                self._arriving, self._since = arriving, time.monotonic()
            elif arriving is not None and time.monotonic() - self._since > self.request_timeout:
                http.exception = RequestTimeout("Request Timeout")
                self._task.cancel()
                return
        super().check_timeouts()
