"""What the dialogue may ask of the clinic's records. Everything here is a coroutine that keeps the event loop free, and may be repeated with its key.

Every call raises `RecordsUnavailable` when the database cannot be used; nothing was done then that a second call with the same key would double.
Results are plain values of `clinic.services.results`: see there for `Booking`, `SlotTaken`, `Requested`, `Elsewhere`, `Hold`.
"""

import asyncio
import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Mapping, Optional, Tuple, TypeVar, Union

from asgiref.sync import sync_to_async

from clinic.booking.slots import FreeSlots, Slot, Wishes
from clinic.references import read_reference, shown
from clinic.services.results import (
    Booking,
    BookResult,
    Elsewhere,
    Erased,
    Hold,
    MoveResult,
    NoSuchBooking,
    NotChangeable,
    Requested,
    SlotTaken,
    TooManyTries,
)
from knowledge.practice import PRACTICE

__all__ = [
    "BookResult",
    "Booking",
    "Elsewhere",
    "Erased",
    "FreeSlots",
    "Hold",
    "MoveResult",
    "NoSuchBooking",
    "NotChangeable",
    "RecordsUnavailable",
    "Requested",
    "Slot",
    "SlotTaken",
    "TooManyTries",
    "Wishes",
    "add_to_request",
    "book",
    "booking_mode",
    "call_a_person",
    "cancel",
    "erase_chat",
    "find_bookings",
    "forget_person",
    "free_slots",
    "handoff_state",
    "has_consent",
    "hold",
    "mail_is_set_up",
    "open_request",
    "raise_handoff",
    "read_reference",
    "reschedule",
    "save_consent",
    "save_screening",
    "shown",
    "stop_reminders",
    "withdraw_consent",
]

logger = logging.getLogger(__name__)
T = TypeVar("T")
# A pool of our own: with asgiref's single thread one slow calendar server would keep everybody else waiting for the database.
_pool: Optional[ThreadPoolExecutor] = None


class RecordsUnavailable(Exception):
    """The clinic's database cannot be used now. Say so, and give the phone number."""


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


def close() -> None:
    """End the threads and with them their connections; the next call opens new ones. For tests, and before a fork."""
    global _pool
    if _pool is not None:
        _pool.shutdown(wait=True)
        _pool = None


