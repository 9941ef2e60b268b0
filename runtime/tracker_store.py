"""Where conversations are kept: every event for ever in `events`, and for each conversation the short window that a turn needs.

Rasa's own store reads the whole session before each turn and writes it by counting rows. Here a turn reads one small row; the tracker
it left behind is kept, as long as no other process has written since (the row's version says so). The window holds the last turns after
an *opening*, a few events that restore slots and the active form, so a turn after a thousand turns costs what the tenth cost.
A save is one transaction: the events, the window and the answered message id are stored together or not at all.
"""

import asyncio
import itertools
import json
import logging
import secrets
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, ConversationPaused, Event, Restarted, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from sqlalchemy import exc

from runtime import conversations, post
from runtime.database import PATIENCE, answered, events, make_engine, metadata, sweep, windows

logger = logging.getLogger(__name__)
T = TypeVar("T")

WINDOW = 56  # events in a tracker before the oldest turns leave it: ten turns, so that the thousandth costs what the tenth did
KEPT = 40  # events that stay, from the start of a turn on
REMEMBERED = 500  # trackers kept ready in this process, at most about 100 kB each
RETRIES = (0.1, 0.4, 1.5)  # seconds before a broken transaction is tried again
STUCK = PATIENCE + 3  # seconds after which a transaction is taken for hanging: a frozen database keeps no promise of its own


class StoreUnavailable(RuntimeError):
    """The conversations database cannot be reached or cannot write; nothing of the turn was stored."""


class ConversationChanged(RuntimeError):
    """Another process stored a turn of this conversation meanwhile; nothing was stored, run the turn again."""


@dataclass
class Turn:
    """A message being answered. `replies` fills while actions run and is stored with the events, for a repeated delivery.

    `tracker`: the conversation as the turn found it, so that Rasa need not read it a second time.
    """

    message_id: str
    replies: List[Dict[str, Any]] = field(default_factory=list)
    tracker: Optional[DialogueStateTracker] = None
    restarted: bool = False  # the person started over: a new session begins at once


CURRENT_TURN: ContextVar[Optional[Turn]] = ContextVar("stria_turn", default=None)


@dataclass
class _Window:
    """What the database held when a tracker was read. `stored`: events of the tracker that need no writing."""

    version: int
    first_event: int
    opening: int
    stored: int


@lru_cache(maxsize=1)
def _event_types() -> Dict[str, Type[Event]]:
    return {cls.type_name: cls for cls in all_subclasses(Event) if getattr(cls, "type_name", None)}


def read_event(parameters: Mapping[str, Any]) -> Event:
    """The event of a stored dictionary. Raises KeyError, ValueError or TypeError when it is none."""
    found = _event_types()[parameters["event"]]._from_parameters(dict(parameters))
    if found is None:
        raise ValueError("empty event")
    return found


def _read_only(error: exc.DBAPIError) -> bool:
    """Whether SQLite refused to write: nothing was written, and a connection opened once the others are closed may do better."""
    return "readonly" in str(error.orig)


