"""What the clinic has written into `clinic.yml`, as the values that answers may name in braces, and the filling in of them."""

import datetime as dt
import re
import string
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple
from zoneinfo import ZoneInfo

from knowledge.practice import DAYS, Span, closed_days, spans


def _spans(clinic: Mapping[str, Any], day: int) -> List[Span]:
    return spans(clinic["opening_hours"].get(DAYS[day]))


def hours_by_day(clinic: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Neighbouring days with the same hours joined: [("Monday to Tuesday", "09:00–18:00"), …, ("Sunday", "closed")]."""
    rows: List[List[str]] = []
    for day in range(7):
        text = ", ".join(f"{a:%H:%M}–{b:%H:%M}" for a, b in _spans(clinic, day)) or "closed"
        name = DAYS[day].capitalize()
        if rows and rows[-1][2] == text:
            rows[-1][1] = name
        else:
            rows.append([name, name, text])
    return [(first if first == last else f"{first} to {last}", text) for first, last, text in rows]


def open_now(clinic: Mapping[str, Any], now: Optional[dt.datetime] = None) -> str:
    """One true sentence about whether somebody is there at `now` (an aware time; default: this moment)."""
    zone = ZoneInfo(clinic["clinic"]["time_zone"])
    local = (now or dt.datetime.now(tz=zone)).astimezone(zone)
    closed = closed_days(clinic)
    for start, end in _spans(clinic, local.weekday()):
        if start <= local.time() < end and local.date() not in closed:
            return f"We are open now, until {end:%H:%M}."
    for ahead in range(8 + len(closed)):
        day = local.date() + dt.timedelta(days=ahead)
        if day in closed:
            continue
        for start, _ in _spans(clinic, day.weekday()):
            if ahead or start > local.time():
                weekday = DAYS[day.weekday()].capitalize()
                when = "today" if ahead == 0 else "tomorrow" if ahead == 1 else f"on {weekday}" if ahead < 8 else f"on {weekday} {day.day} {day:%B}"
                return f"We are closed now and open again {when} at {start:%H:%M}."
    return "We have no opening hours on record; please write to us."


def open_hours(clinic: Mapping[str, Any], now: dt.datetime, days: int = 120) -> List[Tuple[dt.datetime, dt.datetime]]:
    """When the clinic is open from `now` (aware) on, in order, as (start, end) on its clock without a zone."""
    here = now.astimezone(ZoneInfo(clinic["clinic"]["time_zone"])).replace(tzinfo=None)
    closed = closed_days(clinic)
    found = []
    for day in (here.date() + dt.timedelta(days=n) for n in range(days)):
        for start, end in _spans(clinic, day.weekday()) if day not in closed else ():
            opens, closes = dt.datetime.combine(day, start), dt.datetime.combine(day, end)
            if closes > here:
                found.append((max(opens, here.replace(second=0, microsecond=0)), closes))
    return found


def _money(clinic: Mapping[str, Any], amount: float) -> str:
    return "free of charge" if not amount else f"{clinic['prices']['currency']}{amount:,.2f}".replace(".00", "")


_AREAS = {
    "abdomen": r"tummy|belly|stomach|abdomen",
    "breasts": r"breasts?|chest",
    "hips": r"hips?",
    "thighs": r"thighs?",
    "buttocks": r"bottom|buttocks?|bum",
    "arms": r"arms?",
    "calves": r"calves|calf|lower legs?",
    "back": r"back",
    "knees": r"knees?",
}


def price_list(clinic: Mapping[str, Any], areas: Sequence[str] = ()) -> str:
    """The prices, one a line, and the note below them. With `areas` only their rows; the empty string when the clinic's list does not name each of them.

    A row names its areas as "size (such as one or two together)": "the tummy" is a price for the tummy, "tummy and hips" is none for the hips alone.
    """
    prices = clinic["prices"]
    rows = dict(prices["per_session"])
    if areas:
        named = {row: [_areas_in(example) for example in re.split(r"\bor\b|[(),]|such as", row)] for row in rows}
        together = [row for row, examples in named.items() if set(areas) in examples]
        single = [next((row for row, examples in named.items() if {area} in examples), "") for area in areas]
        chosen = together[:1] or single
        if not all(chosen):
            return ""
        rows = {row: rows[row] for row in dict.fromkeys(chosen)}
    return "\n" + "\n".join(f"{row}: {_money(clinic, amount)} a session" for row, amount in rows.items()) + f"\n{prices['note']}"


def _areas_in(words: str) -> Set[str]:
    return {area for area, pattern in _AREAS.items() if re.search(rf"\b(?:{pattern})\b", words.lower())}


def facts(clinic: Mapping[str, Any], now: Optional[dt.datetime] = None) -> Dict[str, str]:
    """Every `{variable}` an answer may use, as text."""
    me, numbers = clinic["clinic"], clinic["emergency"][clinic["clinic"]["country"]]
    prices, pay, rules = clinic["prices"], clinic["payment"], clinic["policies"]
    hours = hours_by_day(clinic)
    return {
        "clinic_name": me["name"],
        "phone": me["phone"],
        "email": me["email"],
        "website": me["website"],
        "address": me["address"],
        "directions": me["directions"],
        "transport": me["transport"],
        "parking": me["parking"],
        "emergency_number": str(numbers["number"]),
        "urgent_line": numbers["urgent"],
        "crisis_lines": numbers["crisis"] + ".",
        "hours": "\n" + "\n".join(f"{day}: {text}" for day, text in hours),
        "hours_line": "; ".join(f"{day} {text}" for day, text in hours),
        "open_now": open_now(clinic, now),
        "price_list": price_list(clinic),
        "price_from": _money(clinic, min(prices["per_session"].values())),
        "consultation_price": _money(clinic, prices["consultation"]),
        "consultation_minutes": str(clinic["consultation"]["minutes"]),
        "consultation_how": clinic["consultation"]["how"],
        "deposit": pay["deposit"],
        "payment_methods": pay["methods"],
        "instalments": pay["instalments"],
        "insurance": pay["insurance"],
        "refund_policy": pay["refunds"],
        "cancellation_hours": str(rules["cancellation_hours"]),
        "late_minutes": str(rules["late_minutes"]),
        "late_policy": rules["late"],
        "companion_policy": rules["companions"],
        "photos_policy": rules["photos"],
        "no_result_policy": rules["no_result"],
        "minimum_age": str(rules["minimum_age"]),
        "practitioners": "; ".join(f"{p['name']} ({p['role']})" for p in clinic["practitioners"]),
        "practitioner_choice": clinic["practitioner_choice"],
        "device": clinic["treatment"]["device"],
        "session_minutes": str(clinic["treatment"]["session_minutes"]),
        "waiting_time": clinic["treatment"]["waiting"],
        "other_treatments": clinic["treatment"]["others"],
        "retention_days": str(clinic["privacy"]["retention_days"]),
        "privacy_contact": clinic["privacy"]["contact"],
        "screening_purpose": clinic["privacy"]["screening_purpose"],
        "screening_retention_days": str(clinic["privacy"]["screening_retention_days"]),
    }


class _Strict(string.Formatter):
    """`{variable}` substitution that fails on a name nobody defined."""

    def get_value(self, key: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if not isinstance(key, str) or key not in kwargs:
            raise KeyError(f"The answer names the variable {key!r}, which clinic.yml does not give.")
        return kwargs[key]


_OPENS_A_SENTENCE = re.compile(r"(^|\n|[.!?] )\{(\w+)\}")


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Put the clinic's facts into `text`: a fact that opens a sentence gets a capital, a full stop it brings is not doubled."""

    def capital(match: Any) -> str:
        fact = facts.get(match[2], match[0])
        return match[1] + (fact[:1].upper() + fact[1:]).replace("{", "{{").replace("}", "}}") if match[2] in facts else match[0]

    filled = _Strict().vformat(_OPENS_A_SENTENCE.sub(capital, text), (), facts)
    return re.sub(r" +\n", "\n", filled.replace("..", ".").replace(". .", ".")).strip()
