"""What the services answer with: plain values, free of the database, that fit a dialogue."""

import datetime as dt
from dataclasses import dataclass
from typing import Tuple, Union

from clinic.booking.slots import Slot


class NoSuchBooking(LookupError):
    """There is no such booking, or this conversation has not proved it to be its person's. The two look alike on purpose."""


class TooManyTries(Exception):
    """Too many wrong references or proofs; nothing is looked up before `until` (aware, UTC)."""

    def __init__(self, until: dt.datetime):
        super().__init__("too many tries")
        self.until = until


class NotChangeable(Exception):
    """The booking is over or cancelled; `status` says which."""

    def __init__(self, status: str):
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Booking:
    """An appointment as its person may see it. Times are aware UTC.

    `status`: confirmed, attended, no_show or cancelled. `mail`: the person gets an e-mail about it. `late`: less than the clinic's
    cancellation time is left. `changed`: False when the call found everything done already. `calendar`: the text of an .ics file.
    """

    reference: str
    shown: str
    status: str
    start: dt.datetime
    end: dt.datetime
    zone: str
    practitioner: str
    sequence: int
    spoken: str
    calendar: str
    mail: bool
    reminders: bool
    late: bool
    changed: bool = True

    @property
    def slot(self) -> Slot:
        return Slot(self.start, self.practitioner, self.end, self.zone)


@dataclass(frozen=True)
class Hold:
    """A time kept for a conversation until `until` (aware, UTC)."""

    slot: Slot
    until: dt.datetime


@dataclass(frozen=True)
class SlotTaken:
    """Somebody else has the time, or the clinic does not offer it (any more). `alternatives`: the nearest free ones, soonest first."""

    alternatives: Tuple[Slot, ...]


@dataclass(frozen=True)
class Requested:
    """Nothing is booked yet: staff must confirm. `why`: "mode" (the clinic always confirms itself) or "diary_down". `due`: the clinic's calendar day."""

    reference: str
    shown: str
    due: dt.date
    why: str


@dataclass(frozen=True)
class Elsewhere:
    """The clinic books on a page of its own: `url`, its fields filled in."""

    url: str


@dataclass(frozen=True)
class Erased:
    """A conversation's records are gone. `left`: something stays (an appointment, an open request), which staff erase by `due`."""

    reference: str
    due: dt.date
    left: bool


BookResult = Union[Booking, SlotTaken, Requested, Elsewhere]
MoveResult = Union[Booking, SlotTaken, Requested]
