"""The post room of the messaging platforms, in the conversations database: what came in, what must go out, and who works on it.

A platform is told "200" only when its messages are rows here, so a process may be killed at any moment: what it left is taken up by another one or
after the restart. Each row has a key made from the platform's own id, so what comes twice is stored once and what is answered twice goes out once.
Light on purpose: the clinic's process writes here too (`channels.staff`), and needs no Rasa for it.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runtime.database import metadata

LEASE = 6.0  # seconds after which a killed process's work is free; the living renew in a third of it
MOST_WAITING = 100  # messages of one person that wait at once; more is a flood
KEEP_EVENTS = 8 * 86400.0  # seconds: Meta repeats a message for up to seven days
TRYING = "trying"  # in `error` of a letter while a platform is being asked to take it
KEEP_SENT = 8 * 86400.0  # seconds for which delivery reports find their message

_long = sa.BigInteger().with_variant(sa.Integer, "sqlite")

arrived = sa.Table(
    "arrived",
    metadata,
    sa.Column("id", _long, primary_key=True),
    sa.Column("event", sa.String(40), nullable=False, unique=True),  # digest of the platform's id
    sa.Column("conversation", sa.String(255), nullable=False, index=True),
    sa.Column("place", sa.BigInteger, nullable=False),  # the platform's own order; 0 where it has none
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("due", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),  # waiting or done
    sa.Column("keep_until", sa.Float, nullable=False),
    sa.Column("content", sa.Text),  # JSON; emptied as soon as it is done
    sa.Index("arrived_waiting", "conversation", "place", sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'")),
    sqlite_autoincrement=True,
)
outgoing = sa.Table(
    "outgoing",
    metadata,
    sa.Column("id", _long, primary_key=True),
    sa.Column("key", sa.String(40), nullable=False, unique=True),
    sa.Column("conversation", sa.String(255), nullable=False, index=True),
    sa.Column("origin", sa.String(8), nullable=False),  # bot or staff
    sa.Column("state", sa.String(8), nullable=False),  # waiting, held (until the person writes), sent, failed, dropped
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("due", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("platform_id", sa.String(128), index=True),
    sa.Column("error", sa.String(60)),  # a fixed word or the platform's code, never its text
    sa.Column("reported", sa.Integer, nullable=False),  # 1 when staff were told of the failure
    sa.Column("content", sa.Text),  # JSON; emptied when it was sent
    sa.Index("outgoing_waiting", "conversation", sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'")),
    sqlite_autoincrement=True,
)
people = sa.Table(
    "people",
    metadata,
    sa.Column("conversation", sa.String(255), primary_key=True),
    sa.Column("heard", sa.Float, nullable=False),  # when they last wrote, by the platform's clock: opens the reply window
    sa.Column("stopped", sa.String(8)),  # "asked": they sent STOP; "blocked": they blocked us on the platform
    sa.Column("greeted", sa.Float),  # when they were told who is speaking
    sa.Column("nudged", sa.Float),  # when a template last asked them to write
)
files = sa.Table(
    "files",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),  # what stands for it in an address
    sa.Column("conversation", sa.String(255), nullable=False, index=True),
    sa.Column("until", sa.Float, nullable=False),  # when the address ends
    sa.Column("content", sa.Text, nullable=False),
)
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("owner", sa.String(40), nullable=False, index=True),
    sa.Column("until", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Arrival:
    """A verified event to be worked on. `event`: the platform's id with the channel before it. `keep`: seconds for which a repetition is recognised."""

    event: str
    conversation: str
    place: int
    heard: float
    content: str
    keep: float = KEEP_EVENTS


@dataclass(frozen=True)
class Letter:
    """Something to be sent: JSON `content`, under a `key` that makes it go out once."""

    key: str
    content: str
    origin: str = "bot"


@dataclass(frozen=True)
class File:
    """What an address leads to until it ends."""

    name: str
    content: str
    until: float


