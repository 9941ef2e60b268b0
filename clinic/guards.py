"""Rules that Django's constraints cannot say on every database: no two live slots overlap, and the history is only ever added to.

Installed by a migration and again after every `migrate`, because SQLite drops a table's triggers whenever Django rebuilds the table.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIVE = "('held', 'confirmed', 'blocked')"

_SQLITE_OVERLAP = """
CREATE TRIGGER clinic_slot_overlap_{event} BEFORE {event} ON clinic_slot
WHEN NEW.state IN {live} AND EXISTS (
    SELECT 1 FROM clinic_slot
    WHERE practitioner = NEW.practitioner AND state IN {live} AND starts < NEW.ends AND ends > NEW.starts AND id IS NOT NEW.id
)
BEGIN SELECT RAISE(ABORT, 'clinic_slot_overlap'); END
"""
_SQLITE_HISTORY = {
    "update": "CREATE TRIGGER clinic_history_update BEFORE UPDATE ON clinic_history BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END",
    "delete": (
        "CREATE TRIGGER clinic_history_delete BEFORE DELETE ON clinic_history WHEN NOT clinic_emptying() "
        "BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END"
    ),
}
_POSTGRES = f"""
CREATE EXTENSION IF NOT EXISTS btree_gist;
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'clinic_slot_overlap') THEN
        ALTER TABLE clinic_slot ADD CONSTRAINT clinic_slot_overlap
        EXCLUDE USING gist (practitioner WITH =, tstzrange(starts, ends) WITH &&) WHERE (state IN {_LIVE});
    END IF;
END $$;
CREATE OR REPLACE FUNCTION clinic_history_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('clinic.emptying', true) = 'yes' AND TG_OP <> 'UPDATE' THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'the history is only ever added to' USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP TRIGGER IF EXISTS clinic_history_rows ON clinic_history;
CREATE TRIGGER clinic_history_rows BEFORE UPDATE OR DELETE ON clinic_history FOR EACH ROW EXECUTE FUNCTION clinic_history_refuse();
DROP TRIGGER IF EXISTS clinic_history_all ON clinic_history;
CREATE TRIGGER clinic_history_all BEFORE TRUNCATE ON clinic_history FOR EACH STATEMENT EXECUTE FUNCTION clinic_history_refuse();
"""  # noqa: S608 (constants)

_emptying = threading.local()


def install(connection: Any) -> None:
    """Put the guards in place; safe to repeat."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES)
            return
        for event in ("INSERT", "UPDATE"):
            cursor.execute(f"DROP TRIGGER IF EXISTS clinic_slot_overlap_{event}")
            cursor.execute(_SQLITE_OVERLAP.format(event=event, live=_LIVE))
        for event, statement in _SQLITE_HISTORY.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS clinic_history_{event}")
            cursor.execute(statement)


def prepare_connection(connection: Any, **kwargs: Any) -> None:
    """What a new SQLite connection needs for the guards to work. A tool without it cannot delete history either."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("clinic_emptying", 0, lambda: int(getattr(_emptying, "on", False)))


@contextmanager
def emptying(connection: Any) -> Iterator[None]:
    """Within it the whole database may be emptied; for `flush`, that is for tests."""
    _emptying.on = True
    try:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET clinic.emptying = 'yes'")
        yield
    finally:
        _emptying.on = False
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("RESET clinic.emptying")
