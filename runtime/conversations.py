"""The clinic's door to the conversations: staff pause the bot, speak and leave, and what somebody said is erased. Without Rasa.

A call is one transaction that adds events and raises the conversation's version, so a turn that runs in a Rasa process at that moment notices
and runs again. What staff say is an event like all others, marked `staff`: the website's processes read on from the last one they know and
push it to whoever has the chat open; a visitor who comes later finds it in the history.
"""

import json
import secrets
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

import sqlalchemy as sa

from runtime import database, post, settings
from runtime.database import answered, events, windows

STAFF = "staff"  # in `action_name` of what staff say, and the key of their name in its metadata
_NOTHING: Dict[str, Any] = {"elements": None, "quick_replies": None, "buttons": None, "attachment": None, "image": None, "custom": None}


def spoken(text: str, by: str, key: str, buttons: Sequence[Mapping[str, str]] = ()) -> Dict[str, Any]:
    """The event of something said to the person. `by`: who speaks, "" for the house itself. `key`: tells it from all others."""
    return {"event": "bot", "text": text, "data": {**_NOTHING, "buttons": [dict(b) for b in buttons] or None}, "metadata": {STAFF: by, "key": key}}


class Conversations:
    """The database named by `STRIA_CONVERSATIONS_DB`, opened with the first call. May be used by several threads; raises SQLAlchemyError when it is down."""

    def __init__(self, where: Optional[str] = None):
        self._where, self._engine, self._opening = where, None, threading.Lock()

    @property
    def engine(self) -> Any:
        with self._opening:
            if self._engine is None:
                engine = database.make_engine(self._where or settings.conversations_db())
                database.metadata.create_all(engine, checkfirst=True)
                self._engine = engine
            return self._engine

    def add(self, conversation: str, new: Sequence[Mapping[str, Any]], key: str) -> bool:
        """Add Rasa events (dictionaries, `timestamp` optional); False when that was done before under this key."""
        now, mark = time.time(), f"{STAFF}:{key}"
        mine = windows.c.sender_id == conversation
        with self.engine.begin() as connection:
            # The write first: it takes the lock, so that a second call with the key waits here and then finds our row.
            known = connection.execute(windows.update().where(mine).values(version=windows.c.version + 1, changed=now)).rowcount
            done = sa.and_(answered.c.sender_id == conversation, answered.c.message_id == mark)
            if connection.execute(sa.select(answered.c.at).where(done)).first():
                return False
            connection.execute(answered.insert().values(sender_id=conversation, message_id=mark, at=now, replies="[]"))
            connection.execute(events.insert(), [_row(conversation, {"timestamp": now, **event}) for event in new])
            for event in new:
                if _told(event):
                    self.deliver(connection, conversation, event)
            if not known:
                first = connection.execute(sa.select(sa.func.min(events.c.id)).where(events.c.sender_id == conversation)).scalar()
                version = 1 + secrets.randbelow(2**30)
                connection.execute(windows.insert().values(sender_id=conversation, version=version, first_event=first, opening="[]", changed=now))
            return True

    def deliver(self, connection: Any, conversation: str, event: Mapping[str, Any]) -> None:
        """Whatever it takes beside the event itself to bring what staff said to the person: nothing on the website. In the same transaction."""

    def open_form(self, conversation: str) -> str:
        """The form that waits for an answer in it, or ""."""
        loops = sa.and_(events.c.sender_id == conversation, events.c.type_name == "active_loop")
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(events.c.data).where(loops).order_by(events.c.id.desc()).limit(1)).scalar()
        return str(json.loads(found).get("name") or "") if found else ""

    def erase(self, conversation: str) -> int:
        """Delete everything that was said; how many events. A turn that runs meanwhile finds its window gone, and is stored as a conversation that begins."""
        with self.engine.begin() as connection:
            gone = int(connection.execute(events.delete().where(events.c.sender_id == conversation)).rowcount)
            for table in (windows, answered):
                connection.execute(table.delete().where(table.c.sender_id == conversation))
            post.erase(connection, conversation)
        database.sweep(self.engine)
        return gone

    def close(self) -> None:
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _told(event: Mapping[str, Any]) -> bool:
    return STAFF in (event.get("metadata") or {})


def _row(conversation: str, event: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "sender_id": conversation,
        "type_name": event["event"],
        "timestamp": event["timestamp"],
        "intent_name": None,
        "action_name": STAFF if _told(event) else event.get("name"),
        "data": json.dumps(event),
    }


def told_since(connection: Any, after: int, most: int = 200) -> List[Any]:
    """What staff said in any conversation: rows (id, sender_id, data) with higher ids than `after`, oldest first."""
    query = sa.select(events.c.id, events.c.sender_id, events.c.data).where(sa.and_(events.c.id > after, events.c.action_name == STAFF))
    return list(connection.execute(query.order_by(events.c.id).limit(most)).all())


def newest(connection: Any) -> int:
    """The highest id of an event, 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0)