class ConversationStore(TrackerStore):
    """Rasa's tracker store on SQLite or PostgreSQL. Database work runs in threads: one that waits delays only its own conversation."""

    def __init__(self, domain: Optional[Domain] = None, event_broker: Optional[EventBroker] = None, db: str = "", **kwargs: Any):
        kwargs.pop("host", None)
        super().__init__(domain, event_broker, **kwargs)
        self.engine = make_engine(db)
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="conversations")
        self._ready: OrderedDict[str, Tuple[_Window, DialogueStateTracker]] = OrderedDict()
        self._tables_exist = False
        self._creating = threading.Lock()
        self.observers: List[Callable[[Sequence[Event]], None]] = []

    async def _run(self, work: Callable[[Any], T], retries: Sequence[float] = RETRIES) -> T:
        """Run `work(connection)` as one transaction in a thread. Raises StoreUnavailable; ConversationChanged passes through."""
        loop = asyncio.get_running_loop()
        for pause in itertools.chain(retries, [None]):
            try:
                return await asyncio.wait_for(loop.run_in_executor(self._threads, self._transaction, work), STUCK)
            except asyncio.TimeoutError:
                # What hangs may still be done later; the version and the answered message keep it from being done twice.
                logger.error("conversations database: no answer in %s s", STUCK)
                raise StoreUnavailable("no answer") from None
            except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
                lost = isinstance(error, exc.DBAPIError) and (error.connection_invalidated or _read_only(error))
                if hasattr(self.engine, "stria_file"):
                    self.engine.stria_file.failed()
                if pause is None or not lost:
                    logger.error("conversations database: %s", type(getattr(error, "orig", None) or error).__name__)
                    raise StoreUnavailable(type(error).__name__) from None
                await asyncio.sleep(pause)
        raise StoreUnavailable("unreachable")

    def _transaction(self, work: Callable[[Any], T]) -> T:
        if not self._tables_exist:
            self._create_tables()
        try:
            with self.engine.begin() as connection:
                return work(connection)
        except (exc.OperationalError, exc.ProgrammingError):
            if not self._tables_are_gone():
                raise
        self._create_tables()
        with self.engine.begin() as connection:
            return work(connection)

    def _tables_are_gone(self) -> bool:
        """Whether the database is another, empty one: the file was deleted, or an operator starts afresh."""
        try:
            return not sa.inspect(self.engine).has_table(windows.name)
        except exc.SQLAlchemyError:
            return False

    def _create_tables(self) -> None:
        """Several threads and processes may start at once: whoever comes second finds the tables there when it looks again."""
        for last in (False, False, True):
            try:
                with self._creating:
                    metadata.create_all(self.engine, checkfirst=True)
                self._tables_exist = True
                return
            except (exc.IntegrityError, exc.ProgrammingError, exc.OperationalError) as error:
                if last or getattr(error, "connection_invalidated", False):
                    raise
                time.sleep(0.1)

    async def ping(self) -> None:
        """Raises StoreUnavailable unless the database answers and can be written."""
        await self._run(lambda c: c.execute(answered.delete().where(answered.c.sender_id == "")), retries=())

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        """The conversation's window as a tracker, None when it is new."""
        turn = CURRENT_TURN.get()
        if turn is not None and turn.tracker is not None and turn.tracker.sender_id == sender_id:
            found, turn.tracker = turn.tracker, None
            self._ready.pop(sender_id, None)
            return found
        ready = self._ready.pop(sender_id, None)  # whoever holds it may spoil it; save() puts it back

        def read(connection: Any) -> Any:
            row = connection.execute(sa.select(windows).where(windows.c.sender_id == sender_id)).first()
            if row is None:
                return None, _last_rows(connection, sender_id)
            if ready is not None and ready[0].version == row.version:
                return row, None
            condition = sa.and_(events.c.sender_id == sender_id, events.c.id >= row.first_event)
            return row, connection.execute(sa.select(events.c.id, events.c.data).where(condition).order_by(events.c.id)).all()

        row, stored = await self._run(read)
        if row is None and not stored:
            return None
        if stored is None and ready is not None:
            return ready[1]
        opening = _read_all([(0, text) for text in _opening_texts(row)])
        rest = _read_all(stored)
        tracker = DialogueStateTracker.from_events(sender_id, [*opening, *rest], self.domain.slots, domain=self.domain)
        window = _Window(row.version if row else 0, row.first_event if row else stored[0].id, len(opening), len(tracker.events))
        tracker.stria_window = window  # type: ignore[attr-defined]
        return tracker

    async def peek(self, sender_id: str) -> Optional[DialogueStateTracker]:
        """The tracker of `retrieve` for one who only looks: it stays ready for the next turn."""
        tracker = await self.retrieve(sender_id)
        if tracker is not None:
            self._remember(tracker)
        return tracker

    async def retrieve_full_tracker(self, conversation_id: str) -> Optional[DialogueStateTracker]:
        """Every stored event, for exports; never used by a turn."""
        query = sa.select(events.c.id, events.c.data).where(events.c.sender_id == conversation_id).order_by(events.c.id)
        rows = await self._run(lambda c: c.execute(query).all())
        return DialogueStateTracker.from_events(conversation_id, _read_all(rows), self.domain.slots, domain=self.domain) if rows else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store what is new since the tracker was read, together with the answered message id of the current turn."""
        window = getattr(tracker, "stria_window", None) or _Window(0, 0, 0, 0)
        new = list(itertools.islice(tracker.events, window.stored, None))
        if not new:
            return
        turn = CURRENT_TURN.get()
        if turn is not None:
            turn.restarted = any(isinstance(event, Restarted) for event in new)
        keep = _to_forget(new)
        if keep is not None:
            await self._forget(tracker, window, keep)
            return
        rows = [_row(tracker.sender_id, event) for event in new]
        kept = _cut(list(tracker.events)) if len(tracker.events) > WINDOW else None
        opening = json.dumps([e.as_dict() for e in self._opening(tracker, kept)]) if kept else None

        version = window.version + 1 if window.version else 1 + secrets.randbelow(2**30)

        def write(connection: Any) -> int:
            first = window.first_event
            if window.version:
                condition = sa.and_(windows.c.sender_id == tracker.sender_id, windows.c.version == window.version)
                if connection.execute(windows.update().where(condition).values(version=version, changed=time.time())).rowcount != 1:
                    raise ConversationChanged()
            if turn is not None:
                connection.execute(
                    answered.insert().values(sender_id=tracker.sender_id, message_id=turn.message_id, at=time.time(), replies=json.dumps(turn.replies))
                )
            connection.execute(events.insert(), rows)
            mine = events.c.sender_id == tracker.sender_id
            if not window.version:
                if not first:
                    first = connection.execute(sa.select(sa.func.min(events.c.id)).where(mine)).scalar()
                connection.execute(
                    windows.insert().values(sender_id=tracker.sender_id, version=version, first_event=first, opening=opening or "[]", changed=time.time())
                )
            if kept:
                query = sa.select(events.c.id).where(mine).order_by(events.c.id.desc()).limit(1).offset(len(tracker.events) - kept - 1)
                first = connection.execute(query).scalar()
                connection.execute(windows.update().where(windows.c.sender_id == tracker.sender_id).values(first_event=first, opening=opening))
            return first

        try:
            first = await self._run(write)
        except StoreUnavailable as error:
            if str(error) == "IntegrityError":  # two processes began the same conversation, or answered the same message
                raise ConversationChanged() from None
            raise
        tracker.stria_window = _Window(version, first, window.opening, len(tracker.events))  # type: ignore[attr-defined]
        if not kept:  # a shortened window is read anew once
            self._remember(tracker)
        for observe in self.observers:
            observe(new)

    async def _forget(self, tracker: DialogueStateTracker, window: _Window, keep: Sequence[str]) -> None:
        """Store a turn whose answer was that all is forgotten: instead of what was said there is a beginning, with the slots in `keep` and no words."""
        turn, sender_id = CURRENT_TURN.get(), tracker.sender_id
        begun: List[Event] = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
        begun += [SlotSet(name, tracker.get_slot(name)) for name in keep if tracker.get_slot(name) is not None]
        rows = [_row(sender_id, event) for event in [*begun, ActionExecuted(ACTION_LISTEN_NAME)]]

        def write(connection: Any) -> None:
            mine = windows.c.sender_id == sender_id
            if window.version and connection.execute(windows.delete().where(sa.and_(mine, windows.c.version == window.version))).rowcount != 1:
                raise ConversationChanged()
            for table in (events, answered):
                connection.execute(table.delete().where(table.c.sender_id == sender_id))
            if turn is not None:
                connection.execute(answered.insert().values(sender_id=sender_id, message_id=turn.message_id, at=time.time(), replies=json.dumps(turn.replies)))
            connection.execute(events.insert(), rows)
            first = connection.execute(sa.select(sa.func.min(events.c.id)).where(events.c.sender_id == sender_id)).scalar()
            version = 1 + secrets.randbelow(2**30)
            connection.execute(windows.insert().values(sender_id=sender_id, version=version, first_event=first, opening="[]", changed=time.time()))

        self._ready.pop(sender_id, None)
        try:
            await self._run(write)
        except StoreUnavailable as error:
            if str(error) == "IntegrityError":
                raise ConversationChanged() from None
            raise
        await self._sweep()

    def _remember(self, tracker: DialogueStateTracker) -> None:
        self._ready[tracker.sender_id] = (tracker.stria_window, tracker)  # type: ignore[attr-defined]
        while len(self._ready) > REMEMBERED:
            self._ready.popitem(last=False)

    def _opening(self, tracker: DialogueStateTracker, kept: int) -> List[Event]:
        """Events that stand for the first `kept` events of the tracker: what they left in slots and the form they left open."""
        left = list(itertools.islice(tracker.events, 0, kept))
        before = DialogueStateTracker.from_events(tracker.sender_id, left, self.domain.slots, domain=self.domain)
        at = left[-1].timestamp
        opening: List[Event] = [ActionExecuted(ACTION_SESSION_START_NAME, timestamp=at), SessionStarted(timestamp=at)]
        opening += [SlotSet(name, slot.value, timestamp=at) for name, slot in before.slots.items() if slot.value != slot.initial_value]
        if before.active_loop_name:
            opening.append(ActiveLoop(before.active_loop_name, timestamp=at))
        opening.append(ActionExecuted(ACTION_LISTEN_NAME, timestamp=at))
        return [*opening, ConversationPaused(timestamp=at)] if before.is_paused() else opening

    async def answer_of(self, sender_id: str, message_id: str) -> Optional[List[Dict[str, Any]]]:
        """The replies to a message that was answered already, else None."""
        query = sa.select(answered.c.replies).where(sa.and_(answered.c.sender_id == sender_id, answered.c.message_id == message_id))
        found = await self._run(lambda c: c.execute(query).scalar())
        return None if found is None else list(json.loads(found))

    async def spoken(self, sender_id: str, most: int) -> List[Dict[str, Any]]:
        """The newest `most` events in which somebody said something, as stored dictionaries, oldest first."""
        said = sa.and_(events.c.sender_id == sender_id, events.c.type_name.in_(("user", "bot")))
        query = sa.select(events.c.id, events.c.data).where(said).order_by(events.c.id.desc()).limit(most)
        rows = await self._run(lambda c: c.execute(query).all())
        return [event.as_dict() for event in _read_all(reversed(rows))]

    async def run(self, work: Callable[[Any], T]) -> T:
        """`work(connection)` as one transaction beside the turns, for the post room. Raises StoreUnavailable."""
        return await self._run(work)

    async def told_since(self, after: Optional[int]) -> Tuple[int, List[Tuple[int, str, Dict[str, Any]]]]:
        """The newest event's id, and what staff said after the event with the id `after` (None: lately), as (id, sender id, event), oldest first."""

        def read(connection: Any) -> Any:
            newest = conversations.newest(connection)
            return newest, conversations.told_since(connection, newest - WINDOW if after is None else after)

        newest, rows = await self._run(read, retries=())
        return newest, [(int(number), str(sender), json.loads(data)) for number, sender, data in rows]

    async def keys(self) -> Iterable[str]:
        return list(await self._run(lambda c: c.execute(sa.select(windows.c.sender_id)).scalars().all()))

    async def erase(self, sender_id: str) -> int:
        """Delete everything of one conversation; the number of events that were deleted. Call it under the conversation's lock."""
        self._ready.pop(sender_id, None)

        def delete(connection: Any) -> int:
            gone = connection.execute(events.delete().where(events.c.sender_id == sender_id)).rowcount
            connection.execute(windows.delete().where(windows.c.sender_id == sender_id))
            connection.execute(answered.delete().where(answered.c.sender_id == sender_id))
            post.erase(connection, sender_id)
            return int(gone)

        gone = await self._run(delete)
        await self._sweep()
        return gone

    async def purge(self, older_than: float, answers_older_than: float) -> int:
        """Delete conversations untouched since `older_than` and replies kept for retries since `answers_older_than` (Unix times)."""

        def delete(connection: Any) -> int:
            connection.execute(answered.delete().where(answered.c.at < answers_older_than))
            old = sa.select(windows.c.sender_id).where(windows.c.changed < older_than)
            gone = connection.execute(events.delete().where(events.c.sender_id.in_(old))).rowcount
            connection.execute(windows.delete().where(windows.c.changed < older_than))
            post.purge(connection, older_than, time.time())
            return int(gone)

        gone = await self._run(delete)
        if gone:
            self._ready.clear()  # what is deleted must not live on in memory
            await self._sweep()
        return gone

    async def _sweep(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, sweep, self.engine)
        except exc.SQLAlchemyError as error:  # it is deleted all the same; the log is overwritten sooner or later
            logger.warning("the database's log was not emptied: %s", type(error).__name__)

    def close(self) -> None:
        """Ends the store. Turns have ended before: a thread that still waits for a frozen database is left alone."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def _last_rows(connection: Any, sender_id: str) -> Any:
    """The newest events of a conversation that has no window: one written by Rasa's own store."""
    query = sa.select(events.c.id, events.c.data).where(events.c.sender_id == sender_id).order_by(events.c.id.desc()).limit(WINDOW)
    return list(reversed(connection.execute(query).all()))


