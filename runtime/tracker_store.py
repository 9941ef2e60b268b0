"""The conversations database: Rasa's own SQL store, with SQLite set up for one writer and many readers."""

from pathlib import Path
from typing import Any, Optional

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain


class ConversationStore(SQLTrackerStore):
    """SQLite in WAL mode: the review desk reads while Rasa writes, and a commit does not wait for the disk's platter."""

    def __init__(self, domain: Optional[Domain] = None, event_broker: Optional[EventBroker] = None, db: str = "var/conversations.sqlite3", **kwargs: Any):
        Path(db).parent.mkdir(parents=True, exist_ok=True)
        kwargs.pop("host", None)
        super().__init__(domain=domain, dialect="sqlite", db=db, event_broker=event_broker, **kwargs)
        self.engine.hide_parameters = True
        sa.event.listen(self.engine, "connect", _set_pragmas)
        self.engine.dispose()  # connections opened before the listener was there


def _set_pragmas(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
