"""How the records' processes without a page run: once, or until told to stop. A database that is away is waited for."""

import argparse
import logging
import os
import signal
import threading
from typing import Callable, List, Protocol, Tuple, Type

logger = logging.getLogger("clinic.worker")

AWAY = 5.0  # seconds until a database that is away is tried again


class Work(Protocol):
    """What a process does over and over."""

    @property
    def away(self) -> Tuple[Type[Exception], ...]:
        """What it raises, beside the records' own errors, when a database cannot be reached now."""

    def step(self) -> float:
        """Do what there is to do; seconds until it wants to be asked again."""

    def once(self) -> str:
        """Do all that is due now, and say what that was."""


def run(work: Work, stopped: threading.Event, away: float = AWAY) -> None:
    """Work until `stopped` is set."""
    from django.db import DatabaseError, InterfaceError, close_old_connections

    from clinic import ready

    away_errors: Tuple[Type[Exception], ...] = (DatabaseError, InterfaceError, *work.away)
    while not stopped.is_set():
        try:
            close_old_connections()
            ready.prepare()  # SQLite's file may have been deleted and begun anew
            rest = work.step()
        except away_errors as error:
            logger.warning("A database is unavailable (%s); trying again.", type(error).__name__)
            rest = away
        stopped.wait(rest)


def main(arguments: List[str], program: str, about: str, begin: Callable[[], Work]) -> None:
    """Serve until told to stop; with `--once` do what is due and end. `begin` is called when the records are ready."""
    options = argparse.ArgumentParser(prog=program, description=about)
    options.add_argument("--once", action="store_true", help="do what is due now, then end")
    chosen = options.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import ready
    from runtime import logs
    from runtime.settings import log_level

    logs.configure(log_level())
    ready.prepare()
    work = begin()
    if chosen.once:
        print(work.once())
        return
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    run(work, stopped)