def _opening_texts(row: Any) -> List[str]:
    try:
        return [json.dumps(event) for event in json.loads(row.opening)] if row else []
    except ValueError:
        logger.error("a conversation's opening is unreadable; its older context is lost")
        return []


def _read_all(rows: Iterable[Any]) -> List[Event]:
    """The events of (id, JSON) rows; an unreadable row is left out and named in the log by its id."""
    found = []
    for number, text in rows:
        try:
            found.append(read_event(json.loads(text)))
        except (KeyError, TypeError, ValueError, AttributeError):
            logger.error("event %s is unreadable and was left out", number)
    return found


def _row(sender_id: str, event: Event) -> Dict[str, Any]:
    data = event.as_dict()
    intent = ((data.get("parse_data") or {}).get("intent") or {}).get("name")
    return {
        "sender_id": sender_id,
        "type_name": event.type_name,
        "timestamp": data.get("timestamp"),
        "intent_name": intent,
        "action_name": data.get("name"),
        "data": json.dumps(data),
    }


def _to_forget(new: Iterable[Event]) -> Optional[List[str]]:
    """The slots that stay when one of these events is an answer that says all is forgotten (`forget` in its metadata), else None."""
    for event in new:
        forget = (event.metadata or {}).get("forget") if isinstance(event, BotUttered) else None
        if isinstance(forget, Mapping):
            return [str(name) for name in forget.get("keep") or ()]
    return None


def _cut(window: Sequence[Event]) -> Optional[int]:
    """Index of the first event to keep: the earliest start of a turn among the last `KEPT` events, else None."""
    for index in range(max(1, len(window) - KEPT), len(window)):
        before = window[index - 1]
        if isinstance(window[index], UserUttered) and isinstance(before, ActionExecuted) and before.action_name == ACTION_LISTEN_NAME:
            return index
    return None
