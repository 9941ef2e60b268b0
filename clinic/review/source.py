"""The bot's table of events, read and never written: new ones by rising id, and single ones for whoever may see the original words."""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from runtime.settings import conversations_db

COMMITTED_WITHIN = 3.0  # seconds in which a transaction that took an id before others has stored its events


class SourceAway(Exception):
    """The conversations database cannot be read now."""


@dataclass(frozen=True)
class Event:
    """A row. `data` is Rasa's dictionary, empty when it cannot be read."""

    id: int
    sender: str
    kind: str
    at: float
    data: Dict[str, Any]


def settled(rows: Sequence[Tuple[Any, ...]], last: int, now: float) -> Sequence[Tuple[Any, ...]]:
    """The rows before the first young gap in the ids: what is missing there may be of a transaction that has not ended."""
    expected = last + 1 if last or not rows else rows[0][0]
    for index, row in enumerate(rows):
        if row[0] != expected and now - (row[3] or 0) < COMMITTED_WITHIN:
            return rows[:index]
        expected = row[0] + 1
    return rows


class Source:
    """`where`: SQLite file or postgresql:// address; by default the bot's own."""

    def __init__(self, where: Optional[str] = None):
        self.where = where or conversations_db()
        self.postgres = "://" in self.where

    def _rows(self, query: str, values: Sequence[Any]) -> List[Tuple[Any, ...]]:
        if self.postgres:
            import psycopg2

            try:
                with (
                    closing(
                        psycopg2.connect(self.where, connect_timeout=5, options="-c statement_timeout=15000 -c default_transaction_read_only=on")
                    ) as connection,
                    connection.cursor() as cursor,
                ):
                    cursor.execute(query.replace("?", "%s"), tuple(values))
                    return list(cursor.fetchall())
            except psycopg2.errors.UndefinedTable:
                return []
            except psycopg2.Error as error:
                raise SourceAway(type(error).__name__) from None
        if not Path(self.where).exists():
            return []
        try:  # opened anew each time: a file that was deleted or replaced must not be read for ever
            with closing(sqlite3.connect(f"file:{self.where}?mode=ro", uri=True, timeout=5)) as connection:
                return list(connection.execute(query, tuple(values)))
        except sqlite3.DatabaseError as error:
            if "no such table" in str(error):
                return []
            raise SourceAway(type(error).__name__) from None

    def after(self, last: int, limit: int) -> List[Event]:
        """Events with a higher id, in order."""
        rows = self._rows("SELECT id, sender_id, type_name, timestamp, data FROM events WHERE id > ? ORDER BY id LIMIT ?", (last, limit))
        rows = list(settled(rows, last, time.time())) if self.postgres else rows
        return [Event(row[0], row[1], row[2], float(row[3] or 0), _data(row[4])) for row in rows]

    def highest(self) -> int:
        """The highest id that was ever given, also to an event that has been erased since; 0 when that is not known."""
        query = "SELECT last_value FROM events_id_seq" if self.postgres else "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
        rows = self._rows(query, ())
        return int(rows[0][0]) if rows else 0

    def stamp(self, event: int) -> Optional[float]:
        """When an event happened; None when there is none of this id."""
        rows = self._rows("SELECT timestamp FROM events WHERE id = ?", (event,))
        return float(rows[0][0] or 0) if rows else None

    def texts(self, ids: Iterable[int]) -> Dict[int, str]:
        """The original words of events that are still there."""
        wanted = sorted(ids)
        found: Dict[int, str] = {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            for number, data in self._rows(f"SELECT id, data FROM events WHERE id IN ({','.join('?' * len(some))})", some):  # noqa: S608 (placeholders)
                found[number] = str(_data(data).get("text") or "")
        return found


def _data(text: Optional[str]) -> Dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
