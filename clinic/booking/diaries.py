"""What a diary outside our own database must be able to do, and which one the clinic has chosen."""

import datetime as dt
from dataclasses import dataclass
from typing import Dict, List, Optional, Protocol, Sequence

from clinic.booking.slots import Period, Slot
from knowledge.practice import Practice, Practitioner


class DiaryDown(Exception):
    """The diary did not answer, or not in a way we understand. Whether a change arrived is unknown."""


class TimeTaken(Exception):
    """Somebody else has the time in the diary. `clean`: nothing of ours was left behind there."""

    def __init__(self, clean: bool = True):
        super().__init__("time taken")
        self.clean = clean


@dataclass(frozen=True)
class Entry:
    """Where a booking stands in the diary."""

    href: str
    etag: str


class Diary(Protocol):
    """Every call may raise DiaryDown; every change may be repeated."""

    provider: str

    def busy(self, people: Sequence[Practitioner], start: dt.datetime, end: dt.datetime) -> Dict[str, List[Period]]:
        """By name, what is taken between two aware moments."""

    def claim(self, slot: Slot, uid: str, text: str) -> Entry:
        """Write `text`, an iCalendar object with this `uid`, at the time of `slot`, if nobody else has it. Raises TimeTaken."""

    def move(self, old: Slot, new: Slot, uid: str, text: str) -> Entry:
        """Raises TimeTaken, and then the entry is still at `old`."""

    def settle(self, wanted: Optional[Slot], others: Sequence[Slot], uid: str, text: str) -> Optional[Entry]:
        """Whatever happened before: afterwards the entry is at `wanted` (at none of them if None) and nowhere else. Raises TimeTaken."""


def diary_of(practice: Practice) -> Optional[Diary]:
    """None when our own database is the diary."""
    if practice.mode == "caldav":
        from clinic.booking.caldav import CalDav

        return CalDav(practice)
    return None
