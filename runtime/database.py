"""The database of the conversations: its tables, and how SQLite and PostgreSQL are opened. Without Rasa, because the clinic's process uses it too."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import QueuePool

PATIENCE = 10  # seconds that a statement waits for another's lock
CONNECT_WITHIN = 3  # seconds

metadata = sa.MetaData()
_long = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts rows by itself only in INTEGER columns
# The columns of Rasa's own table, so that whatever reads that reads this.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _long, primary_key=True),
    sa.Column("sender_id", sa.String(255), nullable=False, index=True),
    sa.Column("type_name", sa.String(255), nullable=False),
    sa.Column("timestamp", sa.Float, index=True),
    sa.Column("intent_name", sa.String(255)),
    sa.Column("action_name", sa.String(255)),
    sa.Column("data", sa.Text),
    sqlite_autoincrement=True,  # whoever reads on from the last id must not meet the ids of erased events again
)
windows = sa.Table(
    "windows",
    metadata,
    sa.Column("sender_id", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),  # starts anywhere, so that a conversation begun anew is not taken for the erased one
    sa.Column("first_event", _long, nullable=False),  # id from which events belong to the window
    sa.Column("opening", sa.Text, nullable=False),  # JSON list of events that stand for all earlier ones
    sa.Column("changed", sa.Float, nullable=False, index=True),
)
answered = sa.Table(
    "answered",
    metadata,
    sa.Column("sender_id", sa.String(255), primary_key=True),
    sa.Column("message_id", sa.String(255), primary_key=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("replies", sa.Text, nullable=False),
)


def is_postgres(where: str) -> bool:
    """Whether the setting is a database address; otherwise it is the path of an SQLite file."""
    return where.startswith(("postgresql://", "postgres://", "postgresql+psycopg2://"))


def make_engine(where: str) -> Any:
    """An engine whose connections are checked before use and whose errors never quote parameters."""
    common: Dict[str, Any] = {"hide_parameters": True, "pool_size": 5, "max_overflow": 5, "pool_timeout": PATIENCE}
    if is_postgres(where):
        options = f"-c statement_timeout={PATIENCE * 1000} -c lock_timeout={PATIENCE * 1000} -c idle_in_transaction_session_timeout=60000"
        arguments = {"connect_timeout": CONNECT_WITHIN, "options": options, "application_name": "stria"}
        arguments.update(keepalives_idle=10, keepalives_interval=5, keepalives_count=3, tcp_user_timeout=1000 * PATIENCE)
        address = where.replace("postgres://", "postgresql://", 1)
        return sa.create_engine(address, pool_pre_ping=True, pool_recycle=600, connect_args=arguments, **common)
    Path(where).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{where}", poolclass=QueuePool, connect_args={"timeout": PATIENCE, "check_same_thread": False}, **common)
    engine.stria_file = _File(where, engine)
    return engine


class _File:
    """Keeps SQLite connections on the file that is there now, and none that was opened before the last failure.

    A connection to a deleted file goes on writing where nobody will ever read; one opened on a read-only file stays so, and so do its sisters.
    """

    def __init__(self, where: str, engine: Any):
        self.where, self.engine, self.failures = where, engine, 0
        sa.event.listen(engine, "connect", self._opened)
        sa.event.listen(engine, "checkout", self._taken)
        sa.event.listen(engine, "checkin", self._returned)

    def failed(self) -> None:
        """Open everything anew: now what is idle, and what is in use when it comes back."""
        self.failures += 1
        self.engine.dispose()

    def _now(self) -> Tuple[Optional[int], ...]:
        try:
            found = os.stat(self.where)  # noqa: PTH116  # at every transaction: Path would cost as much as the call
        except FileNotFoundError:
            return self.failures, None, None, None
        return self.failures, found.st_dev, found.st_ino, found.st_mode

    def _opened(self, connection: Any, record: Any) -> None:
        with suppress(OSError):  # somebody else's file keeps the rights they gave it
            if os.stat(self.where).st_size == 0:  # noqa: PTH116  # just made: people's words are its owner's alone; the log beside it gets the same rights
                os.chmod(self.where, 0o600)  # noqa: PTH101
        _set_pragmas(connection)
        record.info["opened"] = self._now()

    def _taken(self, connection: Any, record: Any, proxy: Any) -> None:
        if record.info.get("opened") != self._now():
            raise exc.DisconnectionError("The database file was deleted, replaced, given other rights or failed.")  # the pool opens the one that is there now

    def _returned(self, connection: Any, record: Any) -> None:
        if connection is not None and record.info.get("opened", (None,))[0] != self.failures:
            record.invalidate()


def _set_pragmas(connection: Any) -> None:
    """WAL: the review desk reads while Rasa writes. NORMAL: a killed process loses nothing; only a power cut may take the last turns."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA secure_delete=ON")  # what somebody had erased must not lie about in free pages
    cursor.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")
    cursor.close()


def sweep(engine: Any) -> None:
    """After something was erased: empty SQLite's log beside the file too. Readers that are in the way put it off until the next time."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