def digest(*parts: str) -> str:
    """40 characters that stand for ids which may hold a phone number."""
    return hashlib.blake2s("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _new(connection: Any, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert what is not there yet; how many rows were."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    count = 0
    for row in rows:
        count += max(0, connection.execute(dialect.insert(table).values(**row).on_conflict_do_nothing()).rowcount)
    return count


def receive(connection: Any, arrivals: Iterable[Arrival], now: float) -> List[str]:
    """Store what was not stored before; the conversations that have something new."""
    fresh: List[str] = []
    for one in arrivals:
        mine = sa.and_(arrived.c.conversation == one.conversation, arrived.c.state == "waiting")
        if connection.execute(sa.select(sa.func.count()).select_from(arrived).where(mine)).scalar() >= MOST_WAITING:
            continue
        row = {
            "event": digest(one.event),
            "conversation": one.conversation,
            "place": one.place,
            "at": now,
            "due": now,
            "tries": 0,
            "state": "waiting",
            "keep_until": now + one.keep,
            "content": one.content,
        }
        if not _new(connection, arrived, [row]):
            continue
        _new(connection, people, [{"conversation": one.conversation, "heard": one.heard}])
        earlier = sa.and_(people.c.conversation == one.conversation, people.c.heard < one.heard)
        connection.execute(people.update().where(earlier).values(heard=one.heard))
        held = sa.and_(outgoing.c.conversation == one.conversation, outgoing.c.state == "held")
        connection.execute(outgoing.update().where(held).values(state="waiting", due=now))
        fresh.append(one.conversation)
    return list(dict.fromkeys(fresh))


def claim(connection: Any, name: str, owner: str, now: float) -> bool:
    """Whether `owner` alone may work on `name` now. A claim from a clock that was wrong counts for nothing."""
    free = sa.or_(leases.c.owner == owner, leases.c.until < now, leases.c.until > now + 2 * LEASE)
    taken = connection.execute(leases.update().where(sa.and_(leases.c.name == name, free)).values(owner=owner, until=now + LEASE)).rowcount
    return bool(taken) or _new(connection, leases, [{"name": name, "owner": owner, "until": now + LEASE}]) == 1


def renew(connection: Any, owner: str, now: float) -> None:
    connection.execute(leases.update().where(leases.c.owner == owner).values(until=now + LEASE))


def release(connection: Any, owner: str, name: Optional[str] = None) -> None:
    """Give back one claim, or all of the owner."""
    mine = leases.c.owner == owner
    connection.execute(leases.delete().where(mine if name is None else sa.and_(mine, leases.c.name == name)))


def next_arrival(connection: Any, conversation: str) -> Any:
    """The first row that waits, in the platform's order, or None."""
    mine = sa.and_(arrived.c.conversation == conversation, arrived.c.state == "waiting")
    return connection.execute(sa.select(arrived).where(mine).order_by(arrived.c.place, arrived.c.id).limit(1)).first()


def person(connection: Any, conversation: str) -> Mapping[str, Any]:
    row = connection.execute(sa.select(people).where(people.c.conversation == conversation)).first()
    return dict(row._mapping) if row else {"conversation": conversation, "heard": 0.0, "stopped": None, "greeted": None, "nudged": None}


def finish(connection: Any, row: Any, letters: Sequence[Letter], changes: Mapping[str, Any], now: float, lent: Sequence[File] = ()) -> Any:
    """An arrival is worked off: what it causes goes out, its words are deleted here. `lent`: files that the letters lead to. Returns the next one."""
    connection.execute(arrived.update().where(arrived.c.id == row.id).values(state="done", content=None))
    if changes:
        connection.execute(people.update().where(people.c.conversation == row.conversation).values(**changes))
        if changes.get("stopped"):
            drop(connection, row.conversation, str(changes["stopped"]))
    _new(connection, files, [{"name": f.name, "conversation": row.conversation, "until": f.until, "content": f.content} for f in lent])
    post(connection, row.conversation, letters, now)
    return next_arrival(connection, row.conversation)


def postpone(connection: Any, row: Any, due: float) -> Any:
    """An arrival is tried again later. Returns the next one: the same, for nothing may overtake it."""
    connection.execute(arrived.update().where(arrived.c.id == row.id).values(due=due, tries=row.tries + 1))
    return next_arrival(connection, row.conversation)


def post(connection: Any, conversation: str, letters: Sequence[Letter], now: float) -> int:
    """Put letters into the outgoing post; how many were not there yet."""
    rows = [
        {
            "key": letter.key,
            "conversation": conversation,
            "origin": letter.origin,
            "state": "waiting",
            "at": now,
            "due": now,
            "tries": 0,
            "reported": 0,
            "content": letter.content,
        }
        for letter in letters
    ]
    return _new(connection, outgoing, rows)


def next_letter(connection: Any, conversation: str) -> Any:
    """The first letter that waits, or None."""
    mine = sa.and_(outgoing.c.conversation == conversation, outgoing.c.state == "waiting")
    return connection.execute(sa.select(outgoing).where(mine).order_by(outgoing.c.id).limit(1)).first()


def trying(connection: Any, letter: Any) -> None:
    """Written down before a letter is handed over: whoever finds this mark cannot know whether the platform took it."""
    connection.execute(outgoing.update().where(outgoing.c.id == letter.id).values(error=TRYING))


def sent(connection: Any, letter: Any, platform_id: Optional[str]) -> None:
    connection.execute(outgoing.update().where(outgoing.c.id == letter.id).values(state="sent", content=None, platform_id=platform_id, error=None))


def failed(connection: Any, letter: Any, why: str) -> None:
    """Given up; staff are told. `why`: a fixed word or a code."""
    connection.execute(outgoing.update().where(outgoing.c.id == letter.id).values(state="failed", error=why[:60]))


def held(connection: Any, letter: Any, nudged: Optional[float]) -> None:
    """Kept until the person writes again; `nudged`: when a template asked them to."""
    connection.execute(outgoing.update().where(outgoing.c.id == letter.id).values(state="held", error="window"))
    if nudged is not None:
        connection.execute(people.update().where(people.c.conversation == letter.conversation).values(nudged=nudged))


def later(connection: Any, letter: Any, due: float, why: str, counted: bool = True) -> None:
    """Not now: this letter and all behind it wait, so that nothing overtakes."""
    mine = sa.and_(outgoing.c.conversation == letter.conversation, outgoing.c.state == "waiting", outgoing.c.due < due)
    connection.execute(outgoing.update().where(mine).values(due=due))
    connection.execute(outgoing.update().where(outgoing.c.id == letter.id).values(error=why[:60], tries=letter.tries + (1 if counted else 0)))


def drop(connection: Any, conversation: str, why: str, origin: Optional[str] = None) -> int:
    """What still waits for a person is not sent."""
    waiting = sa.and_(outgoing.c.conversation == conversation, outgoing.c.state.in_(("waiting", "held")))
    if origin:
        waiting = sa.and_(waiting, outgoing.c.origin == origin)
    return int(connection.execute(outgoing.update().where(waiting).values(state="dropped", content=None, error=why[:60])).rowcount)


def stop(connection: Any, conversation: str, why: str) -> None:
    """A person is not written to any more, not even what waits; who asked for that themselves stays known as one who did."""
    drop(connection, conversation, why)
    mine = sa.and_(people.c.conversation == conversation, people.c.stopped.is_(None))
    connection.execute(people.update().where(mine).values(stopped=why))


def undelivered(connection: Any, conversation_prefix: str, platform_id: str, why: str) -> int:
    """A platform says later that what it took did not arrive."""
    row = sa.and_(outgoing.c.platform_id == platform_id, outgoing.c.state == "sent", outgoing.c.conversation.startswith(conversation_prefix, autoescape=True))
    return int(connection.execute(outgoing.update().where(row).values(state="failed", error=why[:60])).rowcount)


def taken(connection: Any, conversation_prefix: str, key: str, platform_id: str, now: float) -> Optional[str]:
    """A platform tells by a letter's key that it has it: the conversation if nobody had written that down yet. What waits behind it may go."""
    waiting = sa.and_(outgoing.c.key == key, outgoing.c.state == "waiting", outgoing.c.conversation.startswith(conversation_prefix, autoescape=True))
    row = connection.execute(sa.select(outgoing).where(waiting)).first()
    if row is None:
        return None
    sent(connection, row, platform_id)
    behind = sa.and_(outgoing.c.conversation == row.conversation, outgoing.c.state == "waiting", outgoing.c.error.is_(None))
    connection.execute(outgoing.update().where(behind).values(due=now))
    return str(row.conversation)


def lent(connection: Any, name: str, now: float) -> Optional[str]:
    """What a file holds, None when it is gone or its time is over."""
    found = connection.execute(sa.select(files.c.content).where(sa.and_(files.c.name == name, files.c.until > now))).scalar()
    return None if found is None else str(found)


def unreported(connection: Any, most: int = 20) -> List[Any]:
    """Failures that staff do not know of yet, oldest first."""
    query = sa.select(outgoing).where(sa.and_(outgoing.c.state == "failed", outgoing.c.reported == 0)).order_by(outgoing.c.id).limit(most)
    return list(connection.execute(query).all())


def reported(connection: Any, ids: Sequence[int]) -> None:
    connection.execute(outgoing.update().where(outgoing.c.id.in_(ids)).values(reported=1))


def due(connection: Any, channels: Iterable[str], now: float, most: int = 500) -> Tuple[List[str], List[str]]:
    """Conversations of these channels with something to work off, and with something to send."""
    found = []
    for table in (arrived, outgoing):
        ours = sa.or_(*(table.c.conversation.startswith(f"{channel}:", autoescape=True) for channel in channels))
        ready = sa.and_(table.c.state == "waiting", table.c.due <= now, ours)
        found.append(list(connection.execute(sa.select(table.c.conversation).where(ready).distinct().limit(most)).scalars()))
    return found[0], found[1]


def erase(connection: Any, conversation: str) -> None:
    """Everything about one person, except the digests by which a repeated message is recognised."""
    connection.execute(arrived.update().where(arrived.c.conversation == conversation).values(state="done", content=None, conversation="erased"))
    for table in (outgoing, people, files):
        connection.execute(table.delete().where(table.c.conversation == conversation))
    connection.execute(leases.delete().where(leases.c.name.in_((f"in:{conversation}", f"out:{conversation}"))))


def purge(connection: Any, older_than: float, now: float) -> None:
    """Delete what is past its time: events nobody repeats any more, letters long gone, people who have not written since `older_than`.

    Whoever asked us to stop stays known: a forgotten STOP would be a broken promise.
    """
    connection.execute(arrived.delete().where(sa.and_(arrived.c.state == "done", arrived.c.keep_until < now)))
    connection.execute(outgoing.delete().where(sa.and_(outgoing.c.state != "waiting", outgoing.c.at < min(older_than, now - KEEP_SENT))))
    connection.execute(people.delete().where(sa.and_(people.c.heard < older_than, people.c.stopped.is_(None))))
    connection.execute(files.delete().where(files.c.until < now))
    connection.execute(leases.delete().where(leases.c.until < now - 3600))


def progress(connection: Any, keys: Sequence[str]) -> List[Tuple[str, str]]:
    """(state, error) of the letters with these keys, in their order; for states see `outgoing`."""
    query = sa.select(outgoing.c.state, outgoing.c.error).where(outgoing.c.key.in_(list(keys))).order_by(outgoing.c.id)
    return [(row.state, row.error or "") for row in connection.execute(query)]