async def _run(call: Callable[[Any], T]) -> T:
    """`call(services)` in a thread with a database connection of its own."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="records")
    return await sync_to_async(_in_thread, thread_sensitive=False, executor=_pool)(call)


def _in_thread(call: Callable[[Any], T]) -> T:
    from clinic import ready

    try:
        ready.prepare()
    except Exception as error:  # whatever keeps the database from being there: a wrong address, no disk, a key file gone
        logger.error("The records cannot be prepared: %s", type(error).__name__)
        raise RecordsUnavailable("the records cannot be prepared") from error
    from django.db import DatabaseError, InterfaceError, close_old_connections

    from clinic import services
    from clinic.services import bookings, consents, handoffs, requests, retention, screenings  # noqa: F401 (now found as services.…)

    try:
        close_old_connections()  # a connection that the server has closed meanwhile is opened anew
        ready.prepare()  # and a file that was deleted is made anew
        return call(services)
    except (DatabaseError, InterfaceError) as error:
        logger.error("The records are unavailable: %s", type(error).__name__)  # the type only: the text may quote a value
        raise RecordsUnavailable("the database cannot be used") from error


async def save_consent(conversation: str, purpose: str, text_version: str, key: str) -> None:
    await _run(lambda s: s.consents.save(conversation, purpose, text_version, key, _now()))


async def withdraw_consent(conversation: str, purpose: str, key: str) -> None:
    await _run(lambda s: s.consents.withdraw(conversation, purpose, key, _now()))


async def has_consent(conversation: str, purpose: str) -> bool:
    return await _run(lambda s: bool(s.consents.has(conversation, purpose)))


async def save_screening(conversation: str, result: Mapping[str, Any], table_version: str, key: str) -> str:
    """Returns the reference. `result` must be JSON; it is stored encrypted."""
    return await _run(lambda s: str(s.screenings.save(conversation, result, table_version, key)))


async def raise_handoff(conversation: str, reason: str, urgency: str, summary: str, contact: Optional[Mapping[str, Any]], key: str) -> str:
    """Returns the reference. `urgency`: "normal" or "urgent". Reason, summary and contact are stored encrypted."""
    return await _run(lambda s: str(s.handoffs.raise_handoff(conversation, reason, urgency, summary, contact, key)))


async def call_a_person(conversation: str, reason: str, summary: str, contact: Optional[Mapping[str, Any]], key: str) -> Tuple[str, bool]:
    """A hand-off of normal urgency, unless staff know of this conversation already. Returns (reference, whether they knew)."""
    return await _run(lambda s: s.handoffs.call(conversation, reason, summary, contact, key))


async def handoff_state(conversation: str) -> Optional[str]:
    """ "taken" while staff talk in the conversation (the bot must be quiet), "open" while somebody waits, else None."""
    return await _run(lambda s: s.handoffs.state(conversation))


async def open_request(conversation: str, kind: str, details: Mapping[str, Any], key: str) -> Tuple[str, dt.date]:
    """Returns (reference, due day). `kind`: complaint, erasure, callback or booking. `details["contact"]`: name, phone, email, if given."""
    return await _run(lambda s: s.requests.open_request(conversation, kind, details, key, _now()))


async def add_to_request(conversation: str, reference: str, details: Mapping[str, Any], key: str) -> None:
    """More words, or a way to reach somebody, for a request of this conversation that is still open."""
    await _run(lambda s: s.requests.add(conversation, reference, details, key))


async def erase_chat(conversation: str, key: str) -> Erased:
    """What the person may erase themselves: see `clinic.services.retention.erase_own`. The words go with the turn."""
    return await _run(lambda s: s.retention.erase_own(conversation, "person", _now(), key))


async def forget_person(conversation: str) -> None:
    """Of somebody under age nothing is kept."""
    await _run(lambda s: s.retention.forget(conversation, _now()))


async def free_slots(wishes: Union[Wishes, Mapping[str, Any], None], now: dt.datetime) -> FreeSlots:
    """Free times in order, a list of `Slot`. `wishes` as in `Wishes.from_json`; `now` aware. See `FreeSlots` for a diary that is down."""
    wanted = wishes if isinstance(wishes, Wishes) else Wishes.from_json(wishes)
    return await _run(lambda s: s.bookings.free_slots(wanted, now))


async def hold(conversation: str, slot: Slot, key: str) -> Union[Hold, SlotTaken]:
    """Keep a time while the person still answers. Each conversation keeps one."""
    return await _run(lambda s: s.bookings.hold(conversation, slot, key, _now()))


async def book(conversation: str, slot: Slot, person: Mapping[str, Any], screening_reference: Optional[str], key: str) -> BookResult:
    """Make the appointment. `person`: name, phone, email, contact_by, area, reminders; all optional, kept as written, encrypted."""
    return await _run(lambda s: s.bookings.book(conversation, slot, person, screening_reference, key, _now()))


async def find_bookings(conversation: str, reference: Optional[str] = None, proof: Optional[str] = None) -> List[Booking]:
    """Bookings of this conversation; or the one of `reference` if `proof`, a phone number or e-mail address, is its person's.

    Raises TooManyTries. An unknown reference and a wrong proof both give an empty list.
    """
    return await _run(lambda s: s.bookings.find(conversation, reference, proof, _now()))


async def reschedule(conversation: str, reference: str, slot: Slot, key: str) -> MoveResult:
    """Move an appointment found before. Raises NoSuchBooking, and NotChangeable for one that is over or cancelled."""
    return await _run(lambda s: s.bookings.reschedule(conversation, reference, slot, key, _now()))


async def cancel(conversation: str, reference: str, key: str) -> Booking:
    """Cancel an appointment found before; a second time, `changed` is False. Raises NoSuchBooking, and NotChangeable for one that is over."""
    return await _run(lambda s: s.bookings.cancel(conversation, reference, key, _now()))


async def stop_reminders(conversation: str, reference: str) -> Booking:
    """No more reminders for an appointment found before. Raises NoSuchBooking."""
    return await _run(lambda s: s.bookings.stop_my_reminders(conversation, reference, _now()))


async def booking_mode() -> str:
    """ "local", "caldav" (both confirm at once), "request" (staff confirm) or "link" (the clinic's own page)."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: PRACTICE.get().mode)


async def mail_is_set_up() -> bool:
    """Whether the clinic can send e-mail at all: promise none otherwise."""

    def asked(services: Any) -> bool:
        from clinic import links

        return links.mail_is_set_up()

    return await _run(asked)
