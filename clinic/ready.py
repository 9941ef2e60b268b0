"""Makes the records usable in a process that is not Django's: settings, and for a SQLite file also its tables."""

import fcntl
import os
import threading
from pathlib import Path

_lock = threading.Lock()
_done = False


def prepare() -> None:
    """Safe to call from any thread, and again. On PostgreSQL the tables are made by `python -m clinic migrate`, not here."""
    global _done
    if _done:
        return
    with _lock:
        if _done:
            return
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
        import django
        from django.apps import apps

        if not apps.ready:
            django.setup()
        bring_up_to_date()
        _done = True


def again() -> None:
    """The file is another one than before: the next `prepare` makes its tables."""
    global _done
    _done = False


def bring_up_to_date() -> None:
    """Make or migrate the tables of a SQLite database; several processes may start at once."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    if connection.vendor != "sqlite":
        return
    file = Path(str(connection.settings_dict["NAME"]))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
