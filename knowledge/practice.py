"""`clinic.yml`, the one file a clinic edits: read, checked, and its booking part as values the diary can count with."""

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Set, Tuple
from zoneinfo import ZoneInfo

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

ROOT = Path(__file__).resolve().parent.parent
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MODES = ("local", "caldav", "request", "link")
Span = Tuple[dt.time, dt.time]


class ClinicFileError(ValueError):
    """`clinic.yml` cannot be used; the message says which line to mend."""


_TEXT = {"type": "string", "minLength": 1}
_SPAN = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d ?- ?([01]\d|2[0-3]):[0-5]\d$"}
_SPANS = {"type": ["array", "null"], "items": _SPAN}
_WEEK = {"type": "object", "properties": dict.fromkeys(DAYS, _SPANS), "additionalProperties": False}
_NUMBER = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
# YAML reads 2026-12-25 as a date and "2026-12-24 to 2027-01-02" as a text; `_days` checks both.
_CLOSED = {"type": ["array", "null"]}


def _part(texts: str, **others: Any) -> Dict[str, Any]:
    """A mapping whose values `texts` (names, space between) are texts and which has `others` besides."""
    properties = {**dict.fromkeys(texts.split(), _TEXT), **others}
    return {"type": "object", "properties": properties, "required": list(properties)}


_PRACTITIONER = _part("name role")
_PRACTITIONER["properties"].update(sex={"enum": ["woman", "man"]}, hours=_WEEK, breaks=_SPANS, away=_CLOSED, calendar=_TEXT)

_BOOKING: Dict[str, Any] = {
    "type": "object",
    "properties": {
        "mode": {"enum": list(MODES)},
        "every_minutes": {"type": "integer", "minimum": 5, "maximum": 480},
        "lead_hours": _NUMBER,
        "ahead_days": {"type": "integer", "minimum": 1, "maximum": 365},
        "hold_minutes": {"type": "integer", "minimum": 1, "maximum": 120},
        "breaks": _SPANS,
        "closed_days": _CLOSED,
        "bring": _TEXT,
        "link": {"type": "string", "pattern": "^https?://"},
        "answer_days": {"type": "object", "properties": dict.fromkeys(("booking", "callback", "complaint", "erasure"), _COUNT), "additionalProperties": False},
    },
    "required": ["mode"],
    "additionalProperties": False,
}

SCHEMA: Dict[str, Any] = {
    "type": "object",
    "properties": {
        "clinic": _part("name country time_zone phone email website address directions transport parking"),
        "emergency": {"type": "object", "additionalProperties": _part("number urgent crisis")},
        "opening_hours": _WEEK,
        "prices": _part("currency note", consultation=_NUMBER, per_session={"type": "object", "minProperties": 1, "additionalProperties": _NUMBER}),
        "payment": _part("methods instalments insurance deposit refunds"),
        "policies": _part("late companions photos no_result", cancellation_hours=_NUMBER, late_minutes=_NUMBER, minimum_age=_NUMBER),
        "consultation": _part("how", minutes=_NUMBER),
        "practitioners": {"type": "array", "minItems": 1, "items": _PRACTITIONER},
        "practitioner_choice": _TEXT,
        "treatment": _part("device session_minutes waiting others"),
        "privacy": _part("contact screening_purpose consent_version", retention_days=_NUMBER, screening_retention_days=_NUMBER),
        "booking": _BOOKING,
    },
}
SCHEMA["required"] = [name for name in SCHEMA["properties"] if name != "booking"]
SCHEMA["properties"]["privacy"]["properties"]["booking_days"] = _COUNT


def read_clinic(path: Path = ROOT / "clinic.yml") -> Dict[str, Any]:
    """Parse and check `clinic.yml`. Raises ClinicFileError with a sentence the clinic can act on."""
    try:
        clinic = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ClinicFileError(f"{path.name} could not be read: {error}") from error
    problem = best_match(Draft7Validator(SCHEMA).iter_errors(clinic))
    if problem is not None:
        place = " → ".join(str(step) for step in problem.absolute_path) or "the file as a whole"
        raise ClinicFileError(f"{path.name}, at {place}: {problem.message}.")
    country = clinic["clinic"]["country"]
    if country not in clinic["emergency"]:
        raise ClinicFileError(f"{path.name} names the country {country!r}, but `emergency` has no numbers for it.")
    try:
        ZoneInfo(clinic["clinic"]["time_zone"])
    except (ValueError, OSError, KeyError) as error:
        raise ClinicFileError(f"{path.name} names the time zone {clinic['clinic']['time_zone']!r}, which does not exist.") from error
    try:
        read_practice(clinic)
    except ValueError as error:
        raise ClinicFileError(f"{path.name}, {error}") from error
    return clinic


def spans(written: Optional[List[str]]) -> List[Span]:
    """["09:00-12:30", …] as pairs of times."""
    pairs = []
    for span in written or []:
        start, end = (dt.time.fromisoformat(part.strip()) for part in span.split("-"))
        pairs.append((start, end))
    return pairs


@dataclass(frozen=True)
class Practitioner:
    """Somebody with a diary. `hours`: their own spans by weekday (0 is Monday); without any the clinic's are theirs."""

    name: str
    sex: str = ""
    hours: Tuple[Tuple[Span, ...], ...] = ()
    breaks: Tuple[Span, ...] = ()
    away: FrozenSet[dt.date] = frozenset()
    calendar: str = ""


