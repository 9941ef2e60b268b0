"""Where a request's body ends. Sanic 21.12 believes any number: on `Content-Length: -5` it reads nothing for ever and the whole process stands still."""

import re
from typing import Any

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
