"""What the clinic has written into `clinic.yml`, as the values that answers may name in braces."""

import datetime as dt
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple
from zoneinfo import ZoneInfo

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

ROOT = Path(__file__).resolve().parent.parent
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class ClinicFileError(ValueError):
    """`clinic.yml` cannot be used; the message says which line to mend."""


_TEXT = {"type": "string", "minLength": 1}
_DAY = {"type": ["array", "null"], "items": {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d ?- ?([01]\d|2[0-3]):[0-5]\d$"}}


def _part(texts: str, **others: Any) -> Dict[str, Any]:
    """A mapping whose values `texts` (names, space between) are texts and which has `others` besides."""
    properties = {**dict.fromkeys(texts.split(), _TEXT), **others}
    return {"type": "object", "properties": properties, "required": list(properties)}


_NUMBER = {"type": "number", "minimum": 0}
SCHEMA: Dict[str, Any] = {
    "type": "object",
    "properties": {
        "clinic": _part("name country time_zone phone email website address directions transport parking"),
        "emergency": {"type": "object", "additionalProperties": _part("number urgent crisis")},
        "opening_hours": {"type": "object", "properties": dict.fromkeys(DAYS, _DAY), "additionalProperties": False},
        "prices": _part("currency note", consultation=_NUMBER, per_session={"type": "object", "minProperties": 1, "additionalProperties": _NUMBER}),
        "payment": _part("methods instalments insurance deposit refunds"),
        "policies": _part("late companions photos no_result", cancellation_hours=_NUMBER, late_minutes=_NUMBER, minimum_age=_NUMBER),
        "consultation": _part("how", minutes=_NUMBER),
        "practitioners": {"type": "array", "minItems": 1, "items": _part("name role")},
        "practitioner_choice": _TEXT,
        "treatment": _part("device session_minutes waiting others"),
        "privacy": _part("contact screening_purpose consent_version", retention_days=_NUMBER, screening_retention_days=_NUMBER),
    },
}
SCHEMA["required"] = list(SCHEMA["properties"])


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
    return clinic


def _spans(clinic: Mapping[str, Any], day: int) -> List[Tuple[dt.time, dt.time]]:
    spans = []
    for span in clinic["opening_hours"].get(DAYS[day]) or []:
        start, end = (dt.time.fromisoformat(part.strip()) for part in span.split("-"))
        spans.append((start, end))
    return spans


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
    for start, end in _spans(clinic, local.weekday()):
        if start <= local.time() < end:
            return f"We are open now, until {end:%H:%M}."
    for ahead in range(8):
        day = local + dt.timedelta(days=ahead)
        for start, _ in _spans(clinic, day.weekday()):
            if ahead or start > local.time():
                when = "today" if ahead == 0 else "tomorrow" if ahead == 1 else f"on {DAYS[day.weekday()].capitalize()}"
                return f"We are closed now and open again {when} at {start:%H:%M}."
    return "We have no opening hours on record; please write to us."


def _money(clinic: Mapping[str, Any], amount: float) -> str:
    return "free of charge" if not amount else f"{clinic['prices']['currency']}{amount:,.2f}".replace(".00", "")


def facts(clinic: Mapping[str, Any], now: Optional[dt.datetime] = None) -> Dict[str, str]:
    """Every `{variable}` an answer may use, as text."""
    me, numbers = clinic["clinic"], clinic["emergency"][clinic["clinic"]["country"]]
    prices, pay, rules = clinic["prices"], clinic["payment"], clinic["policies"]
    per_session = prices["per_session"]
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
        "price_list": "\n" + "\n".join(f"{area}: {_money(clinic, amount)} a session" for area, amount in per_session.items()) + f"\n{prices['note']}",
        "price_from": _money(clinic, min(per_session.values())),
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