@dataclass(frozen=True)
class Practice:
    """What booking needs to know of a clinic. Durations in the unit of their name; texts as the clinic wrote them."""

    name: str
    email: str
    phone: str
    address: str
    country: str
    zone: str
    website: str
    mode: str
    hours: Tuple[Tuple[Span, ...], ...]
    breaks: Tuple[Span, ...]
    closed: FrozenSet[dt.date]
    minutes: int
    every_minutes: int
    lead_hours: float
    ahead_days: int
    hold_minutes: int
    cancellation_hours: float
    bring: str
    link: str
    answer_days: Tuple[Tuple[str, int], ...]
    retention_days: int
    screening_days: int
    booking_days: int
    practitioners: Tuple[Practitioner, ...]

    def practitioner(self, name: str) -> Practitioner:
        """Raises KeyError for somebody who does not work here."""
        for one in self.practitioners:
            if one.name == name:
                return one
        raise KeyError(name)

    def open_on(self, day: dt.date) -> bool:
        """Whether anybody is at the clinic on `day`."""
        return day not in self.closed and bool(self.hours[day.weekday()])


def _day(written: object) -> dt.date:
    if isinstance(written, dt.date) and not isinstance(written, dt.datetime):
        return written
    return dt.date.fromisoformat(str(written).strip())


def _days(written: Optional[List[object]], place: str) -> FrozenSet[dt.date]:
    """Single days and "2026-12-24 to 2027-01-02", both ends included. Raises ValueError naming `place`."""
    found: Set[dt.date] = set()
    for entry in written or []:
        try:
            first, last = (_day(part) for part in str(entry).split(" to ")) if isinstance(entry, str) and " to " in entry else (_day(entry),) * 2
        except ValueError as error:
            raise ValueError(f'at {place}: {entry!r} is no day. Write 2026-12-25 or "2026-12-24 to 2027-01-02".') from error
        if not dt.timedelta(0) <= last - first <= dt.timedelta(days=366):
            raise ValueError(f"at {place}: {entry!r} does not run forwards within a year.")
        found.update(first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return frozenset(found)


def _week(written: Mapping[str, Optional[List[str]]], place: str) -> Tuple[Tuple[Span, ...], ...]:
    week = tuple(tuple(sorted(spans(written.get(day)))) for day in DAYS)
    for day, of_day in zip(DAYS, week):
        if any(start >= end for start, end in of_day) or any(a[1] > b[0] for a, b in pairwise(of_day)):
            raise ValueError(f"at {place} → {day}: the hours must run forwards and must not overlap.")
    return week


def closed_days(clinic: Mapping[str, Any]) -> FrozenSet[dt.date]:
    """Days on which nobody is at the clinic whatever the weekday."""
    return _days((clinic.get("booking") or {}).get("closed_days"), "booking → closed_days")


def read_practice(clinic: Mapping[str, Any]) -> Practice:
    """The booking part of a checked `clinic.yml`. Raises ValueError with the place to mend; what is left out has a plain default."""
    me, booking, privacy = clinic["clinic"], clinic.get("booking") or {"mode": "local"}, clinic["privacy"]
    people = []
    for number, one in enumerate(clinic["practitioners"]):
        place = f"practitioners → {number}"
        people.append(
            Practitioner(
                name=one["name"],
                sex=one.get("sex", ""),
                hours=_week(one["hours"], f"{place} → hours") if one.get("hours") else (),
                breaks=tuple(spans(one.get("breaks"))),
                away=_days(one.get("away"), f"{place} → away"),
                calendar=one.get("calendar", ""),
            )
        )
    if len({one.name for one in people}) < len(people):
        raise ValueError("at practitioners: two of them have the same name, so their diaries could not be told apart.")
    if booking["mode"] == "caldav" and not all(one.calendar for one in people):
        raise ValueError("at practitioners: with booking → mode caldav each needs a `calendar`, the address of their calendar on your server.")
    if booking["mode"] == "link" and not booking.get("link"):
        raise ValueError("at booking: mode link needs a `link`, the address of your own booking page.")
    waits = {"booking": 1, "callback": 1, "complaint": 10, "erasure": 30, **(booking.get("answer_days") or {})}
    minutes = int(clinic["consultation"]["minutes"])
    if minutes < 1:
        raise ValueError("at consultation → minutes: an appointment takes at least a minute.")
    return Practice(
        name=me["name"],
        email=me["email"],
        phone=me["phone"],
        address=me["address"],
        country=me["country"],
        zone=me["time_zone"],
        website=me["website"],
        mode=booking["mode"],
        hours=_week(clinic["opening_hours"], "opening_hours"),
        breaks=tuple(spans(booking.get("breaks"))),
        closed=closed_days(clinic),
        minutes=minutes,
        every_minutes=booking.get("every_minutes", minutes),
        lead_hours=booking.get("lead_hours", 24),
        ahead_days=booking.get("ahead_days", 60),
        hold_minutes=booking.get("hold_minutes", 10),
        cancellation_hours=clinic["policies"]["cancellation_hours"],
        bring=booking.get("bring", ""),
        link=booking.get("link", ""),
        answer_days=tuple(waits.items()),
        retention_days=int(privacy["retention_days"]),
        screening_days=int(privacy["screening_retention_days"]),
        booking_days=privacy.get("booking_days", 400),
        practitioners=tuple(people),
    )


class PracticeFile:
    """The practice of a file, read anew when the file changed; a file that has become unusable keeps the last good state."""

    def __init__(self, path: Path = ROOT / "clinic.yml"):
        self.path = path
        self._stamp: Optional[int] = None
        self._practice: Optional[Practice] = None

    def get(self) -> Practice:
        """Raises ClinicFileError only when the file has never been good."""
        try:
            stamp = self.path.stat().st_mtime_ns
        except OSError:
            stamp = None
        if self._practice is None or stamp is None or stamp != self._stamp:
            try:
                self._practice, self._stamp = read_practice(read_clinic(self.path)), stamp
            except ClinicFileError:
                if self._practice is None:
                    raise
        return self._practice


PRACTICE = PracticeFile()
