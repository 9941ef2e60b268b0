"""Which times a practitioner could be seen: pure arithmetic over opening hours, breaks, days off, lead time and what is taken."""

import datetime as dt
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from clinic.booking.times import UTC, moment, spoken, wall
from knowledge.practice import Practice, Practitioner, Span

Period = Tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, order=True)
class Slot:
    """A time with a practitioner. `start` and `end` are aware UTC moments, `zone` the clinic's IANA zone.

    `certain` is False when no diary was asked: the time is inside opening hours, and staff must confirm it.
    """

    start: dt.datetime
    practitioner: str
    end: dt.datetime = field(compare=False)
    zone: str = field(compare=False)
    certain: bool = field(default=True, compare=False)

    @property
    def local(self) -> dt.datetime:
        """The start on the clinic's clock."""
        return wall(self.start, self.zone)

    @property
    def spoken(self) -> str:
        return spoken(self.start, self.zone)

    def to_json(self) -> Dict[str, Any]:
        """A plain dictionary that fits into a Rasa slot."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "practitioner": self.practitioner,
            "zone": self.zone,
            "certain": self.certain,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Slot":
        """Raises ValueError for anything that is no slot."""
        try:
            start, end = (dt.datetime.fromisoformat(data[key]).astimezone(UTC) for key in ("start", "end"))
            return cls(start, str(data["practitioner"]), end, str(data["zone"]), bool(data.get("certain", True)))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a slot") from error


class FreeSlots(List[Slot]):
    """Free slots in order of time, and where they come from.

    `mode`: "local", "caldav", "request" or "link". `diary_down`: the clinic's calendar server did not answer, so the slots are uncertain.
    """

    def __init__(self, slots: Iterable[Slot] = (), mode: str = "local", diary_down: bool = False):
        super().__init__(slots)
        self.mode = mode
        self.diary_down = diary_down


@dataclass(frozen=True)
class Wishes:
    """When somebody would like to come, and to whom. Times of a window are aware; no window means any time."""

    windows: Tuple[Period, ...] = ()
    practitioner: str = ""
    sex: str = ""
    limit: Optional[int] = None
    every_practitioner: bool = False

    @classmethod
    def from_json(cls, data: Optional[Mapping[str, Any]]) -> "Wishes":
        """`{"windows": [{"start", "end"}], "practitioner", "sex": "woman"|"man", "limit", "every_practitioner"}`, all optional.

        Times are ISO texts or datetimes and must be aware. Raises ValueError otherwise.
        """
        data = data or {}
        windows = tuple((_aware(window["start"]), _aware(window["end"])) for window in data.get("windows") or ())
        limit = data.get("limit")
        return cls(
            windows,
            str(data.get("practitioner") or ""),
            str(data.get("sex") or ""),
            int(limit) if limit is not None else None,
            bool(data.get("every_practitioner")),
        )


def _aware(value: Any) -> dt.datetime:
    time = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    if time.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone.")
    return time.astimezone(UTC)


def wanted(practice: Practice, wishes: Wishes) -> List[Practitioner]:
    """Whose diaries to look into. A name nobody here has finds nobody."""
    people = [p for p in practice.practitioners if not wishes.practitioner or p.name == wishes.practitioner]
    return [p for p in people if not wishes.sex or p.sex == wishes.sex]


def bounds(practice: Practice, now: dt.datetime) -> Period:
    """The first and the last moment at which an appointment may begin."""
    now = now.astimezone(UTC)
    return now + dt.timedelta(hours=practice.lead_hours), now + dt.timedelta(days=practice.ahead_days)


def open_spans(hours: Sequence[Span], breaks: Sequence[Span]) -> List[Span]:
    """`hours` without `breaks`, as wall-clock times."""
    left = list(hours)
    for pause_start, pause_end in breaks:
        cut: List[Span] = []
        for start, end in left:
            if pause_end <= start or pause_start >= end:
                cut.append((start, end))
                continue
            if start < pause_start:
                cut.append((start, pause_start))
            if pause_end < end:
                cut.append((pause_end, end))
        left = cut
    return left


@lru_cache(maxsize=4096)
def of_day(practice: Practice, practitioner: Practitioner, day: dt.date) -> Tuple[Period, ...]:
    """Every time `practitioner` could be seen on `day` if nothing were taken.

    Hours are the clinic's clock; the steps between are real minutes, so a day on which the clocks change has an hour less or more.
    """
    if day in practice.closed or day in practitioner.away:
        return ()
    hours = (practitioner.hours or practice.hours)[day.weekday()]
    length, step = dt.timedelta(minutes=practice.minutes), dt.timedelta(minutes=practice.every_minutes)
    found = []
    for opens, closes in open_spans(hours, (*practice.breaks, *practitioner.breaks)):
        start, last = moment(day, opens, practice.zone), moment(day, closes, practice.zone, second=True) - length
        while start <= last:
            found.append((start, start + length))
            start += step
    return tuple(sorted(set(found)))


def offered(practice: Practice, slot: Slot, now: dt.datetime) -> bool:
    """Whether the clinic offers this very time at all. What comes back from a button may be old, or made up.

    What could be chosen a moment ago may still be booked: the lead time does not run out while somebody types their name.
    """
    try:
        practitioner = practice.practitioner(slot.practitioner)
    except KeyError:
        return False
    first, last = bounds(practice, now)
    first -= dt.timedelta(minutes=practice.hold_minutes + 5)
    return first <= slot.start <= last and (slot.start, slot.end) in of_day(practice, practitioner, slot.local.date())


def free(practice: Practice, wishes: Wishes, now: dt.datetime, busy: Mapping[str, Sequence[Period]], certain: bool = True) -> List[Slot]:
    """Free slots in order of time. `busy`: by practitioner, what is taken.

    Without `every_practitioner` a time is shown once, with whoever has most free time that day.
    """
    first, last = bounds(practice, now)
    windows = merged(tuple((max(a, first), min(b, last + dt.timedelta(seconds=1))) for a, b in wishes.windows or ((first, last + dt.timedelta(seconds=1)),)))
    people = wanted(practice, wishes)
    taken = {p.name: merged(tuple(busy.get(p.name, ()))) for p in people}
    found: List[Slot] = []
    for day in days_of(windows, practice.zone):
        today = {p.name: [s for s in of_day(practice, p, day) if _inside(s[0], windows) and not overlaps(s, taken[p.name])] for p in people}
        slots = [Slot(start, name, end, practice.zone, certain) for name, times in today.items() for start, end in times]
        if not wishes.every_practitioner:
            slots.sort(key=lambda slot: (slot.start, -len(today[slot.practitioner]), slot.practitioner))
            slots = list({slot.start: slot for slot in reversed(slots)}.values())
        found += sorted(slots)
        if wishes.limit is not None and len(found) >= wishes.limit:
            break
    return found[: wishes.limit]


def merged(periods: Sequence[Period]) -> List[Period]:
    """Sorted and without overlaps; empty periods are dropped."""
    joined: List[Period] = []
    for start, end in sorted(p for p in periods if p[0] < p[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def overlaps(period: Period, periods: Sequence[Period]) -> bool:
    return any(start < period[1] and period[0] < end for start, end in periods)


def days_of(windows: Sequence[Period], zone: str) -> List[dt.date]:
    """The clinic's calendar days that the windows touch."""
    days = set()
    for start, end in windows:
        day, last = wall(start, zone).date(), wall(end, zone).date()
        while day <= last:
            days.add(day)
            day += dt.timedelta(days=1)
    return sorted(days)


def _inside(start: dt.datetime, windows: Sequence[Period]) -> bool:
    return any(a <= start < b for a, b in windows)
