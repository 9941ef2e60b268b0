"""Logs that can be shown to anybody: one JSON object a line, with the request's id and never a word of what a person wrote.

Our own modules log fixed sentences with counts, names of parts and types of errors. Other packages put whatever they hold into their
lines, message texts and SQL parameters among them, so of theirs only the place and the level are written. Tracebacks keep files, lines and
the error's type; its text is dropped, for it may quote the person.
"""

import json
import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any, Dict, Optional, Type

from runtime import metrics
from runtime.request import REQUEST_ID

OURS = ("runtime", "channels", "actions", "nlu", "knowledge", "clinic", "__main__")
FRAMES = 6


class SafeFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, where, request, and for our own modules what."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] in OURS
        line: Dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "where": f"{record.name}:{record.lineno}" if ours else f"{record.module}.{record.funcName}:{record.lineno}",
            "request": REQUEST_ID.get(),
        }
        if ours:
            line["what"] = record.getMessage()
        else:
            line["package"] = record.name.partition(".")[0]
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            line["error"] = kind.__name__
            line["frames"] = [f"{frame.name} {frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-FRAMES:]]
        return json.dumps(line, ensure_ascii=True)


class _Counting(logging.Handler):
    """Counts warnings and errors for /metrics."""

    def emit(self, record: logging.LogRecord) -> None:
        metrics.ERRORS.labels(record.name.partition(".")[0]).inc()


def configure(level: str) -> None:
    """Send every log line of this process to standard error in the safe form. `level`: INFO or higher (runtime.settings.log_level)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter())
    counting = _Counting(level=logging.WARNING)
    root = logging.getLogger()
    root.handlers[:] = [handler, counting]
    root.setLevel(level)
    for name in list(logging.Logger.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers[:] = []
        other.propagate = True
        if other.level:  # what a package has chosen for itself counts only when it is quieter
            other.setLevel(max(other.level, root.level))
    for name in [name for name in logging.Logger.manager.loggerDict if name.startswith("sqlalchemy")] + ["sqlalchemy"]:
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO it tells every statement
    # Below these levels they tell what strangers tried: a page that is not there, a host name that is not ours.
    for name in ("sanic.access", "sanic.root", "apscheduler", "matplotlib", "uvicorn.error", "django.request"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("django.security").setLevel(logging.CRITICAL)
    sys.excepthook = _last_words


def _last_words(kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
    """What ends a process is told as everything else is: the text of an error may quote somebody. Our own are sentences for the operator."""
    if issubclass(kind, KeyboardInterrupt):
        return
    told = str(error) if kind.__module__.partition(".")[0] in OURS or issubclass(kind, ImportError) else "the lines of the code are in `frames`"
    logging.getLogger(__name__).critical("The process ends: %s", told, exc_info=(kind, error, trace))
