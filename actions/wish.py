"""When somebody would like to come: the appointments a wish allows, as data that survives JSON."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Tuple

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
FOREVER = dt.date(9999, 12, 31)

Range = Tuple[dt.date, dt.date]
Minutes = Tuple[int, int]


@dataclass(frozen=True)
class Option:
    """Appointments that begin on one of `dates` (both ends included), on one of `weekdays` (Monday 0) and within one of
    `times` (minutes after midnight, both ends included). An empty field allows everything."""

    dates: Tuple[Range, ...] = ()
    weekdays: Tuple[int, ...] = ()
    times: Tuple[Minutes, ...] = ()

    def matches(self, start: dt.datetime) -> bool:
        """`start`: wall time at the clinic."""
        day, minute = start.date(), start.hour * 60 + start.minute
        return (
            (not self.dates or any(a <= day <= b for a, b in self.dates))
            and (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.times or any(a <= minute <= b for a, b in self.times))
        )


@dataclass(frozen=True)
class Wish:
    """Any of `options` and none of `without`; `words` is what the person wrote. No options: any time will do."""

    options: Tuple[Option, ...] = ()
    without: Tuple[Option, ...] = ()
    asap: bool = False
    words: str = ""

    def matches(self, start: dt.datetime) -> bool:
        wanted = not self.options or any(option.matches(start) for option in self.options)
        return wanted and not any(option.matches(start) for option in self.without)

    @property
    def free(self) -> bool:
        """Nothing is excluded."""
        return not self.options and not self.without

    def days_only(self) -> "Wish":
        """The same days at any time."""
        options = tuple(Option(o.dates, o.weekdays) for o in self.options)
        free = any(not o.dates and not o.weekdays for o in options)
        return Wish(() if free else options, tuple(o for o in self.without if not o.times), self.asap, self.words)

    def to_json(self) -> Dict[str, Any]:
        return {"options": [_pack(o) for o in self.options], "without": [_pack(o) for o in self.without], "asap": self.asap, "words": self.words}

    @classmethod
    def from_json(cls, value: Any) -> "Wish":
        """Reads `to_json`; raises ValueError, TypeError, KeyError or AttributeError on anything else."""
        return cls(tuple(map(_unpack, value["options"])), tuple(map(_unpack, value["without"])), bool(value["asap"]), str(value["words"]))


@dataclass(frozen=True)
class Unclear:
    """The wish could be read in several ways or in none: `question` asks back, `choices` are readings offered as buttons."""

    question: str
    choices: Tuple[str, ...] = ()


def _pack(option: Option) -> Dict[str, Any]:
    return {
        "dates": [[a.isoformat(), b.isoformat()] for a, b in option.dates],
        "weekdays": list(option.weekdays),
        "times": [list(span) for span in option.times],
    }


def _unpack(value: Mapping[str, Any]) -> Option:
    return Option(
        tuple((dt.date.fromisoformat(a), dt.date.fromisoformat(b)) for a, b in value["dates"]),
        tuple(int(day) for day in value["weekdays"]),
        tuple((int(a), int(b)) for a, b in value["times"]),
    )


def day_text(day: dt.date) -> str:
    """ "Tuesday 31 March 2026", the same in every locale."""
    return f"{DAY_NAMES[day.weekday()]} {day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def short_day(day: dt.date) -> str:
    return f"{DAY_NAMES[day.weekday()]} {day.day} {MONTH_NAMES[day.month - 1]}"


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _joined(parts: Iterable[str], word: str) -> str:
    rows = list(dict.fromkeys(parts))
    return rows[0] if len(rows) == 1 else f"{', '.join(rows[:-1])} {word} {rows[-1]}"


def _times_text(times: Iterable[Minutes]) -> str:
    def one(span: Minutes) -> str:
        start, end = span
        if start == end:
            return f"at {clock(start)}"
        if start <= 0:
            return f"before {clock(end + 1)}"
        return f"from {clock(start)}" if end >= 1439 else f"between {clock(start)} and {clock(end + 1 if end % 5 else end)}"

    return _joined((one(span) for span in times), "or")


def _range_text(span: Range) -> str:
    start, end = span
    if start == end:
        return short_day(start)
    return f"from {short_day(start)} on" if end == FOREVER else f"{short_day(start)} to {short_day(end)}"


def _option_text(option: Option) -> str:
    parts: List[str] = []
    if option.weekdays:
        days = tuple(sorted(option.weekdays))
        names = "weekdays" if days == (0, 1, 2, 3, 4) else "weekends" if days == (5, 6) else _joined((f"{DAY_NAMES[d]}s" for d in days), "or")
        parts.append(names)
    if option.dates:
        parts.append(_joined((_range_text(span) for span in option.dates), "or"))
    if option.times:
        parts.append(_times_text(option.times))
    return ", ".join(parts) or "any time"


def describe(wish: Wish) -> str:
    """What was understood, in words: "Thursday 2 April, from 17:00; not Mondays"."""
    text = _joined((_option_text(o) for o in wish.options), "or") if wish.options else "the earliest time" if wish.asap else "any time"
    return text + "".join(f"; not {_option_text(o)}" for o in wish.without)
