"""The id that follows one request through Rasa, the actions and the clinic's records, so that their log lines can be put together."""

import re
import uuid
from contextvars import ContextVar
from typing import Optional

REQUEST_ID: ContextVar[str] = ContextVar("stria_request_id", default="-")
HEADER = "X-Request-Id"
_SHAPE = re.compile(r"[A-Za-z0-9-]{6,64}")


def new_request_id(given: Optional[str] = None) -> str:
    """The id a trusted proxy gave, when it looks like one, else a fresh one; from now on the current one."""
    value = given if given and _SHAPE.fullmatch(given) else uuid.uuid4().hex[:12]
    REQUEST_ID.set(value)
    return value
